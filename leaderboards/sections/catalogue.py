"""The sections of a board, in the order in which every medium shows them, and what each medium makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.core.display import Display
from privtalk.core.records import Record
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.ablation.section import Ablation
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.attacks.section import Attacks
from privtalk.leaderboards.sections.audits.section import Audits
from privtalk.leaderboards.sections.conditions.section import Conditions
from privtalk.leaderboards.sections.efficiency.section import Efficiency
from privtalk.leaderboards.sections.guarantee.section import Guarantee
from privtalk.leaderboards.sections.progress.section import Progress
from privtalk.leaderboards.sections.protection.section import Protections
from privtalk.leaderboards.sections.published.section import Published
from privtalk.leaderboards.sections.records.section import Records
from privtalk.leaderboards.sections.samples.section import Samples
from privtalk.leaderboards.sections.section import Section
from privtalk.leaderboards.sections.tradeoff.section import Tradeoff
from privtalk.leaderboards.sections.trust import trust
from privtalk.leaderboards.sections.utility.section import Utility

SECTIONS: tuple[type[Section], ...] = (
    Protections,
    Utility,
    Efficiency,
    Tradeoff,
    Progress,
    Ablation,
    Guarantee,
    Attacks,
    Audits,
    Samples,
    Conditions,
    Published,
    Records,
)


def sections_of(board: Board) -> tuple[Section, ...]:
    """The sections that a board has something to show of."""
    return tuple(section(board) for section in SECTIONS if section.present(board))


def worse(old: Record, fresh: Record, display: Display) -> list[str]:
    """Returns, in words, all that any section finds worse between two records of a cell."""
    return [text for section in SECTIONS for text in section.worse(old, fresh, display)]


def findings(board: Board, sections: Sequence[Section] = ()) -> tuple[Finding, ...]:
    """All findings that the board has data for, in reading order; a violated guarantee before all else.

    Without `sections` those of the board are made.
    """
    shown = sections or sections_of(board)
    told = [found for section in shown for found in section.findings()]
    loud = [found for found in told if found.tone == "error"]
    remarks = [line for section in shown for line in section.remarks()]
    last = trust(board, remarks, [section.sound for section in shown if section.sound])
    return (*loud, *(found for found in told if found.tone != "error"), last)
