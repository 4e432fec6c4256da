"""Training of a cell."""

from __future__ import annotations

from functools import partial
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from torch import nn

from privtalk.bench.commands.run import prepare
from privtalk.bench.tasks.talking_head.stages.train import (
    checked,
    client_data,
    initial_adapter,
    message_factor,
    mib,
    restore,
)
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import AdapterConfig
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.training import train
from privtalk.methods.federation.transcript import Keep


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_diverged_training_is_refused_by_round_and_with_the_way_out(value):
    adapters = torch.zeros(1, 4)
    sound = TrainingState(round=3, adapters=adapters)
    assert checked(sound) is sound
    adapters[0, 2] = value
    with pytest.raises(ValueError, match=r"diverged in round 3: .*lower federation.lr"):
        checked(sound)


@pytest.mark.parametrize("row", ["fedavg", "privfedtalk"])
def test_a_message_moves_the_global_adapter_by_its_factor(opened_cell, row):
    """Without noise, the step of a round is the sum of its messages times the factor."""
    cell, _, world = opened_cell(row)
    data = client_data(world.clients, world.people, world.store)
    training = cell.training
    template = initial_adapter(cell, training, world.backbone)
    [first, *_] = train(
        row,
        world.backbone,
        template,
        data,
        training.federation.model_copy(update={"rounds": 1, "secure_aggregation": False}),
        partial(torch_stream, cell.seed),
        options=training.options,
        keep=Keep(messages=True, adapters=True),
    )
    moved = first.adapters[0] - first.transcript.adapters[0]
    factor = message_factor(cell, training, data)
    torch.testing.assert_close(moved, factor * first.transcript.messages[0].sum(0), rtol=1e-4, atol=1e-6)


def test_published_weights_have_no_factor(request_for):
    _, plan, _ = prepare(request_for("fedavg", changes=("federation.normalisation=cohort",)))
    cell = plan.cells[0].cell
    assert message_factor(cell, cell.training, []) == 0


@pytest.fixture
def bank():
    layers = nn.ModuleDict({"x": nn.Linear(2, 1)})
    config = AdapterConfig(rank=1, targets=("*",))
    return AdapterBank.initial(layers, config, lambda *names: torch.Generator().manual_seed(0))


def state(dim=3, rounds=1):
    return TrainingState(round=rounds, adapters=torch.ones(1, dim))


def test_a_checkpoint_is_gone_on_from(tmp_path, bank, capsys):
    assert restore(tmp_path / "s", "cell", bank, 2, {1}) is None
    state().save(tmp_path / "s", "cell")
    assert restore(tmp_path / "s", "cell", bank, 2, {1}).round == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"nothing of the kind"),
        lambda path: (path / "in").mkdir(parents=True),
        lambda path: path.symlink_to("nowhere"),
        lambda path: state().save(path, "another cell"),
        lambda path: state(dim=4).save(path, "cell"),
        lambda path: state(rounds=3).save(path, "cell"),
    ],
    ids=["empty", "noise", "folder", "dead link", "of another cell", "of another size", "past the end"],
)
def test_a_checkpoint_that_is_none_is_made_anew_with_a_word(tmp_path, bank, capsys, spoil):
    path = tmp_path / "s"
    spoil(path)
    assert restore(path, "cell", bank, 2, {1}) is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "training starts again" in said
    assert list(tmp_path.iterdir()) == []
    state().save(path, "cell")
    assert restore(path, "cell", bank, 2, {1}).round == 1


def test_features_that_are_read_when_drawn_train_to_the_same_bits(opened_cell):
    """Also after the journey to another process, where only the place of the clips is sent."""
    cell, _, world = opened_cell("fedavg")
    held, streamed = (client_data(world.clients, world.people, world.store, bound) for bound in (1e9, -1.0))
    assert all(callable(client.held) for client in streamed)
    assert max(len(bytes(ForkingPickler.dumps(client))) for client in streamed) < 4_000
    assert [(c.index, c.lengths, c.people) for c in held] == [
        (c.index, c.lengths, c.people) for c in streamed
    ]
    ends = []
    for data in (held, [ForkingPickler.loads(ForkingPickler.dumps(client)) for client in streamed]):
        [*_, last] = train(
            "fedavg",
            world.backbone,
            initial_adapter(cell, cell.training, world.backbone),
            data,
            cell.training.federation.model_copy(update={"rounds": 2}),
            partial(torch_stream, cell.seed),
        )
        ends.append(last.adapters)
    assert torch.equal(*ends)


def test_only_what_goes_beyond_the_bound_is_streamed(opened_cell):
    _, _, world = opened_cell("fedavg")
    first = client_data(world.clients[:1], world.people, world.store)[0].features
    found = client_data(world.clients, world.people, world.store, 0.5 * mib(first))
    assert [callable(client.held) for client in found] == [False] + [True] * (len(found) - 1)


@pytest.mark.parametrize("bound", [1e9, -1.0])
def test_clients_hold_the_clips_that_they_were_dealt(opened_cell, bound):
    _, _, world = opened_cell("fedavg")
    people = {person.name: person for person in world.people}
    dealt = [client.clips for client in world.clients]
    assert any(number > 0 for clips in dealt for _, number in clips)
    for clips, data in zip(dealt, client_data(world.clients, world.people, world.store, bound), strict=True):
        loaded = [(world.store.load(people[name], "train"), number) for name, number in clips]
        for part in ("latents", "audio", "landmarks"):
            wanted = torch.cat([getattr(person, part)[number] for person, number in loaded])
            assert torch.equal(getattr(data.features, part), wanted)
