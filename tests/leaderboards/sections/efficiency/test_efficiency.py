"""Speed and size beside quality: the front, means over seeds, findings, and what no regression reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.core.display import Display
from privtalk.leaderboards.sections.catalogue import sections_of, worse
from privtalk.leaderboards.sections.efficiency.efficiency_board import (
    EfficiencyBoard,
    slowness,
    times_as_fast,
)
from privtalk.leaderboards.sections.efficiency.findings import beside_baseline, by_steps, fastest
from privtalk.leaderboards.sections.efficiency.section import Efficiency
from tests.leaderboards.sections.efficiency.timed import ROWS, Timed, block, record, timed_board, timed_runs


@pytest.fixture(scope="module")
def shown():
    return EfficiencyBoard(timed_board())


def stated(timed):
    return [one.row.key[:2] for one in timed]


def row(shown, method, tier="none"):
    return next(timed for timed in shown.rows if timed.row.key[:2] == (method, tier))


def test_the_front_is_of_rows_that_none_beats_in_both(shown):
    steps = [("slow", "steps=2"), ("slow", "steps=4")]
    assert stated(shown.front(slowness)) == [*steps, ("small", "none"), ("slow", "none")]
    assert stated(shown.front(lambda timed: timed.megabytes)) == [("small", "none"), ("slow", "none")]


@given(
    st.lists(
        st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([1.0, 2.0, 3.0])), min_size=1, max_size=5
    )
)
def test_no_row_of_the_front_is_beaten_and_each_other_row_is(pairs):
    rows = {(f"m{k}", "none"): Timed(error, speed, 1000, 1) for k, (error, speed) in enumerate(pairs)}
    shown = EfficiencyBoard(timed_board(timed_runs(rows), Display(headline="near")))
    front = shown.front(slowness)

    def beaten(timed):
        own = (timed.quality.value, -timed.speed())
        others = [(other.quality.value, -other.speed()) for other in shown.rows]
        return any(error <= own[0] and speed <= own[1] and (error, speed) != own for error, speed in others)

    assert front
    assert {timed.row.key for timed in front} == {timed.row.key for timed in shown.rows if not beaten(timed)}


def test_speeds_are_means_over_seeds_and_those_over_the_reference_medians():
    shown = EfficiencyBoard(timed_board(timed_runs(seeds=(0, 1, 2))))
    slow = row(shown, "slow")
    assert slow.speed() == pytest.approx((100 + 200 + 300) / 3)
    assert slow.speed(audio=False) == pytest.approx(400)
    assert slow.speed(2) is None
    assert slow.over_reference == pytest.approx(8)


def test_a_row_is_set_against_another_by_their_common_reference(shown):
    assert times_as_fast(row(shown, "small"), row(shown, "slow")) == pytest.approx(4)
    other = EfficiencyBoard(timed_board(timed_runs(times=False)))
    assert times_as_fast(row(other, "small"), row(other, "slow")) == pytest.approx(4)


def test_rows_are_best_first_and_untimed_ones_are_lines(shown):
    assert stated(shown.rows)[0] == ("slow", "none")
    assert {row.label for row, _ in shown.untimed} == {"held", "far"}
    assert not {"held", "far"} & {timed.row.label for timed in shown.rows}


def test_a_method_by_steps_is_one_series_with_most_passes_first(shown):
    [series] = shown.by_steps
    assert [timed.first.passes for timed in series] == [16, 4, 2]


def test_places_that_differ_in_more_than_steps_are_series_of_their_own():
    rows = {("slow", tier): Timed(1.0, 100.0, 1000, 16) for tier in ("none", "eps=8")}
    rows |= {("slow", tier): Timed(1.0, 200.0, 1000, 2) for tier in ("steps=2", "eps=8, steps=2")}
    found = EfficiencyBoard(timed_board(timed_runs(rows))).by_steps
    assert sorted(stated(series) for series in found) == [
        [("slow", "eps=8"), ("slow", "eps=8, steps=2")],
        [("slow", "none"), ("slow", "steps=2")],
    ]


def test_the_headline_stands_with_the_next_metric_of_its_family(shown):
    assert [metric.name for metric in shown.metrics] == ["near", "mid"]


def test_findings_name_the_fastest_the_smallest_and_the_fronts(shown):
    found = fastest(shown)
    speed, size = (answer.text for answer in found.answers)
    assert speed.startswith("Slow at steps = 2 is fastest: 800 frames a second, near 3.0")
    assert speed.endswith(
        "nobody is both faster and better than slow at steps = 2, slow at steps = 4, small and slow"
    )
    assert size.startswith("Small is smallest: 0.10 MB, near 2.0")
    verdicts = {line.subject: line.verdict for line in found.lines}
    assert verdicts["small"] == "on the front of speed and size"
    assert verdicts["slow, steps = 2"] == "on the front of speed"
    assert verdicts["poor"] == "behind others"


def test_fewer_passes_are_set_against_what_they_cost(shown):
    found = by_steps(shown)
    [answer] = found.answers
    assert answer.tier == "slow"
    assert answer.text.startswith("2 passes in place of 16: 8.0 times as fast, near +2.0")
    assert [line.verdict for line in found.lines] == ["worse", "worse"]


def test_rows_are_set_against_the_baseline(shown):
    found = beside_baseline(shown)
    assert found.question == "How much faster and smaller than the slow one, and at what loss?"
    assert {line.verdict for line in found.lines} == {"worse"}
    rows = dict(ROWS) | {("small", "none"): Timed(0.5, 400.0, 100_000, 2)}
    [told] = beside_baseline(EfficiencyBoard(timed_board(timed_runs(rows)))).answers
    assert told.text.startswith(
        "The fastest that is not shown to be worse is small: 4.0 times as fast, 0.05 times"
    )


def test_findings_without_their_data_are_none():
    alone = EfficiencyBoard(timed_board(timed_runs({("small", "none"): ROWS["small", "none"]})))
    assert (fastest(alone), by_steps(alone), beside_baseline(alone)) == (None, None, None)


def test_a_board_that_nobody_timed_has_no_such_section():
    plain = timed_board(timed_runs(timed=False))
    assert not Efficiency.present(plain)
    assert "efficiency" not in {section.name for section in sections_of(plain)}
    assert "efficiency" in {section.name for section in sections_of(timed_board())}


def test_no_regression_reads_speeds():
    old, _ = record("slow", "none", ROWS["slow", "none"], block(Timed(1.0, 100.0, 10, 2), 5.0))
    fresh, _ = record("slow", "none", ROWS["slow", "none"], block(Timed(1.0, 1.0, 1000, 2), 0.01))
    assert Efficiency.worse(old, fresh, Display()) == ()
    assert worse(old, fresh, Display()) == []
