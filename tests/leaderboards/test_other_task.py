"""Boards of a task that is no talking head: two rows, one metric, an axis of its own, nothing federated."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from privtalk import leaderboards
from privtalk.bench.tasks.talking_head.display import DISPLAY
from privtalk.core.cache import content_hash
from privtalk.core.display import AxisDisplay, Baseline, Display, MetricFamily, Wording
from privtalk.core.records import Code, Estimate, Record, RunStore, Sample, Score
from privtalk.core.run_folder import PlannedRow, RunPlan, write_plan
from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.regression.comparison import OK, REGRESSION
from privtalk.leaderboards.regression.regression import compare_runs
from privtalk.leaderboards.regression.table import show_comparison
from privtalk.leaderboards.sections.catalogue import SECTIONS, findings, sections_of
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish

TOY = Display(
    rows={"coin": Wording(label="Coin"), "dice": Wording(label="Loaded dice")},
    metrics={"luck": Wording(label="Luck", about="How often it wins")},
    families=(MetricFamily(name="fortune", about="whether it wins", main=("luck",)),),
    axes=(AxisDisplay(name="throws", label="throws", value="{} throws", default="one throw"),),
    baseline=Baseline(row="coin", phrase="a plain coin"),
    headline="luck",
    tolerances={"luck": 0.05},
)
ROWS = (("coin", {}, 0.5), ("dice", {}, 0.7), ("dice", {"throws": "4"}, 0.8), ("dice", {"throws": "16"}, 0.9))


def record(row: str, at: dict[str, str], value: float, direction: str) -> tuple[Record, list[Sample]]:
    cell = {"task": "throws", "method": row, "at": at, "seed": 0}
    samples = [Sample(client=f"c{k}", clip="only", scores={"luck": value + 0.01 * (k % 3)}) for k in range(9)]
    mean = sum(sample.scores["luck"] for sample in samples) / len(samples)
    luck = Estimate(value=mean, low=mean - 0.01, high=mean + 0.01, n=9, clusters=9)
    made = Record(
        task="throws",
        cell_id=content_hash(cell),
        cell=cell,
        suite="games",
        preset="small",
        row=row,
        at=at,
        seed=0,
        kind="reference" if row == "coin" else "method",
        code=Code(version="0.1.0"),
        environment={"python": "3.12"},
        started="2026-01-01T10:00:00Z",
        timings={"throwing": 0.5},
        peak_memory_mib=10.0,
        metrics={"luck": Score(estimate=luck, unit="", direction=direction, family="fortune")},
    )
    return made, samples


def written(folder: Path, display: Display | None, *, loss: float = 0.0, direction: str = "higher") -> Path:
    """A run of the toy; without a display there is no plan either, and nobody knows the task."""
    made = [record(row, at, value - loss, direction) for row, at, value in ROWS]
    for one, samples in made:
        RunStore(folder).write(one, samples)
    if display is not None:
        planned = tuple(
            PlannedRow(cell_id=r.cell_id, row=r.row, method=r.row, at=r.at, seed=r.seed) for r, _ in made
        )
        gone = PlannedRow(cell_id="0" * 16, row="dice", method="dice", at={"throws": "64"}, seed=0)
        plan = RunPlan(
            task="throws",
            suite="games",
            preset="small",
            settings={},
            display=display,
            planned=(*planned, gone),
        )
        write_plan(folder, plan)
    return folder


def printed(folder: Path, *, whole: bool = True) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    for board in build_all(load([folder])).values():
        show(board, console, whole=whole)
    return console.file.getvalue()


def page(folder: Path, out: Path) -> str:
    return publish([folder], out).read_text(encoding="utf-8")


def test_the_terminal_shows_its_rows_its_axis_and_what_is_missing(tmp_path):
    text = printed(written(tmp_path, TOY))
    assert re.search(r"row +throws ", text)
    for words in ("Coin", "Loaded dice", "one throw", "4 throws", "Fortune: whether it wins"):
        assert (words in text) == (words != "Fortune: whether it wins")  # its one column is in the overview
    assert text.index("4 throws") < text.index("16 throws"), "numbers, not letters, order an axis"
    assert "Does a method beat a plain coin on luck?" in text
    assert "Loaded dice, 64 throws: planned, and nothing is recorded" in text
    for foreign in ("Guarantee", "DP", "ε", "attack", "audit"):
        assert foreign not in text, foreign


def test_the_page_has_the_sections_that_it_has_something_for(tmp_path):
    text = page(written(tmp_path / "run", TOY), tmp_path / "site")
    assert re.findall(r'<section id="(\w+)">', text) == [
        "picture",
        "findings",
        "table",
        "charts",
        "conditions",
        "data",
    ]
    assert "Loaded dice" in text
    assert "16 throws" in text
    for foreign in ("guarantee", "Guarantee", "no DP", "ε", "leaks", "sent up", "Published", "DiffTalk"):
        assert foreign not in text, foreign
    charts = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "site").rglob("*.svg"))
    assert "16 throws" in charts
    assert "ε" not in charts


def test_a_task_that_nobody_knows_and_that_says_nothing_is_shown_under_its_own_names(tmp_path):
    folder = written(tmp_path / "run", None)
    text = printed(folder)
    assert "throws = 16" in text
    assert "beat a plain coin" not in text
    assert not any(
        "compare with" in problem for b in build_all(load([folder])).values() for problem in b.problems
    )
    site = page(folder, tmp_path / "site")
    assert re.findall(r'<section id="(\w+)">', site) == ["findings", "table", "conditions", "data"]
    assert "throws = 16" in to_markdown(next(iter(build_all(load([folder])).values())), whole=True)


def test_a_board_without_any_axis_or_direction(tmp_path):
    folder = written(tmp_path / "run", Display(), direction="reference")
    (board,) = build_all(load([folder])).values()
    assert board.headline is None
    assert board.row("coin").where == "coin"
    assert board.row("dice").placed == ""
    assert "dice" in printed(folder)
    assert "dice" in page(folder, tmp_path / "site")


def test_comparisons_use_its_names_and_tolerances(tmp_path):
    base, same = written(tmp_path / "base", TOY), written(tmp_path / "same", TOY, loss=0.04)
    worse = written(tmp_path / "worse", TOY, loss=0.06)
    assert compare_runs(load([base]), load([same])).statuses.count("regression") == 0
    found = compare_runs(load([base]), load([worse]))
    assert found.statuses.count("regression") == len(ROWS)
    console = Console(file=io.StringIO(), width=160, color_system=None)
    show_comparison(found, console)
    assert re.search(r"Loaded dice +16 throws +luck", console.file.getvalue())
    for folder in (base, worse):
        (folder / "run.json").unlink()
    assert compare_runs(load([base]), load([worse])).exit_code == REGRESSION  # 1 % where nothing is said
    assert compare_runs(load([base]), load([base])).exit_code == OK


def test_a_change_does_not_loosen_what_it_is_judged_by(tmp_path):
    lax = TOY.model_copy(update={"tolerances": {"luck": 1.0}})
    base, worse = written(tmp_path / "base", TOY), written(tmp_path / "worse", lax, loss=0.06)
    assert compare_runs(load([base]), load([worse])).statuses.count("regression") == len(ROWS)
    assert compare_runs(load([worse]), load([base])).statuses.count("improvement") == 0


def test_every_section_can_be_absent_but_what_every_board_has(tmp_path):
    (board,) = build_all(load([written(tmp_path, TOY)])).values()
    names = {type(section).__name__ for section in sections_of(board)}
    assert names == {"Utility", "Tradeoff", "Conditions", "Records"}
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)
    assert findings(board)[-1].question == "Can the numbers be trusted?"


PACKAGE = Path(next(iter(leaderboards.__path__)))
SHOWN = [
    path
    for path in sorted(PACKAGE.rglob("*"))
    if path.suffix in (".py", ".j2", ".js", ".css") and PACKAGE / "validation" not in path.parents
]
"""All but the validation of the talking head's metrics, which is about them."""
GENERAL = {
    "noise",
    "static",
    "local",
    "truth",
    "identity",
    "temporal",
    "sync",
    "quality",
    "distribution",
    "jitter",
}
GENERAL |= {"mesh", "landmarks", "published", "corpus", "evaluation", "backbone", "centralised"}
"""Words that mean something else too."""


def names_of(display: Display) -> set[str]:
    """Names of rows, metrics, families and axes, as records and people write them."""
    words = {*display.rows, *display.metrics, *display.tolerances, *(f.name for f in display.families)}
    labels = {wording.label for wording in (*display.rows.values(), *display.metrics.values())}
    places = {f"{axis.name}=" for axis in display.axes}
    return {w for w in (*words, *places, *labels, "talking_head", "talkhead") if len(w) > 2} - GENERAL


def named(text: str) -> list[str]:
    """Names of the talking head's that a text holds as words."""
    return [
        name
        for name in sorted(names_of(DISPLAY))
        if re.search(rf"(?<![\w-]){re.escape(name)}" + (r"(?!\w)" if name[-1].isalnum() else ""), text)
    ]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_file_names_what_is_the_talking_heads(path):
    assert named(path.read_text(encoding="utf-8")) == []


def test_the_names_are_those_that_would_be_found():
    assert {"difftalk", "fedavg", "privfedtalk", "psnr", "lse_c", "eps=", "FedAvg"} <= names_of(DISPLAY)
    assert named('x = "eps=8", row("fedavg"), psnr[net]') == ["eps=", "fedavg", "psnr"]
    assert len(SHOWN) > 50
