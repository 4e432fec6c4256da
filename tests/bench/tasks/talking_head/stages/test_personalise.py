"""Private steps of a cell: where they start, what is kept of them, and what a kill leaves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from privtalk.bench import suites
from privtalk.bench.tasks.talking_head.costs import costs
from privtalk.bench.tasks.talking_head.stages import personalise
from privtalk.bench.tasks.talking_head.stages.personalise import KEPT, banks_of, personalise_cell
from privtalk.bench.tasks.talking_head.stages.train import Trained
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.registry import build
from tests.methods.conftest import random_clip

CHANGES = ("personalisation.steps=[1, 3]", "federation.window_frames=3")


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture(scope="module")
def clients(backbone):
    return [ClientData.of(k, [random_clip(backbone, 6, k)]) for k in range(3)]


def cell_of(row, *changes, suite="methods"):
    plan = suites.expand(suites.load(suite), "smoke", methods=[row], changes=[*CHANGES, *changes])
    return plan.cells[0].cell


@pytest.fixture
def personalised(backbone, clients, tmp_path):
    """Private steps of a row whose training ended with `adapter` (or the initial one), and what was reported."""

    def make(row, *changes, shift=0.0, mean=None, kept=None, folder=tmp_path):
        cell, said = cell_of(row, *changes), []
        template = AdapterBank.initial(
            backbone.denoiser, cell.training.adapter, partial(torch_stream, cell.seed)
        )
        state = TrainingState(round=1, adapters=template.flatten() + shift, clients=kept or {})
        if mean is not None:
            state = replace(state, mean=template.flatten() + mean, averaged=1)
        alone = row == "local_only"
        method = None if alone else build(row)
        trained = Trained(state=state, template=template, method=method, alone=alone)
        found = personalise_cell(
            lambda *where: said.append(where),
            cell,
            cell.training,
            backbone,
            trained,
            clients,
            folder / cell.id,
        )
        return found, said

    return make


def test_a_row_whose_training_moved_nothing_is_local_only_bit_for_bit(personalised, tmp_path):
    alone, _ = personalised("local_only")
    for row in ("fedavg", "privfedtalk", "fedprox"):
        found, _ = personalised(row)
        assert list(found.personal) == [1, 3]
        for count in (1, 3):
            assert torch.equal(found.personal[count].flatten(), alone.personal[count].flatten())
    moved, _ = personalised("fedavg", shift=0.01, folder=tmp_path / "other")
    assert not torch.equal(moved.personal[3].flatten(), alone.personal[3].flatten())


@pytest.mark.parametrize("row", ["fedavg", "fedsa_lora", "ditto"])
def test_devices_go_on_from_the_mean_where_a_mean_is_released(personalised, tmp_path, row):
    released, _ = personalised(row, shift=0.01)
    averaged, _ = personalised(row, shift=5.0, mean=0.01, folder=tmp_path / "other")
    assert torch.equal(averaged.personal[3].flatten(), released.personal[3].flatten())


def test_the_row_that_shares_nothing_is_what_its_last_steps_made(personalised):
    alone, _ = personalised("local_only")
    assert torch.equal(alone.bank.flatten(), alone.personal[3].flatten())
    assert list(banks_of(alone)) == ["1"]
    assert len(alone.state.curves["loss"]) == 3
    shared, _ = personalised("fedavg")
    assert len(shared.bank) == 1
    assert list(banks_of(shared)) == ["1", "3"]
    assert "loss" not in shared.state.curves
    assert banks_of(None) == {}


def test_what_devices_hold_is_where_their_steps_begin(personalised):
    """Ditto's devices keep adapters of their own; who never took part holds the global one."""
    dim = personalised("fedavg")[0].template.dim
    held = torch.full((dim,), 0.02)
    found, _ = personalised("ditto", shift=0.01, kept={1: {"adapter": held}})
    assert list(banks_of(found)) == ["0", "1", "3"]
    at_start = found.personal[0].flatten()
    assert torch.equal(at_start[1], held)
    assert torch.equal(at_start[0], found.bank.flatten()[0])
    assert not torch.equal(found.personal[1].flatten()[1], held)


def test_an_added_part_has_its_own_layers_and_leaves_the_release(personalised):
    changes = (
        "personalisation.part=added",
        "personalisation.adapter={rank: 3, targets: ['up_blocks.1.*.to_v']}",
    )
    found, _ = personalised("fedavg", *changes, shift=0.01)
    plain, _ = personalised("fedavg", shift=0.01)
    assert torch.equal(found.bank.flatten(), plain.bank.flatten())
    bank = found.personal[3]
    assert bank.config.rank == found.template.config.rank + 3
    early = next(name for name in bank.factors if name.startswith("down_blocks"))
    released = found.bank.factors[early]
    product = bank.factors[early].b @ bank.factors[early].a * bank.config.scale
    torch.testing.assert_close(product[2], (released.b @ released.a)[0] * found.bank.config.scale)


def test_steps_that_were_taken_are_not_taken_again(personalised, monkeypatch):
    first, said = personalised("fedavg")
    assert said[-1][0] == "personalising"
    monkeypatch.setattr(personalise, "take_steps", lambda *a: pytest.fail("steps are taken again"))
    again, silent = personalised("fedavg")
    assert silent == []
    for count in (1, 3):
        assert torch.equal(first.personal[count].flatten(), again.personal[count].flatten())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"of', b'"if')),
    ],
    ids=["empty", "cut", "a folder", "of nothing"],
)
def test_kept_steps_that_are_damaged_are_taken_again_with_a_word(personalised, tmp_path, capsys, spoil):
    first, _ = personalised("fedavg")
    [path] = tmp_path.rglob(KEPT)
    spoil(path)
    again, said = personalised("fedavg")
    assert said
    assert "private steps are taken again" in capsys.readouterr().err
    assert torch.equal(first.personal[3].flatten(), again.personal[3].flatten())


def test_steps_that_diverge_are_refused_with_the_way_out(personalised):
    with pytest.raises(ValueError, match=r"private steps diverged .* lower personalisation\.lr"):
        personalised("fedavg", "personalisation.lr=1e30", "federation.optimizer=sgd")


def test_rows_without_counts_have_no_variants_and_local_only_trains_as_before(personalised):
    found, said = personalised("fedavg", "personalisation.steps=[]")
    assert (found.personal, said) == ({}, [])
    alone, _ = personalised("local_only", "personalisation.steps=[]", "federation.rounds=2")
    assert list(alone.personal) == [2 * cell_of("local_only").training.federation.local_steps]
    assert cell_of("local_only", "personalisation.steps=[]").at == {}
    assert cell_of("local_only").at == {"personal": "3"}
    held, _ = personalised("ditto", "personalisation.steps=[]")
    assert list(banks_of(held)) == ["0"]


def test_guessed_costs_grow_with_steps_and_with_what_is_scored():
    few, many = (costs(cell_of("fedavg", f"personalisation.steps={steps}")) for steps in ("[1]", "[1, 8]"))
    assert many["personalising"] == 8 * few["personalising"] > 0
    assert many["generating"] / few["generating"] == pytest.approx(3 / 2)
    assert costs(cell_of("fedavg", "personalisation.steps=[]"))["personalising"] == 0
