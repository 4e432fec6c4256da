"""How a protection stood in a run: what it left to the speech, and to everybody who attacked it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from privtalk.core.errors import UserError
from privtalk.core.records import Record, RunStore, Score

METRIC = "audio_control"
BROKEN = 0.9
"""Control retained from which an attacker is said to have undone a protection: nine tenths of the clean portrait's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A protection at a budget, as a run found it."""

    direct: float
    """Audio control retained, mean over seeds; 1 is the clean portrait."""
    attacked: Mapping[str, float]
    """Attacker -> the same after that attack."""

    @property
    def broken_by(self) -> tuple[str, ...]:
        """The attackers who give the mouth back, the most successful first."""
        found = [name for name, value in self.attacked.items() if value >= BROKEN]
        return tuple(sorted(found, key=lambda name: -self.attacked[name]))

    def said(self, method: str, budget: int) -> str:
        """The standing in a sentence.

        >>> Standing(direct=0.5, attacked={"blur": 0.6, "diffpure": 1.0}).said("silencer", 8)
        'in that run silencer left 0.50 of the mouth to speech at 8/255; undone by diffpure (1.00); not by blur (0.60)'
        """
        text = f"in that run {method} left {self.direct:.2f} of the mouth to speech at {budget}/255"
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
    records = [record for record in RunStore(folder) if record.protection is not None]
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
    values = {name: _mean(_under(own, name)) for name in names}
    return Standing(
        direct=direct, attacked={name: value for name, value in values.items() if value is not None}
    )


def _under(records: Iterable[Record], attacker: str) -> Iterable[Mapping[str, Score]]:
    return (v.metrics for record in records for v in record.variants if v.at.get("attacker") == attacker)


def _mean(metrics: Iterable[Mapping[str, Score]]) -> float | None:
    """The mean of the control retained, over those that have it."""
    known = [value for found in metrics if (value := found[METRIC].estimate.value) is not None]
    return sum(known) / len(known) if known else None
