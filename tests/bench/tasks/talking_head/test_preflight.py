"""What cannot be run is refused before anything is filmed or trained, in one line that says what to change."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head import preflight
from privtalk.core.errors import UserError
from privtalk.methods.adapters import AdapterBank


@pytest.fixture
def nothing_is_made(monkeypatch, tmp_path):
    """An empty cache, in which a test sees whether anything was filmed or written."""
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    yield
    made = [path for path in tmp_path.rglob("*") if path.is_file() and "accounting" not in path.parts]
    assert made == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            ["attack.timesteps=[1000]"],
            r"attack\.timesteps has 1000; the backbone's diffusion goes from 0 to 999",
        ),
        (["attack.timesteps=[-1]"], r"attack\.timesteps has -1"),
        (["evaluation.steps=1001"], r"evaluation\.steps is 1001, the backbone's diffusion has 1000"),
        (["federation.window_frames=6"], r"federation\.window_frames is 6, training clips have 5 frames"),
        (["personalisation.window_frames=6"], r"personalisation\.window_frames is 6, training clips have 5"),
        (
            ["personalisation.part=added", "personalisation.adapter.rank=4096"],
            r"personalisation\.adapter\.rank is 4096, the widest layer it is put on has rank \d+; lower it",
        ),
        (["attack.window=5"], r"attack\.window is 5, fresh clips have 4 frames"),
        (["attack.exact=6"], r"attack\.exact is 6, training clips have 5 frames"),
        (["attack.frames=5"], r"attack\.frames is 5, windows have 4 frames"),
        (
            ["corpus.fresh={clips: 1, frames: 4}"],
            r"corpus\.fresh\.clips is 1; attacks need one for a portrait",
        ),
        (["adapter.targets=['*.nowhere']"], r"no linear layer of the denoiser matches"),
        (
            ["adapter.rank=4096"],
            r"adapter\.rank is 4096, the widest layer it is put on has rank \d+; lower it",
        ),
        (["federation.rate=0.1"], r"8 clients at rate 0\.1 leave too many rounds below 2 clients"),
        (
            ["federation.rate=0.0001", "federation.secure_aggregation=false"],
            r"none of the last 3 rounds has a client of 8 at rate 0\.0001; raise federation\.rate",
        ),
        (
            [
                "privacy.noise_multiplier=0.01",
                "federation.secure_aggregation=false",
                "privacy.placement=central",
            ],
            r"epsilon 8 does not afford one round at noise multiplier 0\.01",
        ),
        (
            ["federation.normalisation=appended"],
            r"normalisation 'appended' works with fresh central noise alone",
        ),
        (
            ["privacy.clipping=adaptive"],
            r"distributed noise is accounted for fixed clipping of sampled clients",
        ),
        (
            ["partition={kind: dirichlet, attribute: shoe}"],
            r"partition\.attribute is 'shoe', people have no such",
        ),
    ],
)
def test_what_would_fail_later_fails_first(request_for, nothing_is_made, changes, line):
    request = request_for("fedavg", changes=tuple(changes), tiers=("eps=8",))
    with pytest.raises(UserError, match=line) as caught:
        command.run(request)
    assert "\n" not in str(caught.value)


def test_too_little_memory_is_told_with_a_way_out(request_for, nothing_is_made, monkeypatch):
    monkeypatch.setattr(preflight, "available_memory", lambda: 1000.0)
    told = r"takes about 0\.8 GiB of memory each, 2 at once, 1\.0 GiB are free; use --workers 1"
    with pytest.raises(UserError, match=told):
        command.run(request_for("fedavg", workers=2))


def test_too_little_disk_is_told_with_a_way_out(request_for, nothing_is_made, monkeypatch):
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**28))
    with pytest.raises(UserError, match=r"the corpus takes about .* GiB in .*lower corpus\.clients"):
        command.run(request_for("fedavg"))


def test_the_size_of_an_adapter_is_known_without_making_one(request_for):
    opened, plan, _ = command.prepare(request_for("fedavg", "ffa_lora"))
    network = opened.resources.network
    for planned in plan.cells:
        config = preflight.adapter_config(planned.cell.method, planned.cell.training.adapter)
        made = AdapterBank.initial(open_backbone(network).denoiser, config, lambda *names: _generator())
        assert preflight.shape(config, network).dim == made.dim


def _generator():
    import torch

    return torch.Generator().manual_seed(0)


def test_cohorts_are_those_that_training_draws(request_for):
    request = request_for("fedavg", tiers=("none",), changes=("attack.worlds=0", "attack.victims=0"))
    _, plan, _ = command.prepare(request)
    cell = plan.cells[0].cell
    assert command.run(request) == command.OK
    [record] = command.RunStore(request.out)
    found = preflight.cohorts(cell.training.federation, preflight.client_count(cell), cell.seed)
    assert list(found) == record.training["cohort"]


def test_finished_cells_are_not_checked_again(request_for, monkeypatch):
    """A folder that is complete is shown on a machine that could not make it."""
    preflight.check([], None, None, 1)


def test_a_void_delta_is_said_before_the_run_and_in_its_record(request_for, capsys):
    changes = ("privacy.delta=0.5", "attack.worlds=0", "attack.victims=0")
    request = request_for("fedavg", tiers=("eps=8",), changes=changes)
    assert command.run(request) == command.OK
    said = "delta 0.5 is not below 1/N = 0.125: such a guarantee is void"
    assert f"eps=8: {said}; lower privacy.delta" in capsys.readouterr().err.replace("\n", " ")
    [record] = command.RunStore(request.out)
    assert (record.privacy.guarantee, record.privacy.reason) == (False, said)
    assert record.privacy.epsilons.outsider is None


def test_the_disk_that_footage_takes_is_known_before_it_is_filmed(request_for):
    """Files of the small world are mostly what is known of a frame beside its pixels: the harder case."""
    request = request_for("static")
    _, plan, _ = command.prepare(request)
    assert command.run(request) == command.OK
    files = EmbeddedPopulation(plan.settings.corpus).files()
    taken = sum(shard.path.stat().st_size for shard in files)
    assert preflight.footage_bytes(plan.settings.corpus) == pytest.approx(taken, rel=0.15)
