"""Planned rows without a record stand in the tables, on the page and among the findings, with the reason."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from privtalk.core.records import RunStore
from privtalk.core.run_folder import NOT_YET, PlannedRow, RunPlan, record_failure, write_plan
from privtalk.leaderboards import show as terminal
from privtalk.leaderboards.board import build as board
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.catalogue import findings
from privtalk.leaderboards.sections.trust import TRUST
from privtalk.leaderboards.site import publish as site

ROWS = {
    ("static", "none"): -3.4,
    ("difftalk", "none"): 0.0,
    ("fedavg", "none"): 0.9,
    ("fedavg", "eps=8"): 0.4,
}


@pytest.fixture
def folder(make, tmp_path):
    """Four rows at two seeds, all planned; nothing is missing yet."""

    def trimmed(record):
        return record.model_copy(update={"metrics": {k: record.metrics[k] for k in ("psnr", "ssim")}})

    runs = make(ROWS, clients=5).changed(trimmed)
    runs.write(tmp_path / "run")
    rows = tuple(
        PlannedRow(cell_id=r.cell_id, row=r.method, method=r.method, at=r.at, seed=r.seed)
        for r in runs.records
    )
    plan = RunPlan(
        suite="privacy_utility", preset="default", settings={"corpus": {"name": "talkhead"}}, planned=rows
    )
    write_plan(tmp_path / "run", plan)
    return tmp_path / "run"


def lose(folder, method, tier, seeds=(0, 1), reason=""):
    store = RunStore(folder)
    for record in list(store):
        if (record.method, record.tier) == (method, tier) and record.seed in seeds:
            store.record_path(record.cell_id).unlink()
            if reason:
                record_failure(folder, record.cell_id, reason)


def one_board(folder):
    [made] = board.build_all(load([folder])).values()
    return made


def printed(folder) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    terminal.show(one_board(folder), console)
    return console.file.getvalue()


def trust(made):
    return next(found for found in findings(made) if found.question == TRUST)


def test_a_complete_run_is_complete(folder):
    made = one_board(folder)
    assert (made.planned, made.missing, made.absent) == (8, (), ())
    assert "Yes: all 4 rows are complete over 2 seeds" in trust(made).answers[0].text


def test_a_row_that_failed_is_shown_with_the_reason(folder):
    lose(folder, "fedavg", "eps=8", reason="RuntimeError: out of luck")
    text = printed(folder)
    overview = text.split("Mean over clients")[0]
    assert [line for line in overview.splitlines() if line.split()[:1] == ["FedAvg*"] and "-" in line]
    notes = " ".join(text.split())
    assert (
        "* FedAvg, ε = 8: planned, and nothing is recorded: seeds 0 and 1 missing: RuntimeError: out of luck"
        in notes
    )
    said = trust(one_board(folder))
    assert said.tone == "warning"
    assert said.answers[0].text.startswith(
        "With care: 2 of 8 planned rows are missing: FedAvg, ε = 8, seed 0; FedAvg, ε = 8, seed 1."
    )
    assert [line.figure for line in said.lines] == ["seeds 0 and 1 missing: RuntimeError: out of luck"]


def test_a_seed_that_failed_makes_its_row_incomplete_with_the_reason(folder):
    lose(folder, "fedavg", "none", seeds=(1,), reason="no space left")
    made = one_board(folder)
    assert made.row("fedavg").incomplete == ("seed 1 missing: no space left",)
    assert made.absent == ()
    assert "1 of 8 planned rows is missing: FedAvg, no DP, seed 1." in trust(made).answers[0].text


def test_a_seed_that_no_row_has_is_missed_all_the_same(folder):
    for method, tier in ROWS:
        lose(folder, method, tier, seeds=(1,))
    made = one_board(folder)
    assert made.seeds == (0,)
    assert all(row.incomplete == (f"seed 1 missing: {NOT_YET}",) for row in made.rows)
    assert "4 of 8 planned rows are missing" in trust(made).answers[0].text


def test_a_row_whose_record_is_refused_says_so(folder):
    cell = next(r.cell_id for r in RunStore(folder) if (r.method, r.seed) == ("static", 0))
    (folder / "samples" / f"{cell}.jsonl").write_bytes(b"")
    made = one_board(folder)
    [lost] = made.missing
    assert lost.reason.startswith(f"samples/{cell}.jsonl: not the samples that the record was written with")
    assert any(cell in problem for problem in made.problems)


def test_the_page_and_its_data_name_what_is_missing(folder, tmp_path):
    lose(folder, "fedavg", "eps=8", reason="RuntimeError: <b>out of luck</b>")
    page = site.publish([folder], tmp_path / "site").read_text(encoding="utf-8")
    assert "2 of 8 planned rows are missing" in page
    assert "<small>planned, and nothing is recorded</small>" in page
    assert "RuntimeError: &lt;b&gt;out of luck&lt;/b&gt;" in page
    assert "<b>out of luck" not in page
    rows = json.loads((tmp_path / "site" / "data" / "index.json").read_text(encoding="utf-8"))
    [lost] = [row for row in rows if row["seeds"] == 0]
    assert (lost["method"], lost["tier"], lost["value"]) == ("fedavg", "eps=8", None)
    assert "out of luck" in lost["missing"]


def test_an_old_folder_tells_of_what_failed_by_its_logs(folder):
    lose(folder, "static", "none")
    (folder / "run.json").unlink()
    for path in (folder / "samples").iterdir():
        if not (folder / "records" / f"{path.stem}.json").exists():
            path.unlink()
    (folder / "logs").mkdir()
    (folder / "logs" / "static-seed-0.log").write_text(
        "static seed 0: RuntimeError: out of luck\n\nTraceback"
    )
    old = RunPlan(suite="privacy_utility", preset="default", settings={"corpus": {"name": "talkhead"}})
    write_plan(folder, old)
    made = one_board(folder)
    assert [(row.row, row.reason) for row in made.missing] == [("static", "RuntimeError: out of luck")]
    assert "1 planned row is missing: Static reference, no DP, seed 0." in trust(made).answers[0].text


def test_rows_of_two_folders_complete_each_other(folder, tmp_path, make):
    lose(folder, "fedavg", "eps=8")
    assert len(one_board(folder).missing) == 2
    make(ROWS, clients=5).only(lambda r: r.tier == "eps=8").write(tmp_path / "rest")
    runs = load([folder, tmp_path / "rest"])
    assert runs.missing == []


def test_a_board_without_any_record_is_told_on_the_others(folder, tmp_path):
    other = tmp_path / "other"
    write_plan(
        other,
        RunPlan(
            suite="ablation",
            preset="smoke",
            settings={"corpus": {"name": "talkhead"}},
            planned=(PlannedRow(cell_id="abc", row="ISFA", method="privfedtalk", seed=0),),
        ),
    )
    (other / "records").mkdir()
    (other / "records" / "abc.json").write_text("")
    [made] = board.build_all(load([folder, other])).values()
    assert "ablation, smoke and talkhead: none of 1 planned rows has a record" in made.problems


def test_a_folder_without_records_says_what_became_of_its_rows(folder):
    for method, tier in ROWS:
        lose(folder, method, tier, reason="no space left")
    with pytest.raises(
        ValueError, match="holds no records: 8 planned rows are missing, the first because: no space"
    ):
        load([folder])


def test_litter_and_strangers_files_are_left_alone(folder):
    for sub, name in (
        ("records", "abc.json.77.part"),
        ("records", "._x.json"),
        ("samples", "abc.jsonl.9.part"),
    ):
        (folder / sub / name).write_text("{")
    runs = load([folder])
    assert runs.problems == []
    assert len(runs.records) == 8
