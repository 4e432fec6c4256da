"""The comparison itself: every engine does the same work, and the table says what was measured."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
import torch

from tests.peers import measure, table
from tests.peers.cell import CellWorkload
from tests.peers.engine import Stopwatch, timed
from tests.peers.in_process import LoopEngine, OursEngine, loop
from tests.peers.measure import PeerRow, WeightsDiffer, differences, side_by_side
from tests.peers.mlp import MlpWorkload
from tests.peers.workload import Played, load, train_one, vector

CELL, MLP = CellWorkload(clients=4, tiny=True, rounds=1, slow_rounds=2), MlpWorkload(rounds=2, slow_rounds=3)
each_workload = pytest.mark.parametrize("workload", [CELL, MLP], ids=lambda workload: workload.name)


class FakeEngine:
    """Plays at a speed that is set, to weights that are set."""

    slow, resources = False, "none"

    def __init__(self, name, seconds, off=0.0, packages=("torch",)):
        self.name, self.seconds, self.off, self.packages = name, seconds, off, packages

    def play(self, workload, rounds, cores):
        return Played(
            workload.learner().start + 1 + self.off, self.seconds * rounds, 2 * self.seconds * rounds
        )


@each_workload
def test_the_loop_and_ours_come_to_the_same_weights(workload):
    start = workload.learner().start
    largest, relative = differences(loop(workload, 2), workload.ours(2), start)
    assert relative <= workload.tolerance
    assert largest < 1e-3
    assert float((workload.ours(2) - start).norm()) > 0.01, "training went somewhere"


@each_workload
def test_a_client_left_out_is_noticed(workload):
    """The tolerance is far below what one client of a cohort makes of the weights."""
    learner, cohort = workload.learner(), workload.cohort(0)
    fewer = torch.stack([train_one(learner, learner.start, k, 0) for k in cohort[1:]]).mean(0)
    _, relative = differences(fewer, workload.ours(1), learner.start)
    assert relative > 3 * workload.tolerance


@each_workload
def test_weights_come_back_as_they_were_put_in(workload):
    learner = workload.learner()
    weights = torch.arange(float(len(learner.start)))
    load(learner, weights)
    assert torch.equal(vector(learner), weights)


def test_cohorts_of_the_small_network_are_ten_clients_in_turn():
    cohorts = [MLP.cohort(round_) for round_ in range(10)]
    assert {len(cohort) for cohort in cohorts} == {10}
    assert sorted(k for cohort in cohorts for k in cohort) == list(range(100))


def test_a_client_of_the_cell_sees_what_the_engine_draws():
    learner = CELL.learner()
    first, second = learner.batches(1, 0)
    assert [len(part) for part in first] == [learner.config.windows] * 7
    assert not torch.equal(first[0], second[0]) or not torch.equal(first[6], second[6])
    assert all(torch.equal(a, b) for a, b in zip(first, learner.batches(1, 0)[0], strict=True))
    assert not torch.equal(first[6], learner.batches(1, 1)[0][6])


def test_ratios_are_of_turns_and_the_goal_is_judged():
    ours, peer = FakeEngine("mine", 0.1), FakeEngine("plain loop", 0.5)
    first, second = side_by_side(MLP, ours, [peer], 3, 1)
    assert first.is_ours
    assert second.rates == pytest.approx((2.0,) * 3)
    assert second.ratio == pytest.approx(5)
    assert second.cpu_ratio == pytest.approx(5)
    assert table.goal(second) == "4x, met"
    slow = side_by_side(MLP, FakeEngine("mine", 0.2), [peer], 1, 1)[1]
    assert table.goal(slow) == "4x, missed"


def test_weights_that_differ_are_an_error():
    with pytest.raises(WeightsDiffer, match="plain loop and ours differ by"):
        side_by_side(MLP, FakeEngine("mine", 0.1), [FakeEngine("plain loop", 0.1, off=0.01)], 1, 1)
    with pytest.raises(WeightsDiffer):
        side_by_side(MLP, FakeEngine("mine", 0.1), [FakeEngine("plain loop", 0.1, off=float("nan"))], 1, 1)


def test_an_engine_that_is_not_there_is_a_row_that_says_so(tmp_path):
    absent = FakeEngine("pfl-research", 0.1, packages=("no-such-distribution",))
    rows = side_by_side(MLP, FakeEngine("mine", 0.1), [absent], 1, 1)
    assert rows[1] == PeerRow("pfl-research", "", "none", missing="no-such-distribution is not installed")
    report = table.PeerReport(MLP, rows)
    facts = table.machine(1, 1, (1.0, 1.0, 1.0))
    table.write(tmp_path, [report], facts)
    told = json.loads((tmp_path / "peers.json").read_text())
    assert told["tables"][0]["rows"][1]["missing"] == "no-such-distribution is not installed"
    page = (tmp_path / "peers.md").read_text()
    assert "| pfl-research | - | no-such-distribution is not installed |" in page
    assert "generic parts alone" in page
    assert f"- torch: {torch.__version__}" in page


def test_the_terminal_shows_every_row():
    from rich.console import Console

    rows = side_by_side(MLP, FakeEngine("mine", 0.1), [FakeEngine("plain loop", 0.5)], 1, 1)
    console = Console(width=130, record=True, quiet=False)
    with console.capture() as shown:
        console.print(table.rich_table(table.PeerReport(MLP, rows)))
    assert "plain loop" in shown.get()
    assert "5.0x" in shown.get()


def test_clocks_count_what_was_done_and_threads_are_given_back():
    before = torch.get_num_threads()
    played = timed(lambda: torch.ones(1), 1)
    assert torch.get_num_threads() == before
    assert 0 <= played.wall_s < 5
    watch = Stopwatch()
    watch.start()
    sum(k * k for k in range(3_000_000))
    watch.stop()
    assert watch.cpu_s > 0.02


@pytest.mark.parametrize("engine", [OursEngine(), LoopEngine()], ids=lambda engine: engine.name)
def test_engines_of_this_process_play(engine):
    played = engine.play(MLP, 2, 1)
    assert differences(played.weights, MLP.ours(2), MLP.learner().start)[1] <= MLP.tolerance
    assert measure.rounds_of(engine, MLP) == MLP.rounds


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("pfl") is None, reason="pfl is not installed: tox -e peers has it")
@each_workload
def test_pfl_comes_to_the_same_weights(workload):
    from tests.peers.pfl_research import PflEngine

    weights = PflEngine().play(workload, 2, 1).weights
    assert differences(weights, workload.ours(2), workload.learner().start)[1] <= workload.tolerance


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("flwr") is None, reason="flwr is not installed: tox -e peers has it")
def test_flower_comes_to_the_same_weights():
    from tests.peers.flower import FlowerEngine

    weights = FlowerEngine().play(MLP, 2, 1).weights
    assert differences(weights, MLP.ours(2), MLP.learner().start)[1] <= MLP.tolerance
