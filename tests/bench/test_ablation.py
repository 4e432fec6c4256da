"""The suite `ablation`, run whole at toy size: what it plans is a factorial design, and its board has effects."""

from __future__ import annotations

from itertools import product

from privtalk.bench import suites
from privtalk.bench.commands.run import run
from privtalk.core.records import RunStore
from privtalk.core.run_folder import read_plan
from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.ablation.section import Ablation

FEW = ("personalisation.steps=[1, 2]", "federation.rounds=1", "corpus.test={clips: 1, frames: 8}")


def test_a_plan_says_which_factor_is_in_which_row():
    plan = suites.expand(suites.load("ablation"), "smoke", methods=["privfedtalk"])
    assert {(*planned.factors.items(),) for planned in plan.cells} == {
        (("isfa", isfa), ("tdc", tdc)) for isfa, tdc in product((False, True), repeat=2)
    }
    for planned in plan.cells:
        options = planned.cell.training.options
        assert (options["gamma"] > 0) == planned.factors["isfa"]
        assert (options["lambda_tdc"] > 0) == planned.factors["tdc"]


def test_rows_of_other_grids_have_no_factors():
    plan = suites.expand(suites.load("ablation"), "smoke")
    assert all(not planned.factors for planned in plan.cells if planned.row in ("static", "difftalk"))
    assert all(
        not planned.factors for planned in suites.expand(suites.load("privacy_utility"), "smoke").cells
    )


def test_a_whole_run_has_effects_of_every_term(request_for):
    request = request_for("difftalk", "privfedtalk", suite="ablation", changes=FEW)
    run(request)
    assert sum(bool(row.factors) for row in read_plan(request.out).planned) == 8
    (board,) = build_all(load([request.out])).values()
    released, personalised = Ablation(board).effects
    assert released.design.place == ""
    assert personalised.design.place == "personalised in 2 steps"
    for found in (released, personalised):
        assert [found.named(term) for term in found.terms[:3]] == ["ISFA", "TDC", "DP"]
        assert len(found.terms) == 7
        noise = found.cells[(2,), "psnr"].difference
        assert noise.value
        assert noise.clusters == 3
    records = list(RunStore(request.out))
    near = [
        name
        for r in records
        for v in (r, *r.variants)
        for name in v.artifacts
        if name.startswith("closeups/")
    ]
    assert len(near) == 3 * (1 + 8 * 2)
