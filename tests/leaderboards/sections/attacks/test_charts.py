from __future__ import annotations

import pytest

from privtalk.core.records import Control, Estimate
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.charts.style import DARK, LAYOUTS, LIGHT, NARROW, WIDE, recoloured, render
from privtalk.leaderboards.sections.attacks import rows as attack_data
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.charts.aggregation import aggregation
from privtalk.leaderboards.sections.attacks.charts.matrix import leak_matrix, state
from tests.leaderboards.attacked import GAINS, KINDS
from tests.leaderboards.progressed import leaking, personalised


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


@pytest.fixture(scope="module")
def spoilt(attacked_runs):
    """FedAvg's loss fails a control and its lira was not measured."""

    def spoil(record):
        if record.method != "fedavg":
            return record
        failed = Control(auc=Estimate(value=0.7, low=0.6, high=0.8), passed=False)
        attacks = dict(record.attacks)
        attacks["loss"] = attacks["loss"].model_copy(update={"controls": {"x": failed}, "valid": False})
        gone = {"auc": Estimate(missing="refused"), "roc": (), "points": (), "valid": False}
        attacks["lira"] = attacks["lira"].model_copy(update=gone)
        return record.model_copy(update={"attacks": attacks})

    changed = attacked_runs.changed(spoil)
    return build(changed.records, changed.samples)


def cells(spec) -> list[dict]:
    """Texts of cells by layer, of all panels."""
    panels = spec.get("vconcat", [spec])
    return [
        row for panel in panels for part in panel["layer"] for row in part["data"]["values"] if "state" in row
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_matrix_has_every_attack_and_row_and_draws(board, layout):
    spec = leak_matrix(AttackBoard(board), LIGHT, layout)
    pairs = {(cell["row"], cell["attack"]) for cell in cells(spec)}
    assert len(pairs) == 7 * len([*KINDS, *GAINS])
    svg = render(spec)
    for name in ("user_inference", "prior_guided (dB)", "FedAvg", "Centralised"):
        assert name in svg
    assert recoloured(svg, LIGHT, DARK) == render(leak_matrix(AttackBoard(board), DARK, layout))


def test_only_valid_gains_are_coloured(spoilt):
    drawn = cells(leak_matrix(AttackBoard(spoilt), LIGHT, WIDE))
    by_place = {(cell["row"], cell["attack"]): cell for cell in drawn}
    assert by_place["FedAvg none", "loss"]["text"] == "!"
    assert by_place["FedAvg none", "loss"]["state"] == "invalid"
    assert by_place["FedAvg none", "lira"]["text"] == "-"
    for row in spoilt.methods():
        for name, attack in row.attacks.items():
            coloured = by_place[f"{row.label} {row.key.tier}", name]["state"] == "leak"
            clear = attack.headline.estimate.low is not None and (
                attack.headline.estimate.low > attack.headline.chance
            )
            assert coloured == (clear and attack.valid), name


def test_chance_is_filled_only_where_the_attack_is_known_to_see(board):
    attacks = board.row("fedavg", "eps=2").attacks
    assert state(attacks["lira"]) == "quiet"
    assert state(attacks["cdi"]) == "unsure"  # nobody planted anything
    assert state(attacks["clid"]) == "unsure"  # and here it did not find it


def test_the_greater_gain_has_the_stronger_colour(board):
    drawn = {
        c["attack"]: c["opacity"]
        for c in cells(leak_matrix(AttackBoard(board), LIGHT, WIDE))
        if c["row"] == "FedAvg none"
    }
    assert drawn["fedmia"] > drawn["source_inference"] > drawn["lira"]
    assert drawn["prior_guided"] > drawn["inverting_gradients"]


def test_the_data_of_the_matrix_holds_interval_correction_rates_and_strength(board):
    rows = attack_data.leak_rows(AttackBoard(board))
    assert len({tuple(row) for row in rows}) == 1
    one = next(r for r in rows if (r["method"], r["tier"], r["attack"]) == ("fedavg", "none", "fedmia"))
    assert one["low"] < one["value"] < one["high"]
    assert one["p_holm"] < 1e-6
    assert one["tpr_at_0.01"] > 0.1
    assert one["fpr_realised_at_0.01"] <= 0.01
    assert one["strength_known"] == "shown"
    assert (one["bound_epsilon"], one["bounded_against"]) == (None, None)
    assert next(r for r in rows if r["attack"] == "dlg")["headline"] == "psnr_gain"
    private = next(r for r in rows if (r["tier"], r["attack"]) == ("eps=2", "distinguishing"))
    assert (private["bound_epsilon"], private["bounded_against"]) == (1.99, "secure_aggregation")


def test_ceilings_come_from_the_adversary_of_the_view(board):
    row = board.row("fedavg", "eps=2")
    assert attack_data.ceiling_rows(row, "fedmia", 0.01) == []  # nothing is promised against the server
    assert attack_data.ceiling_rows(row, "distinguishing", 0.01)
    assert attack_data.limit_of(row, "distinguishing").adversary == "secure_aggregation"
    assert attack_data.limit_of(row, "malicious_client").adversary == "outsider"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_aggregation_draws_a_curve_a_tier(board, layout):
    spec = aggregation(board, "distinguishing", "auc by clients in the sum", LIGHT, layout)
    assert [panel["title"] for panel in spec["concat"]] == ["PrivFedTalk", "FedAvg"]
    tiers = {row["tier"] for row in spec["concat"][0]["layer"][1]["data"]["values"]}
    assert tiers == {"no DP", "ε = 8", "ε = 2"}
    svg = render(spec)
    assert "clients in the sum" in svg
    assert "href" not in svg


def test_places_without_the_attack_stand_in_no_legend(attacked_runs):
    """Personal adapters are attacked too, but not by what sums are attacked by."""
    runs = leaking(personalised(attacked_runs, {"4": 0.2}))
    board = build(runs.records, runs.samples)
    spec = aggregation(board, "distinguishing", "auc by clients in the sum", LIGHT, WIDE)
    for panel in spec["concat"]:
        domain = panel["layer"][1]["encoding"]["color"]["scale"]["domain"]
        assert domain == ["no DP", "ε = 8", "ε = 2"]


def test_a_curve_of_one_point_still_draws(attacked_runs):
    short = attacked_runs.changed(
        lambda r: r.model_copy(
            update={
                "attacks": {
                    n: a.model_copy(
                        update={"curves": {"cosine by clients": ((0.0, 0.3),)} if a.curves else {}}
                    )
                    for n, a in r.attacks.items()
                }
            }
        )
    )
    board = build(short.records, short.samples)
    assert "cosine" in render(aggregation(board, "distinguishing", "cosine by clients", LIGHT, NARROW))
