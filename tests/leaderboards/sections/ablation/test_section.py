"""The section: which rows form a design, what is said of them, and in which media."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from privtalk.core.run_folder import MissingRow, PlannedRow, RunPlan, write_plan
from privtalk.leaderboards.board.build import build, build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.escaping import latex
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.sections.ablation import tables
from privtalk.leaderboards.sections.ablation.design import designs, whole_parts
from privtalk.leaderboards.sections.ablation.effects import effects
from privtalk.leaderboards.sections.ablation.section import Ablation
from privtalk.leaderboards.sections.catalogue import findings, sections_of
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.board.test_views import personalised

PARTS = {
    "adapters only": {"isfa": False, "tdc": False},
    "tdc": {"isfa": False, "tdc": True},
    "isfa": {"isfa": True, "tdc": False},
    "isfa+tdc": {"isfa": True, "tdc": True},
}
GAINS = {("difftalk", "none"): 0.0}
GAINS |= {
    (row, tier): 1.0 + 0.5 * on["isfa"] - 0.6 * (tier != "none")
    for row, on in PARTS.items()
    for tier in ("none", "eps=8")
}
"""ISFA gains half a decibel, ε = 8 costs .6, TDC does nothing; they add up but for noise."""


def planned(records) -> tuple[PlannedRow, ...]:
    return tuple(
        PlannedRow(
            cell_id=r.cell_id,
            row=r.row,
            method="privfedtalk",
            at=r.at,
            seed=r.seed,
            factors=PARTS.get(r.row, {}),
        )
        for r in records
    )


def board_of(runs, **more):
    design = [row for row in planned(runs.records) if row.factors]
    return build(runs.records, runs.samples, **{"design": design, **more})


@pytest.fixture(scope="module")
def factorial(make):
    return make(GAINS, seeds=(0, 1), clients=12)


@pytest.fixture(scope="module")
def board(factorial):
    return board_of(factorial)


def test_rows_of_the_grid_at_two_tiers_are_one_design_of_three_factors(board):
    (design,) = designs(board)
    assert [factor.label for factor in design.factors] == ["ISFA", "TDC", "DP"]
    assert design.title == "PrivFedTalk"
    assert design.lost == ()
    assert design.rows[True, False, True].key[:2] == ("isfa", "eps=8")
    assert design.named((True, False, True)) == "with ISFA, without TDC, ε = 8"
    assert whole_parts(design) == (design,)


def test_effects_are_found_where_they_were_put(board):
    (design,) = designs(board)
    found = effects(board, design)
    psnr = {found.named(term): found.cells[term, "psnr"] for term in found.terms}
    assert list(psnr) == ["ISFA", "TDC", "DP", "ISFA × TDC", "ISFA × DP", "TDC × DP", "ISFA × TDC × DP"]
    assert psnr["ISFA"].difference.value == pytest.approx(0.5, abs=0.1)
    assert psnr["DP"].difference.value == pytest.approx(-0.6, abs=0.1)
    assert (psnr["ISFA"].verdict, psnr["DP"].verdict, psnr["TDC"].verdict) == ("better", "worse", "level")
    assert psnr["ISFA × DP"].verdict == "level"


def test_less_is_better_where_the_metric_says_so(board):
    """LPIPS falls with PSNR: the same part is better in both, with opposite signs."""
    (design,) = designs(board)
    found = effects(board, design)
    lpips = found.cells[(0,), "lpips[talkhead]"]
    assert lpips.difference.value < 0
    assert lpips.verdict == "better"
    assert found.cells[(2,), "lpips[talkhead]"].verdict == "worse"


def test_measures_are_the_headline_and_the_main_metrics(board):
    (design,) = designs(board)
    names = [measure.name for measure in effects(board, design).measures]
    assert names[:2] == ["psnr", "lpips[talkhead]"]
    assert {"fid[talkhead]", "identity[talkhead]", "mouth_sync"} <= set(names)
    assert "jitter" not in names


def test_chance_alone_is_no_effect(board, monkeypatch):
    """Holm's correction is over all terms and measures: without it more is told from zero."""
    (design,) = designs(board)
    found = effects(board, design)
    assert all(
        one.adjusted >= one.difference.p for one in found.cells.values() if one.difference.p is not None
    )
    marginal = [one for one in found.cells.values() if (one.difference.p or 1) < 0.05 <= (one.adjusted or 1)]
    assert all(one.verdict == "level" for one in marginal)
    assert marginal, "the noise of this board has no case to tell the correction by"


def test_no_design_is_seen_where_none_is_recorded(factorial, runs):
    """Records of before factors were written down, and a suite without a grid of factors."""
    assert designs(build(factorial.records, factorial.samples)) == ()
    plain = build(runs.records, runs.samples)
    assert "ablation" not in [section.name for section in sections_of(plain)]


def test_a_missing_cell_is_named_and_what_does_not_need_it_is_shown(factorial):
    kept = factorial.only(lambda r: (r.row, r.tier) != ("isfa", "eps=8"))
    rows = [row for row in planned(factorial.records) if row.factors]
    lost = [
        MissingRow(
            row=r.row, method=r.method, tier=r.tier, seed=r.seed, cell_id=r.cell_id, reason="no memory"
        )
        for r in rows
        if (r.row, r.tier) == ("isfa", "eps=8")
    ]
    board = build(kept.records, kept.samples, design=rows, missing=lost, planned=len(rows))
    (design,) = designs(board)
    assert [(one.states, one.reason) for one in design.lost] == [((True, False, True), "no memory")]
    parts = whole_parts(design)
    assert [part.place for part in parts] == ["without ISFA", "with TDC", "no DP"]
    assert [[factor.label for factor in part.factors] for part in parts] == [
        ["TDC", "DP"],
        ["ISFA", "DP"],
        ["ISFA", "TDC"],
    ]
    free = effects(board, parts[2])
    assert free.cells[(0,), "psnr"].difference.value == pytest.approx(0.5, abs=0.1)
    assert "no cell with ISFA, without TDC, ε = 8: no memory" in " ".join(Ablation(board).notes)
    assert any("no cell with ISFA" in line.figure for line in findings(board)[-1].lines)


def test_one_row_alone_is_no_design(factorial):
    kept = factorial.only(lambda r: r.row in ("isfa", "difftalk") and r.tier == "none")
    assert designs(board_of(kept)) == ()


def test_cells_that_lack_a_seed_say_so(factorial):
    kept = factorial.only(lambda r: (r.row, r.tier, r.seed) != ("tdc", "none", 1))
    board = board_of(kept)
    (design,) = designs(board)
    assert tables.missing(design) == [
        "PrivFedTalk: without ISFA, with TDC, no DP lacks seed 1, which no effect is taken on"
    ]
    assert effects(board, design).cells[(0,), "psnr"].difference.n == 12 * 3


def test_each_private_tier_makes_a_design_with_the_rows_without(make):
    gains = GAINS | {(row, "eps=2"): 0.1 for row in PARTS}
    board = board_of(make(gains, seeds=(0,), clients=4))
    assert [design.factors[2].present for design in designs(board)] == ["ε = 8", "ε = 2"]


def test_rows_at_one_tier_are_a_design_without_privacy(factorial):
    kept = factorial.only(lambda r: r.row == "difftalk" or r.tier == "eps=8")
    (design,) = designs(board_of(kept))
    assert [factor.label for factor in design.factors] == ["ISFA", "TDC"]
    assert design.title == "PrivFedTalk, ε = 8"


def test_rows_at_the_end_of_their_progress_form_a_design_of_their_own(factorial):
    """Rows after private steps beside those that were released: of several counts of steps the last."""
    board = board_of(personalised(factorial, {"16": 0.2, "64": 0.5}))
    released, further = designs(board)
    assert [len(found.rows) for found in (released, further)] == [8, 8]
    assert (released.place, further.place) == ("", "personalised in 64 steps")
    assert further.rows[True, True, True].key.tier == "eps=8, personal=64"
    gain = [effects(board, design).cells[(0,), "psnr"].difference.value for design in (released, further)]
    assert gain[0] == pytest.approx(gain[1]), "all rows gain alike from private steps"


def test_the_finding_says_what_changes_and_what_does_not(board):
    (found,) = Ablation(board).findings()
    assert found.question == "Do ISFA, TDC and DP of PrivFedTalk change anything?"
    (told,) = found.answers
    assert "ISFA: better in psnr (+" in told.text
    assert "DP: worse in psnr (−" in told.text
    assert "none of TDC, ISFA × TDC," in told.text
    assert "none changes psnr by more than 0." in told.text


def test_the_bound_of_a_silence_is_not_rounded_down(board):
    (design,) = designs(board)
    found = effects(board, design)
    text = Ablation(board).findings()[0].answers[0].text
    bound = float(text.partition("psnr by more than ")[2].split(" ")[0])
    quiet = [
        term for term in found.terms if all(one.verdict not in ("better", "worse") for one in found.of(term))
    ]
    ends = [abs(end) for term in quiet for end in _ends(found.cells[term, "psnr"].difference)]
    assert max(ends) <= bound < max(ends) + 10 ** -board.metric("psnr").digits


def _ends(difference):
    return difference.low, difference.high


def test_attacks_stand_beside_the_metrics_where_every_cell_has_them(factorial, attack):
    auc = {"none": 0.9, "eps=8": 0.5}
    attacked = factorial.changed(
        lambda r: (
            r.model_copy(update={"attacks": {"user_inference": attack(auc[r.tier], r.seed, r.row)}})
            if r.row in PARTS
            else r
        )
    )
    board = board_of(attacked)
    (design,) = designs(board)
    found = effects(board, design)
    assert found.measures[-1].label == "AUC of user inference"
    private = found.cells[(2,), found.measures[-1].name]
    assert private.difference.value == pytest.approx(-0.4, abs=0.08)
    assert private.verdict == "better"
    assert tables.OF_ATTACKS in Ablation(board).notes
    half = attacked.changed(lambda r: r.model_copy(update={"attacks": {}}) if r.row == "tdc" else r)
    assert not any(m.attack for m in effects(board_of(half), designs(board_of(half))[0]).measures)


def test_the_terminal_and_reports_show_the_table(board):
    console = Console(file=io.StringIO(), width=110, color_system=None)
    show(board, console, whole=True)
    text = console.file.getvalue()
    assert "Effects: PrivFedTalk" in text
    assert "ISFA × TDC × DP" in text
    report = to_markdown(board)
    assert "**Effects: PrivFedTalk**" in report
    assert "| ISFA | ▲ **+0." in report
    assert "change anything?" in report


def test_a_latex_table_has_as_many_cells_as_its_head_and_escapes_names(board):
    (design,) = designs(board)
    found = effects(board, replace(design, method="a_b & 50%"))
    text = tables.latex_text([found], ["100 % of {notes}_#1"])
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {len(found.measures)}
    assert r"a\_b \& 50\%" in text
    assert r"100 \% of \{notes\}\_\#1" in text
    assert r"mouth\_sync" in text
    assert r"ISFA $\times$ TDC" in text
    assert r"\textbf{+0." in text
    assert text.count(r"\begin") == text.count(r"\end")
    assert all(ord(character) < 128 for character in text)


@pytest.mark.parametrize("character", '&%$#_{}~^\\<>|"−×ε≤↑↓')
def test_no_character_of_latex_is_left_alone(character):
    assert latex(character) != character


def write_run(runs, folder, rows):
    runs.write(folder)
    write_plan(
        folder,
        RunPlan(
            suite=runs.records[0].suite,
            preset=runs.records[0].preset,
            settings={"corpus": {"name": "talkhead"}},
            planned=rows,
        ),
    )
    return folder


def test_a_site_has_the_section_with_its_files(factorial, tmp_path):
    folder = write_run(factorial, tmp_path / "run", planned(factorial.records))
    index = publish([folder], tmp_path / "site")
    text = index.read_text(encoding="utf-8")
    assert '<section id="ablation">' in text
    assert "What a method’s parts do" in text
    data = tmp_path / "site" / "data"
    for suffix in ("md", "tex", "csv", "json"):
        assert f"data/index-effects.{suffix}" in text
        assert (data / f"index-effects.{suffix}").is_file()
    rows = json.loads((data / "index-effects.json").read_text(encoding="utf-8"))
    assert len(rows) == 7 * len({row["measure"] for row in rows})
    assert {row["verdict"] for row in rows} == {"better", "worse", "not shown"}
    assert (tmp_path / "site/charts/index/effects-wide-light.svg").read_text().count("▲") >= 1


def test_a_plan_of_before_factors_were_written_down_has_no_section(factorial, tmp_path):
    rows = tuple(row.model_copy(update={"factors": {}}) for row in planned(factorial.records))
    folder = write_run(factorial, tmp_path / "run", rows)
    plan = json.loads((folder / "run.json").read_text())
    for row in plan["planned"]:
        del row["factors"]
    (folder / "run.json").write_text(json.dumps(plan))
    (board,) = build_all(load([folder])).values()
    assert board.design == ()
    assert not Ablation.present(board)
