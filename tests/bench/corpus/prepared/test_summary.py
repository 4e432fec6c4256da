from __future__ import annotations

import io

from rich.console import Console

from privtalk.bench.corpus.prepared.summary import LONGEST, Summary, VideoOutcome, summary_table


def made(video: str, reason: str | None) -> VideoOutcome:
    return VideoOutcome(video=video, identity="a", utterance=video, key="k", reason=reason)


def text(outcome: VideoOutcome) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(summary_table(Summary(outcomes=[outcome])))
    return console.export_text()


def test_notes_stand_in_the_row_as_they_are() -> None:
    taken = VideoOutcome(video="a/b.mp4", identity="a", utterance="b", key="k")
    assert text(taken).rstrip().endswith("taken")
    noted = taken.model_copy(update={"notes": ("sound track 2 of 2 (default)", "[red]")})
    assert "taken; sound track 2 of 2 (default); [red]" in text(noted)
    assert VideoOutcome.model_validate_json(noted.model_dump_json()) == noted


def test_an_outcome_of_before_has_no_notes() -> None:
    old = '{"video": "a/b.mp4", "identity": "a", "utterance": "b", "key": "k", "clips": {}}'
    assert VideoOutcome.model_validate_json(old).notes == ()


def test_of_very_many_videos_the_refused_ones_are_shown() -> None:
    taken = [made(f"{k:04d}.mkv", None) for k in range(LONGEST)]
    summary = Summary(outcomes=[*taken, made("bad.mkv", "empty file")])
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(summary_table(summary))
    lines = console.export_text().splitlines()
    assert sum("taken" in line for line in lines) == 1  # the headline
    assert any("bad.mkv" in line and "empty file" in line for line in lines)
    assert any(f"and {LONGEST} more: see prepare.json" in line for line in lines)
