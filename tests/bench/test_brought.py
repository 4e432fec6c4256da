"""Attacks, metrics and corpora from people's own files and packages: in workers, on resume, on boards, in compare."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from privtalk.attacks.catalogue import CATALOGUE
from privtalk.bench import cli, plugins
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.core.run_folder import Plugin, read_plan
from privtalk.metrics import METRICS
from tests.bench.runs import results

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "extend" / "examples"
MADE = ("my_attack.py", "my_metric.py", "my_corpus.py", "my_suite.yaml", "my_task.py", "my_task_suite.yaml")
BRINGS = ("--attack", "my_attack.py:ATTACK", "--metric", "my_metric.py:METRIC")


@pytest.fixture
def here(tmp_path, monkeypatch, world):
    """A folder of somebody's own, with the examples of the documentation in it."""
    monkeypatch.chdir(tmp_path)
    for name in MADE:
        shutil.copy(EXAMPLES / name, tmp_path / name)
    plugins.forget()
    yield tmp_path
    plugins.forget()


def bench(*arguments):
    return cli.guarded([str(argument) for argument in arguments])


def run(*arguments, out="a", rows="fedavg,static"):
    tiny = ("-s", "my_suite.yaml", "-p", "quick", "--set", "backbone=tiny", "--tiers", "none")
    return bench("run", *tiny, "--rows", rows, "-o", out, *arguments)


def told(capsys):
    [line] = capsys.readouterr().err.strip().splitlines()
    return line


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.json*")}


def test_an_attack_and_a_metric_are_columns_in_workers_on_resume_and_on_boards(here, capsys):
    assert run(*BRINGS, "--workers", "2") == 0
    by = {record.row: record for record in RunStore(here / "a")}
    assert {"least_loss", "least_loss_over_base"} < by["fedavg"].attacks.keys()
    attack = by["fedavg"].attacks["least_loss_over_base"]
    assert attack.controls.keys() == by["fedavg"].attacks["loss_over_base"].controls.keys()
    assert attack.strength.planted == by["fedavg"].attacks["loss_over_base"].strength.planted
    assert attack.source.startswith("this example")
    assert all(record.metrics["sharpness_error"].estimate.value > 0 for record in by.values())
    assert all("sharpness_error" in s.scores for s in RunStore(here / "a").samples(by["static"].cell_id))
    assert list(by["static"].code.plugins) == ["my_attack.py:ATTACK", "my_metric.py:METRIC"]
    kept = [(p.kind, p.reference, p.name, len(p.sha256)) for p in read_plan(here / "a").plugins]
    assert kept == [
        ("attack", "my_attack.py:ATTACK", "least_loss", 64),
        ("metric", "my_metric.py:METRIC", "sharpness_error", 64),
    ]

    capsys.readouterr()
    assert bench("show", "a", "--all") == 0
    shown = capsys.readouterr().out
    assert "sharpness" in shown
    assert "least_loss" in shown.replace(" ", "_")
    assert bench("publish", "a", "-o", "site") == 0
    pages = "".join(page.read_text(encoding="utf-8") for page in (here / "site").rglob("*.html"))
    assert "sharpness" in pages
    assert "least" in pages

    found = results(here / "a")
    RunStore(here / "a").record_path(by["fedavg"].cell_id).unlink()
    plugins.forget()
    assert run(*BRINGS, "--workers", "1") == 0
    assert results(here / "a") == found, "one process, two workers and a resumed run: the same bits"
    assert bench("compare", "a", "a") == 0

    # what all rows are measured with stays what it was
    capsys.readouterr()
    before = contents(here / "a")
    for brings, line in (
        ((), "attack least_loss: there before -> not now"),
        ((*BRINGS, "--metric", "my_other.py:METRIC"), "metric other: not there before -> there now"),
    ):
        plugins.forget()
        text = (here / "my_metric.py").read_text().replace('"sharpness_error"', '"other"')
        (here / "my_other.py").write_text(text)
        assert run(*brings) == 2
        assert line in told(capsys)
    (here / "my_attack.py").write_text((here / "my_attack.py").read_text() + "\n")
    plugins.forget()
    assert run(*BRINGS) == 2
    assert "my_attack.py:ATTACK was changed since" in told(capsys)
    assert contents(here / "a") == before


KINDS = """
from dataclasses import replace
import numpy as np
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.registry import PersonAttack
from privtalk.attacks.membership.shadow_attacks import ShadowAttack
from privtalk.attacks.pairs import MessageAttack, over_rounds

def declared(name, view, footage="fresh"):
    return Declaration(
        name=name, family="membership", view=view, statistic="a test's", source="a test", footage=footage
    )

def steps(rounds, candidates):
    return over_rounds(rounds, lambda r: -r.messages @ candidates.gradients.T)

def join(world, signals, known, stream):
    return np.mean([world.person(name) for name in signals], axis=0)

PERSON = PersonAttack(declaration=declared("my_person", "release"), signals=("loss", "clid"), join=join)
SHADOW = ShadowAttack(
    declaration=declared("my_shadow", "release", "exact"), score=lambda s, out, p, q: s - np.median(out, axis=0)
)
MESSAGE = MessageAttack(declaration=declared("my_message", "server"), score=steps)
SUM = MessageAttack(declaration=declared("my_sum", "sums"), score=steps)
"""


def test_every_kind_of_attack_is_run_with_controls_and_strength(here, capsys):
    (here / "kinds.py").write_text(KINDS)
    brings = [
        part for name in ("PERSON", "SHADOW", "MESSAGE", "SUM") for part in ("--attack", f"kinds.py:{name}")
    ]
    assert run(*brings, "--workers", "2") == 0
    [record] = [record for record in RunStore(here / "a") if record.row == "fedavg"]
    like = {"my_person": "user_inference", "my_shadow": "lira", "my_message": "update_cosine"}
    like |= {"my_sum": "distinguishing"}
    for name, other in like.items():
        mine, theirs = record.attacks[name], record.attacks[other]
        assert mine.auc.value is not None
        assert mine.controls.keys() == theirs.controls.keys()
        assert mine.measures.keys() == theirs.measures.keys()
        assert mine.curves.keys() == theirs.curves.keys()
        assert mine.strength.planted == theirs.strength.planted
        assert (mine.view, mine.positives, mine.negatives) == (
            theirs.view,
            theirs.positives,
            theirs.negatives,
        )
    capsys.readouterr()


def test_a_metric_that_gets_worse_is_a_regression_and_a_run_without_it_is_compared_without(here, capsys):
    only = ("--workers", "1", "--set", "attack.worlds=0")
    assert run("--metric", "my_metric.py:METRIC", *only, rows="static") == 0
    plugins.forget()
    assert run(*only, out="plain", rows="static") == 0
    worse = (here / "my_metric.py").read_text().replace("- truth) / truth", "- truth) / truth + 1")
    (here / "my_metric.py").write_text(worse)
    plugins.forget()
    assert run("--metric", "my_metric.py:METRIC", *only, out="b", rows="static") == 0
    capsys.readouterr()
    assert bench("compare", "a", "b") == 1
    assert "sharpness" in capsys.readouterr().out
    assert bench("compare", "plain", "plain") == 0
    assert "sharpness_error" not in next(iter(RunStore(here / "plain"))).metrics


def test_a_corpus_is_trained_on_attacked_and_resumed(here, capsys):
    corpus = ("--corpus", "my_corpus.py:MyCorpus", "--set", "attack.worlds=0")
    tiny = ("-s", "my_suite.yaml", "-p", "quick", "--set", "backbone=tiny", "--tiers", "none")
    assert bench("run", *tiny, "--rows", "fedavg,static", "--workers", "2", *corpus) == 0
    folder = here / "runs" / "my_suite-quick-discs"
    by = {record.row: record for record in RunStore(folder)}
    assert by["fedavg"].cell["corpus"]["name"].startswith("discs-")
    assert by["fedavg"].attacks["user_inference"].positives == 6
    assert by["static"].metrics["psnr"].estimate.value > 20
    missing = by["static"].metrics["lmd[talkhead]"].estimate.missing
    assert "know the faces of the embedded corpus only" in missing
    assert list(by["static"].code.plugins) == ["my_corpus.py:MyCorpus"]
    found = results(folder)
    RunStore(folder).record_path(by["static"].cell_id).unlink()
    plugins.forget()
    assert bench("run", *tiny, "--rows", "fedavg,static", "--workers", "1", *corpus) == 0
    assert results(folder) == found
    assert bench("publish", folder, "-o", "site") == 0

    capsys.readouterr()
    other = (
        (here / "my_corpus.py")
        .read_text()
        .replace("colour, pace =", "pace, colour = 1.0,")
        .replace(", rng.uniform(0.5, 2.0)", "")
    )
    (here / "my_corpus.py").write_text(other)
    plugins.forget()
    assert bench("run", *tiny, "--rows", "fedavg,static", *corpus) == 2
    line = told(capsys)
    assert "corpus.name: discs-" in line


def test_a_task_of_ones_own_runs_and_takes_only_what_it_has_a_place_for(here, capsys):
    task = ("-s", "my_task_suite.yaml", "--task", "my_task.py:MyTask", "--workers", "1", "-o", "t")
    for more, line in (
        (BRINGS[:2], "task readings takes no attack; leave out --attack"),
        (BRINGS[2:], "task readings takes no metric; leave out --metric"),
        (("--corpus", "my_corpus.py:MyCorpus"), "task readings takes no corpus; leave out --corpus"),
    ):
        assert bench("run", *task, *more) == 2
        assert line in told(capsys)
    assert bench("run", *task) == 0
    assert {record.row for record in RunStore(here / "t")} == {"mean", "median"}
    assert bench("publish", "t", "-o", "site") == 0
    capsys.readouterr()
    assert run("--task", "my_task.py:MyTask") == 2
    assert "--task my_task.py:MyTask: the suite is of task" in told(capsys)


# ---- what is broken is one line, exit 2, and nothing is written


GOOD = {"attack": "my_attack.py", "metric": "my_metric.py", "corpus": "my_corpus.py", "task": "my_task.py"}
NAMES = {"attack": "ATTACK", "metric": "METRIC", "corpus": "MyCorpus", "task": "MyTask"}
ANY = {
    "no such file": ("gone.py:{name}", None, "gone.py: no such file"),
    "a folder": ("folder.py:{name}", None, "folder.py: no such file"),
    "syntax": ("mine.py:{name}", "def f(:\n", "line 1 is not Python"),
    "import": ("mine.py:{name}", "import nowhere_at_all\n", "no module 'nowhere_at_all'; it imports that"),
    "no module": ("nowhere.at.all:{name}", None, "no module 'nowhere'; write path.py:NAME"),
    "raises": ("mine.py:{name}", "1 / 0\n", "importing it fails (ZeroDivisionError: division by zero)"),
    "raises in two lines": (
        "mine.py:{name}",
        "raise ValueError('a\\nb')\n",
        "importing it fails (ValueError: a b)",
    ),
    "exits": ("mine.py:{name}", "raise SystemExit(3)\n", "importing it fails (SystemExit: 3)"),
    "not UTF-8": ("mine.py:{name}", b"\xff\xfe\x00", "is not Python"),
    "no such name": ("mine.py:Nobody", "import math\nMine = 3\n", "mine.py has no 'Nobody'; it has: Mine"),
    "another kind": ("mine.py:{name}", "{name} = 3\n", "{kind} mine.py:{name}: "),
}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("fault", ANY)
def test_what_cannot_be_loaded_is_a_line(here, capsys, kind, fault):
    reference, text, line = ANY[fault]
    (here / "folder.py").mkdir()
    fill = {"name": NAMES[kind], "kind": kind}
    if text is not None:
        (here / "mine.py").write_bytes(
            text if isinstance(text, bytes) else text.replace("{name}", NAMES[kind]).encode()
        )
    assert run(f"--{kind}", reference.format(**fill)) == 2
    assert line.format(**fill) in told(capsys)
    assert not (here / "a").exists()


OWN = {
    "attack's name is ours": (
        "attack",
        ('"least_loss"', '"gsa1"'),
        "attack my_attack.py:ATTACK: attack 'gsa1' is there already; give it another name",
    ),
    "attack's view": ("attack", ('view="release"', 'view="client"'), "sees release, not client"),
    "attack's parts": ("attack", ("statistic=least_loss", "statistic=None"), "give it a function"),
    "attack is not built": ("attack", ("statistic=least_loss,", ""), "importing it fails (TypeError"),
    "metric's name is ours": ("metric", ('"sharpness_error"', '"psnr"'), "metric 'psnr' is there already"),
    "metric's direction": (
        "metric",
        ('"lower"', '"less"'),
        "direction is 'less'; write one of higher, lower",
    ),
    "metric's level": ("metric", ('unit=""', 'level="set", unit=""'), "a metric of a set cannot be added"),
    "corpus lacks a method": (
        "corpus",
        ("def recordings(", "def films("),
        "abstract method",
    ),
    "corpus's name is ours": ("corpus", ('"discs"', '"embedded"'), "corpus 'embedded' is there already"),
    "corpus has no name": ("corpus", ('    name = "discs"\n', ""), "corpus MyCorpus: it has no name"),
    "corpus cannot be made": (
        "corpus",
        ('    about = "coloured', '    def __init__(self): open("gone")\n    about = "coloured'),
        "corpus my_corpus.py:MyCorpus: FileNotFoundError",
    ),
    "corpus has few people": ("corpus", ('"heldout": 6', '"heldout": 1'), "people() has 1 for 'heldout'"),
    "corpus fails later": (
        "corpus",
        ("rng.integers(60, 255, 3)", "{}['x']"),
        "discs: clients-0: KeyError: 'x'",
    ),
    "task lacks a method": ("task", ("def cell(", "def sell("), "abstract method"),
    "task has no name": ("task", ('    name = "readings"\n', ""), "task MyTask: it has no name"),
}


@pytest.mark.parametrize("fault", OWN)
def test_what_is_wrong_with_a_thing_is_a_line(here, capsys, fault):
    kind, (old, new), line = OWN[fault]
    path = here / GOOD[kind]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert run(f"--{kind}", f"{GOOD[kind]}:{NAMES[kind]}") == 2
    assert line in told(capsys)
    assert not (here / "a").exists()
    assert not (here / "runs").exists()


def test_a_name_that_another_has_taken_is_a_line(here, capsys):
    for kind in ("attack", "metric"):
        shutil.copy(here / GOOD[kind], here / "twin.py")
        plugins.forget()
        pair = [f"--{kind}", f"{GOOD[kind]}:{NAMES[kind]}", f"--{kind}", f"twin.py:{NAMES[kind]}"]
        assert run(*pair) == 2
        assert f"{kind} twin.py:{NAMES[kind]}: {kind} " in (line := told(capsys))
        assert "is there already" in line
    assert not (here / "a").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--attack", "gsa1"), "'gsa1' is no attack to add: those of `bench list attacks` are run anyway"),
        (("--metric", "my_metric.py"), "'my_metric.py' is no metric to add"),
        (("--task", "readings"), "unknown task 'readings'; name one that `bench list tasks` shows"),
        (("--corpus", "nowhere"), "nowhere: no prepared clips there"),
    ],
)
def test_a_name_without_a_colon_is_no_reference(here, capsys, arguments, line):
    assert run(*arguments) == 2
    assert line in told(capsys)
    assert not (here / "a").exists()


def test_a_worker_refuses_a_file_that_was_changed(here):
    plugin = plugins.enrol("metric", "my_metric.py:METRIC")
    (here / "my_metric.py").write_text((here / "my_metric.py").read_text() + "\n")
    plugins.forget()
    with pytest.raises(UserError, match=r"my_metric\.py:METRIC was changed while the run was going on"):
        plugins.enrol_all(None, (plugin,))


def test_what_is_forgotten_is_gone_and_what_is_ours_stays(here):
    before = set(CATALOGUE), list(METRICS)
    brought = [plugins.enrol(kind, f"{GOOD[kind]}:{NAMES[kind]}") for kind in GOOD]
    assert all(isinstance(plugin, Plugin) for plugin in brought)
    assert brought == [
        plugins.enrol(kind, f"./{GOOD[kind]}:{NAMES[kind]}").model_copy(
            update={"reference": f"{GOOD[kind]}:{NAMES[kind]}"}
        )
        for kind in GOOD
    ], "another spelling is the same thing"
    assert "least_loss" in CATALOGUE
    plugins.forget()
    assert (set(CATALOGUE), list(METRICS)) == before
    assert not [name for name in sys.modules if name.startswith(plugins.MODULES)]


def test_a_second_run_of_a_process_is_measured_by_its_own_things_alone(here, capsys):
    few = ("--workers", "1", "--set", "attack.worlds=0")
    assert run("--metric", "my_metric.py:METRIC", *few, rows="static") == 0
    text = (
        (here / "my_metric.py")
        .read_text()
        .replace("sharpness_error", "other")
        .replace("- truth)", "- 2 * truth)")
    )
    (here / "other.py").write_text(text)
    (here / "twin.py").write_text((here / "my_metric.py").read_text())
    for out, brought, names in (
        ("b", ("--metric", "other.py:METRIC"), {"other"}),
        ("c", ("--metric", "twin.py:METRIC"), {"sharpness_error"}),
        ("d", (), set()),
    ):
        assert run(*brought, *few, out=out, rows="static") == 0
        [record] = RunStore(here / out)
        assert {"other", "sharpness_error"} & set(record.metrics) == names
        assert len(record.code.plugins) == len(names)
    capsys.readouterr()


def test_an_attack_that_fails_in_a_run_fails_its_row_by_name(here, capsys):
    text = (here / "my_attack.py").read_text().replace("return -losses.min(0).values", "return losses[0][:1]")
    (here / "my_attack.py").write_text(text)
    few = ("--workers", "1", "--set", "attack.worlds=0")
    assert run("--attack", "my_attack.py:ATTACK", *few) == 2
    reason = next((here / "a" / "logs").iterdir()).read_text().splitlines()[0]
    assert reason.startswith("fedavg seed 0: ")
    assert "attack least_loss: scores are float" in reason
    assert [record.row for record in RunStore(here / "a")] == ["static"]
    capsys.readouterr()
