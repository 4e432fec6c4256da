from __future__ import annotations

import json
from pathlib import Path

import pytest

from privtalk.leaderboards.board import columns, loading
from privtalk.leaderboards.board.build import build

BASELINE = Path(__file__).parents[2] / "baselines" / "smoke"


@pytest.fixture(scope="module")
def board(runs):
    return build(runs.records, runs.samples)


def names(metrics) -> list[str]:
    return [metric.name for metric in metrics]


def refamilied(runs, family: str):
    def change(record):
        scores = {n: s.model_copy(update={"family": family}) for n, s in record.metrics.items()}
        return record.model_copy(update={"metrics": scores})

    return runs.changed(change)


def test_families_stand_in_their_fixed_order(board):
    assert board.families == ("quality", "distribution", "identity", "landmarks", "temporal", "sync")
    assert [family.title for family in columns.families(board)][:2] == ["Quality", "Distribution"]


def test_every_metric_is_measured_or_absent_once(board):
    shown = [m.name for family in columns.families(board) for m in family.measured]
    gone = [name for family in columns.families(board) for a in family.absent for name in a.metrics]
    assert sorted(shown + gone) == sorted(names(board.metrics))


def test_what_is_absent_is_grouped_by_reason(board):
    quality = columns.families(board)[0]
    assert quality.absent == (
        ("no weights of lpips-alex: bench weights fetch lpips-alex", ("lpips[alex]", "lpips_face[alex]")),
        ("no weights of lpips-vgg: bench weights fetch lpips-vgg", ("lpips[vgg]",)),
    )


def test_the_overview_has_one_column_a_family_that_has_a_direction(board):
    assert names(columns.overview(board)) == [
        "psnr",
        "fid[talkhead]",
        "identity[talkhead]",
        "jitter_error",
        "mouth_sync",
    ]


def test_another_headline_leads_the_overview(runs):
    board = build(runs.records, runs.samples, headline="ssim")
    assert names(columns.overview(board))[:3] == ["ssim", "psnr", "fid[talkhead]"]


def test_a_family_that_only_references_have_does_not_speak(runs):
    gone = runs.rescored(
        lambda r, s: {"mouth_sync": None, "lse_c[talkhead]": None} if r.kind == "method" else {}
    )
    assert "mouth_sync" not in names(columns.overview(build(gone.records, gone.samples)))


def test_main_metrics_are_few_and_of_different_measures(board):
    assert names(columns.main(board, "quality")) == ["psnr", "lpips[talkhead]"]
    assert names(columns.main(board, "sync")) == ["mouth_sync", "lse_c[talkhead]"]
    assert names(columns.main(board, "landmarks")) == []


def test_a_family_of_ones_own_speaks_by_its_first(runs):
    moved = refamilied(runs, "mine")
    board = build(moved.records, moved.samples)
    assert names(columns.main(board, "mine", most=1)) == ["psnr"]


def test_without_families_there_is_one_group_and_the_overview_is_everything(runs):
    old = refamilied(runs, "")
    board = build(old.records, old.samples)
    assert board.families == ("",)
    assert names(columns.overview(board)) == names(columns.families(board)[0].measured)


def test_the_baseline_of_the_repository_loads_and_groups():
    runs = loading.load([BASELINE])
    board = build(runs.records, runs.samples)
    assert runs.problems == []
    assert board.headline in names(columns.overview(board))


def test_records_of_schema_1_load_into_one_unnamed_group(runs, tmp_path):
    runs.only(lambda r: r.tier == "none").write(tmp_path)
    for path in (tmp_path / "records").glob("*.json"):
        raw = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 1, "tier": "none"}
        block = raw.pop("federation")
        del block["checks"]
        raw |= {"method": raw.pop("row")} | block
        for field in ("task", "at", "upgraded_from"):
            del raw[field]
        for score in raw["metrics"].values():
            for field in ("family", "about", "level"):
                del score[field]
        path.write_text(json.dumps(raw), encoding="utf-8")
    old = loading.load([tmp_path])
    board = build(old.records, old.samples)
    assert old.problems == []
    assert board.families == ("",)
    assert board.metric("fid[talkhead]").level == "clip"
    assert "ssim" in names(columns.overview(board))
