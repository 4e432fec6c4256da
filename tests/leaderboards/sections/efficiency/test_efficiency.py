"""Speed and size beside quality: the front, the table, and what is missing."""

from __future__ import annotations

import pytest

from privtalk.core.cache import content_hash
from privtalk.core.record_parts import EfficiencyBlock, Estimate, Score, Speed
from privtalk.core.records import Code, Record, Sample
from privtalk.core.upgrade import at_of
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.catalogue import sections_of
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard
from privtalk.leaderboards.sections.efficiency.figures import point_rows
from privtalk.leaderboards.sections.efficiency.findings import by_steps, fastest
from privtalk.leaderboards.sections.efficiency.section import COLUMNS, Efficiency, cells
from tests.leaderboards.conftest import Runs

ROWS = {
    ("slow", "none"): (1.0, 100.0, 2_000_000, 16),
    ("slow", "steps=2"): (3.0, 800.0, 2_000_000, 2),
    ("small", "none"): (2.0, 400.0, 100_000, 2),
    ("poor", "none"): (4.0, 300.0, 3_000_000, 4),
}
"""Row -> error, frames a second, bytes, passes."""


def block(speed: float, size: int, passes: int) -> EfficiencyBlock:
    return EfficiencyBlock(
        frames=250,
        speeds=(Speed(threads=1, audio=True, frames_per_second=speed),),
        reference="slow",
        times_reference=speed / 100,
        passes=passes,
        macs_per_frame=1e6 * passes,
        parameters=2000,
        trainable=1000,
        needed=1500,
        bytes_on_disk=size,
    )


def record(method: str, tier: str, value: float, efficiency: EfficiencyBlock | None, seed: int):
    cell = {"task": "speech_3d", "method": method, "at": at_of(tier), "seed": seed}
    samples = [Sample(client=f"c{k}", clip="test-00", scores={"lve": value + 0.01 * k}) for k in range(5)]
    mean = sum(sample.scores["lve"] for sample in samples) / 5
    score = Score(
        estimate=Estimate(value=mean, low=mean - 0.1, high=mean + 0.1, n=5, clusters=5),
        unit="mm²",
        direction="lower",
        family="mesh",
    )
    made = Record(
        task="speech_3d",
        cell_id=content_hash(cell),
        cell=cell,
        suite="speech_3d",
        preset="small",
        row=method,
        at=at_of(tier),
        seed=seed,
        kind="method",
        code=Code(version="0.1.0"),
        environment={"python": "3.12"},
        started="2026-01-01T10:00:00Z",
        timings={},
        peak_memory_mib=10.0,
        metrics={"lve": score},
        efficiency=efficiency,
    )
    return made, samples


def board(rows=ROWS, seeds=(0,), timed=True):
    runs = Runs()
    for seed in seeds:
        for (method, tier), (value, speed, size, passes) in rows.items():
            known = block(speed * (1 + seed), size, passes) if timed else None
            runs.add(*record(method, tier, value, known, seed))
    return build(runs.records, runs.samples)


def stated(timed):
    return [(one.row.key.method, one.row.key.tier) for one in timed]


def test_the_front_is_of_rows_that_none_beats_in_both():
    shown = EfficiencyBoard(board())
    by_speed = shown.front(lambda timed: -(timed.speed(1) or 0))
    assert stated(by_speed) == [("slow", "steps=2"), ("small", "none"), ("slow", "none")]
    assert stated(shown.front(lambda timed: timed.megabytes)) == [("small", "none"), ("slow", "none")]


def test_speeds_are_means_over_seeds():
    shown = EfficiencyBoard(board(seeds=(0, 1)))
    assert shown.rows[0].speed(1) == pytest.approx(150)
    assert shown.rows[0].speed(2) is None


def test_rows_are_best_first_and_cells_fill_every_column():
    shown = EfficiencyBoard(board())
    assert stated(shown.rows)[0] == ("slow", "none")
    told = dict(zip(COLUMNS, cells(shown.rows[0]), strict=True))
    assert (told["frames/s"], told["2 threads"], told["passes"], told["MB"]) == ("100", "-", "16", "2.00")


def test_findings_name_the_fastest_the_smallest_and_the_fronts():
    found = fastest(EfficiencyBoard(board()))
    assert found is not None
    texts = [answer.text for answer in found.answers]
    assert texts[0].startswith("The fastest is slow at")
    assert texts[1].startswith("The smallest is small")
    assert "poor" not in " ".join(texts)
    [line] = [line for line in found.lines if line.subject.startswith("poor")]
    assert line.verdict == "level"


def test_fewer_passes_are_set_against_what_they_cost():
    found = by_steps(EfficiencyBoard(board()))
    assert found is not None
    [answer] = found.answers
    assert "2 passes in place of 16: 8.0 times as fast" in answer.text


def test_points_hold_what_the_charts_draw():
    rows = point_rows(EfficiencyBoard(board()))
    assert len(rows) == len(ROWS)
    assert {row["passes"] for row in rows} == {2, 4, 16}


def test_a_board_that_nobody_timed_has_no_such_section():
    plain = board(timed=False)
    assert not Efficiency.present(plain)
    assert not any(isinstance(section, Efficiency) for section in sections_of(plain))


def test_no_regression_reads_speeds():
    old, _ = record("slow", "none", 1.0, block(100, 10, 2), 0)
    fresh, _ = record("slow", "none", 1.0, block(1, 1000, 2), 0)
    assert Efficiency.worse(old, fresh, board().display) == ()
