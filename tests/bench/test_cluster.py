"""The same bytes in records on every executor and by any number of workers; workers that die change nothing."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from privtalk.bench import cli, plugins
from privtalk.bench.commands import run as command
from privtalk.bench.execution import (
    Engine,
    Failed,
    Job,
    Progressed,
    Retried,
    Succeeded,
    execute,
    held,
    run_in_process,
    team,
)
from privtalk.bench.runner import run_cell
from privtalk.bench.task import Place
from tests.bench.runs import results
from tests.bench.test_execution import die, fail, product, products, threads

SUITE = """
name: toys
about: Two rows.
task: {task}
seeds: [{seeds}]
grids:
  - {{method: [still]}}
  - {{method: [mean], tier: [none, readings=4, readings=16]}}
presets:
  small: {{about: the only one}}
"""
HERE = Path(__file__)
TOY = f"{HERE.with_name('toy_task.py')}:Toy"
SLOW = f"{HERE.with_name('slow_toy_task.py')}:SlowToy"
ENGINES = ["processes", "ray"]


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(task="toy", seeds=2):
        path = tmp_path / f"{task}.yaml"
        path.write_text(SUITE.format(task=task, seeds=", ".join(map(str, range(seeds)))))
        return str(path)

    yield write
    plugins.forget()


def engine_of(name, **fields):
    """An engine by its name; a test of one that is not installed is left out."""
    if name == "ray":
        pytest.importorskip("ray", reason="ray is not installed: the extra `cluster`")
    return Engine(name=name, **fields)


def paced(report, folder):
    """Takes .6 s in the first process that comes to `folder`, .1 s in every other; says which it was."""
    with suppress(FileExistsError):
        (Path(folder) / "slow").symlink_to(str(os.getpid()))
    slow = str((Path(folder) / "slow").readlink()) == str(os.getpid())
    time.sleep(0.6 if slow else 0.1)
    return slow


def test_a_worker_that_was_seen_to_be_slow_does_not_keep_the_others_waiting(tmp_path):
    """The slow worker takes some of eight tasks, before its speed is known, and none of the three after them."""
    engine = engine_of("ray")
    with held(engine, 2), team(2, engine=engine) as found:
        early, late = (
            [o.value for o in found.run([Job(str(k), paced, (str(tmp_path),)) for k in range(count)])]
            for count in (8, 3)
        )
    assert 1 <= early.count(True) <= 2
    assert late == [False] * 3


def test_a_cluster_gives_the_bits_of_the_plain_loop_and_survives_what_dies():
    """One cluster of two workers for all: starting it takes seconds."""
    engine = engine_of("ray")
    sound = [Job("a", product, (1,)), Job("b", product, (2,)), Job("threads", threads), Job("p", products)]
    events = []
    with held(engine, 2):
        found = execute([Job("bad", fail), Job("dead", die), *sound], 2, events.append, engine=engine)
        outcomes = {outcome.key: outcome for outcome in found}
    plain = {outcome.key: outcome.value for outcome in run_in_process(sound)}
    assert {key: outcomes[key].value for key in plain} == plain
    assert outcomes["bad"].reason == "KeyError: 'nothing here'"
    assert "in fail" in outcomes["bad"].traceback
    assert outcomes["dead"] == Failed("dead", "the worker died, or its machine did; it was tried 3 times", "")
    assert [e.deaths for e in events if isinstance(e, Retried)] == [1, 2]
    own = [event for event in events if event.key == "a"]
    assert own[1] == Progressed("a", "multiplying", 1, 2)
    assert own[1].mib > 50
    assert isinstance(own[2], Succeeded)


@pytest.mark.parametrize("name", ["inprocess", *ENGINES])
def test_records_are_equal_on_every_executor_and_by_any_number_of_workers(suite, tmp_path, name, capsys):
    engine = engine_of(name)
    path, counts = suite(), (1,) if name == "inprocess" else (1, 2, 4)

    def run(folder, *more):
        line = ["run", "--suite", path, "--task", TOY, "-o", str(folder), *more]
        assert cli.guarded(line) == 0
        return results(folder)

    plain = run(tmp_path / "plain", "--workers", "1")
    assert len(plain) == 4
    with held(engine, 4):  # a cluster that is there is used
        for workers in counts:
            found = run(tmp_path / f"{name}-{workers}", "--executor", name, "--workers", str(workers))
            assert found == plain
            files = sorted((tmp_path / f"{name}-{workers}" / "samples").iterdir())
            assert [f.read_bytes() for f in files] == [
                f.read_bytes() for f in sorted((tmp_path / "plain" / "samples").iterdir())
            ]
    capsys.readouterr()


class Killer:
    """Kills a worker at each of some reports, which are drawn from a seed."""

    def __init__(self, folder, kills, reports, seed):
        self.folder, self.rng = folder, random.Random(seed)
        self.at = Counter(self.rng.choices(range(reports), k=kills))
        self.due, self.heard, self.killed, self.retried = 0, 0, 0, 0

    def __call__(self, event):
        self.retried += isinstance(event, Retried)
        if isinstance(event, Progressed):
            self.due += self.at[self.heard]
            self.heard += 1
            while self.due and self.strike():
                self.due, self.killed = self.due - 1, self.killed + 1

    def strike(self):
        """Kills one of those that live: at work, between two tasks, or just starting."""
        known = {int(path.name) for path in self.folder.joinpath("pids").iterdir()}
        known |= {child.pid for child in multiprocessing.active_children()}
        for pid in self.rng.sample(sorted(known), len(known)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                (self.folder / "pids" / str(pid)).unlink(missing_ok=True)
                return True
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("name", ENGINES)
def test_twenty_killed_workers_change_nothing(suite, tmp_path, name):
    engine = engine_of(name, most=99)
    request = command.Request(
        suite=suite("slow_toy", seeds=6), brought=(("task", SLOW),), out=tmp_path / "killed", workers=2
    )
    opened, plan, found = command.prepare(request)
    killed, plain = (Place(tmp_path / folder, None, opened.device, found) for folder in ("killed", "plain"))
    for place in (killed, plain):
        place.folder.mkdir()
    first = Job("plugins", plugins.enrol_all, (found,))

    def jobs(place):
        return [Job(planned.key, run_cell, (planned, place)) for planned in plan.cells]

    assert all(isinstance(o, Succeeded) for o in run_in_process(jobs(plain)))
    killer = Killer(killed.folder, kills=20, reports=8 * len(plan.cells) - 8, seed=17)
    outcomes = list(execute(jobs(killed), 2, killer, first=first, engine=engine))
    assert len(outcomes) == len(plan.cells)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert killer.killed == 20
    assert killer.retried > 5
    assert results(killed.folder) == results(plain.folder)


def test_without_ray_the_extra_is_named_in_a_line(suite, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    line = ["run", "--suite", suite(), "--task", TOY, "-o", str(tmp_path / "a"), "--executor", "ray"]
    assert cli.guarded(line) == 2
    said = capsys.readouterr().err.strip()
    assert "--executor ray needs the extra 'cluster'" in said
    assert "pip install 'privtalk-bench[cluster]'" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--executor", "rya"], "unknown executor 'rya' (did you mean ray?)"),
        (["--address", "auto"], "--address auto: only --executor ray has workers elsewhere"),
        (["--gpus", "0.5", "--executor", "processes"], "--gpus 0.5: only --executor ray"),
    ],
)
def test_mistakes_about_executors_are_told_in_a_line(suite, tmp_path, capsys, more, said):
    line = ["run", "--suite", suite(), "--task", TOY, "-o", str(tmp_path / "a"), *more]
    assert cli.guarded(line) == 2
    err = capsys.readouterr().err.strip()
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_a_machine_that_is_lost_in_mid_run_costs_nothing(suite, tmp_path):
    """Two nodes of a cluster that runs already; the second is taken away while both work."""
    engine_of("ray")
    utils = pytest.importorskip("ray.cluster_utils")
    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = utils.Cluster(initialize_head=True, head_node_args=small | {"include_dashboard": False})
    try:
        second = cluster.add_node(**small)
        seen = set()

        def lose(event):
            if isinstance(event, Progressed):
                seen.add(event.key)
            if len(seen) == 2 and second in cluster.list_all_nodes():
                cluster.remove_node(second, allow_graceful=False)

        engine = Engine(name="ray", address=cluster.address)
        tasks = [Job(str(n), slow_product, (n,)) for n in range(4)]
        found = {o.key: o for o in execute(tasks, 2, lose, engine=engine)}
        assert second not in cluster.list_all_nodes()
        plain = {o.key: o.value for o in run_in_process(tasks)}
        assert {key: outcome.value for key, outcome in found.items()} == plain
    finally:
        cluster.shutdown()


def slow_product(report, seed):
    for step in range(20):
        report("waiting", step, 20)
        time.sleep(0.1)
    return product(report, seed)
