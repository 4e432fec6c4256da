"""How a protection stood in a run: what it left to the speech, and to everybody who attacked it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from privtalk.core.errors import UserError
from privtalk.core.records import Record, RunStore, Score

METRIC = "audio_control"
CLEAN = "unprotected"
BROKEN = 0.9
"""The share of what an attacker makes of the clean portrait from which a protection is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A protection at a budget, as a run found it."""

    direct: float
    """Audio control retained, mean over seeds; 1 is the clean portrait."""
    attacked: Mapping[str, float]
    """Attacker -> the same after that attack."""
    clean: Mapping[str, float]
    """Attacker -> what that one makes of the clean portrait; 1 where the run does not say."""
    failed: tuple[str, ...] = ()
    """Controls that failed: with any, figures mean nothing."""

    @property
    def broken_by(self) -> tuple[str, ...]:
        """The attackers who give the mouth back, the most successful first: nearly what they make of the clean
        portrait, and more than the protection leaves by itself."""
        found = [
            name
            for name, value in self.attacked.items()
            if value >= BROKEN * self.clean.get(name, 1.0) and value > self.direct
        ]
        return tuple(sorted(found, key=lambda name: -self.attacked[name]))

    def said(self, method: str, budget: int) -> str:
        """The standing in a sentence.

        >>> found = Standing(direct=0.5, attacked={"blur": 0.6, "diffpure": 1.0}, clean={"diffpure": 1.05})
        >>> found.said("silencer", 8)
        'in that run silencer left 0.50 of the mouth to speech at 8/255; undone by diffpure (1.00); not by blur (0.60)'
        """
        if self.failed:
            return f"in that run {method} at {budget}/255 failed its control {self.failed[0]!r}: nothing is known of it"
        text = f"in that run {method} left {self.direct:.2f} of the mouth to speech at {budget}/255"
        if self.direct >= BROKEN:
            return f"{text}: it protects nothing that an attacker would have to undo"
        broken = self.broken_by
        held = [name for name in self.attacked if name not in broken]
        if broken:
            text += f"; undone by {self._listed(broken)}"
        if held:
            text += f"; not by {self._listed(held)}"
        return text if self.attacked else f"{text}; nobody attacked it there"

    def _listed(self, names: Iterable[str]) -> str:
        return ", ".join(f"{name.replace('_', ' ')} ({self.attacked[name]:.2f})" for name in names)


def standing(folder: Path, method: str, budget: int) -> Standing:
    """Returns how a method at a budget stood in a run's folder; a `UserError` where it holds none of it."""
    if not (folder / "records").is_dir():
        raise UserError(f"{folder}: no run is there; name the folder of one of protections")
    everything = list(RunStore(folder))
    records = [record for record in everything if record.protection is not None]
    clean = [record for record in everything if record.method == CLEAN]
    own = [record for record in records if record.method == method and record.at.get("budget") == str(budget)]
    own = [record for record in own if set(record.at) == {"budget"}]
    direct = _mean(record.metrics for record in own)
    if direct is None:
        there = sorted(
            {f"{record.method} at {record.at['budget']}/255" for record in records if "budget" in record.at}
        )
        raise UserError(
            f"{folder} holds no figure of {method} at {budget}/255; it holds {', '.join(there) or 'no protection'}"
        )
    names = dict.fromkeys(v.at["attacker"] for record in own for v in record.variants if "attacker" in v.at)
    return Standing(
        direct=direct,
        attacked=_by_attacker(own, names),
        clean=_by_attacker(clean, names),
        failed=tuple(
            name
            for record in own
            for name, check in (record.protection.controls if record.protection else {}).items()
            if check.decides and not check.passed
        ),
    )


def _by_attacker(records: Sequence[Record], names: Iterable[str]) -> dict[str, float]:
    """Attacker -> the mean of what it leaves, of those that have a figure."""
    values = {name: _mean(_under(records, name)) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _under(records: Iterable[Record], attacker: str) -> Iterable[Mapping[str, Score]]:
    return (v.metrics for record in records for v in record.variants if v.at.get("attacker") == attacker)


def _mean(metrics: Iterable[Mapping[str, Score]]) -> float | None:
    """The mean of the control retained, over those that have it."""
    known = [value for found in metrics if (value := found[METRIC].estimate.value) is not None]
    return sum(known) / len(known) if known else None
