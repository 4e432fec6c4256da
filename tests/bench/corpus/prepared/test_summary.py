from __future__ import annotations

import io

from rich.console import Console

from privtalk.bench.corpus.prepared.summary import Summary, VideoOutcome, summary_table


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
