"""The opening picture: who is where in it, and that it says what the board says."""

from __future__ import annotations

import pytest

from privtalk.core.records import Control, Estimate
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.charts.style import LAYOUTS, LIGHT, NARROW, WIDE, render
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.tradeoff.opening import lowest, opening
from privtalk.leaderboards.sections.tradeoff.opening_rows import OpeningBoard
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.progressed import moved, personalised, variant, with_alone

GAIN = {"16": 0.3, "64": 0.8}
"""dB that private steps gain on what was released."""


@pytest.fixture(scope="module")
def board(attacked_runs):
    runs = personalised(attacked_runs, GAIN)
    return build(runs.records, runs.samples)


@pytest.fixture(scope="module")
def shown(board):
    return OpeningBoard(board, "psnr")


def test_methods_are_drawn_as_released_and_at_their_end(shown):
    assert shown.places == ["none", "eps=8", "eps=2"]
    assert shown.stages == ["", "personalised in 64 steps"]
    drawn = {(r["label"], r["place"], r["stage"]): r["value"] for r in shown.quality if r["kind"] == "method"}
    assert len(drawn) == 2 * 3 * 2
    for (label, place, stage), value in drawn.items():
        if stage:
            assert value - drawn[label, place, ""] == pytest.approx(GAIN["64"])


def test_every_point_is_the_boards_own_difference(board, shown):
    for row in board.methods():
        found = row.cells["psnr"].difference.value
        drawn = [r["value"] for r in shown.quality if (r["method"], r["tier"]) == row.key[:2]]
        assert drawn == ([] if "personal=16" in row.key.tier else [found])


def test_the_attackers_panel_has_the_strongest_attack_on_either_end_of_the_views(board, shown):
    assert shown.views == ["release", "server"]
    assert [(r["view"], r["place"]) for r in shown.attacks] == [
        (view, place) for place in ("none", "eps=8", "eps=2") for view in ("release", "server")
    ]
    server = next(r for r in shown.attacks if (r["view"], r["place"]) == ("server", "none"))
    assert server["attack"] == "fedmia"
    assert server["shown"]
    assert server["planted"] == pytest.approx(0.99, abs=0.02)
    attacks = AttackBoard(board)
    for row in shown.attacks:
        known = next(r for r in board.methods(row["place"]) if r.label == row["label"])
        assert row["value"] == known.attacks[row["attack"]].auc.value
        assert row["shown"] == attacks.leaks(known, row["attack"])


def test_an_invalid_attack_is_not_drawn(attacked_runs):
    failed = Control(auc=Estimate(value=0.7, low=0.6, high=0.8), passed=False)

    def spoilt(record):
        attacks = {
            name: a.model_copy(update={"controls": {"planted": failed}, "valid": False})
            if name == "fedmia"
            else a
            for name, a in record.attacks.items()
        }
        return record.model_copy(update={"attacks": attacks})

    runs = attacked_runs.changed(spoilt)
    drawn = OpeningBoard(build(runs.records, runs.samples), "psnr").attacks
    assert "fedmia" not in {row["attack"] for row in drawn}
    assert {row["view"] for row in drawn} == {"release", "server"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_it_draws_to_a_self_contained_picture(shown, layout):
    svg = render(opening(shown, LIGHT, layout))
    assert svg.startswith("<svg")
    names = (
        "FedAvg",
        "PrivFedTalk",
        "no DP",
        "ε = 8",
        "ε = 2",
        "chance",
        "Centralised",
        "Zero-shot DiffTalk (",
    )
    for label in (*names, "as released", "personalised in 64 steps", "the released adapter"):
        assert label in svg
    assert "href" not in svg
    assert "<image" not in svg


def test_panels_stand_beside_each_other_where_there_is_room(shown):
    assert len(opening(shown, LIGHT, WIDE)["hconcat"]) == 2
    assert len(opening(shown, LIGHT, NARROW)["vconcat"]) == 2


def test_up_is_better_whichever_way_a_metric_goes(board):
    def reach(metric):
        panel = opening(OpeningBoard(board, metric), LIGHT, WIDE)["hconcat"][0]
        return panel["encoding"]["y"]["scale"]["domain"]

    low, high = reach("psnr")
    assert low < high
    low, high = reach("lpips[talkhead]")
    assert low > high


def test_a_reference_that_takes_private_steps_is_a_band_where_it_ends(make):
    runs = with_alone(personalised(make(seeds=(0,), clients=6), GAIN))
    shown = OpeningBoard(build(runs.records, runs.samples), "psnr")
    bands = [(row["label"], row["tier"]) for row in shown.quality if row["kind"] == "reference"]
    assert [tier for label, tier in bands if label == "Local only"] == ["personal=64"]


def test_what_was_planted_lies_within_the_panel_even_where_it_is_missed():
    """A weak attack finds what is planted worse than chance: its bar must not hang below the axis."""
    row = {"low": 0.4, "value": 0.6, "planted": 0.15}
    assert lowest([row]) == 0.15
    assert lowest([row | {"planted": None}]) == 0.4
    assert lowest([row | {"planted": None, "low": None}]) == 0.5


def test_without_attacks_or_progress_there_is_one_panel_with_names_at_the_lines(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0})
    bare = runs.changed(lambda r: r.model_copy(update={"attacks": {}}))
    spec = opening(OpeningBoard(build(bare.records, bare.samples), "psnr"), LIGHT, WIDE)
    assert len(spec["vconcat"]) == 1
    svg = render(spec)
    assert "FedAvg" in svg
    assert "as released" not in svg


def test_a_row_at_its_end_that_was_not_scored_leaves_the_others(attacked_runs):
    runs = personalised(attacked_runs, GAIN).changed(
        lambda r: r.model_copy(
            update={
                "variants": tuple(
                    v.model_copy(update={"metrics": {n: s for n, s in v.metrics.items() if n != "psnr"}})
                    for v in r.variants
                )
            }
        )
    )
    samples = {
        key: [
            s.model_copy(update={"scores": {n: v for n, v in s.scores.items() if n != "psnr"}}) if s.at else s
            for s in own
        ]
        for key, own in runs.samples.items()
    }
    shown = OpeningBoard(build(runs.records, samples), "psnr")
    assert shown.stages == [""]
    assert render(opening(shown, LIGHT, WIDE)).startswith("<svg")


def test_the_page_opens_with_it(attacked_runs, tmp_path):
    runs = personalised(attacked_runs, GAIN)
    text = publish([runs.write(tmp_path / "run")], tmp_path / "site").read_text(encoding="utf-8")
    first = text.index("charts/index/privacy-utility-psnr-wide-light.svg")
    assert text.index("<main") < first < text.index('<section id="findings">')
    assert text.count("privacy-utility-psnr-wide-light.svg") == 1
    assert "each client’s message at no DP: fedmia has AUC 0.9" in text


def test_a_reference_that_is_scored_before_its_steps_too_is_one_band_at_their_end(make):
    runs = make(seeds=(0,), clients=6)
    for index, record in enumerate(runs.records):
        if record.method == "local":
            plain = runs.samples[record.cell_id]
            own = moved(plain, 0.8, {"personal": "64"})
            runs.records[index] = record.model_copy(
                update={"variants": (variant(record, own, {"personal": "64"}),)}
            )
            runs.samples[record.cell_id] = plain + own
    board = build(runs.records, runs.samples)
    assert [row.key.tier for row in board.rows if row.key.method == "local"] == ["none", "personal=64"]
    bands = [row["tier"] for row in OpeningBoard(board, "psnr").quality if row["label"] == "Local only"]
    assert bands == ["personal=64"]
