"""Did an attack get worse between two records of the same run?"""

from __future__ import annotations

from privtalk.core.display import Display
from privtalk.core.records import AttackResult, Estimate, Strength
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import Headline, headline_of


def attack_worse(old: AttackResult, fresh: AttackResult | None, display: Display | None = None) -> list[str]:
    """Ways in which an attack gained, or stopped being able to say anything."""
    if fresh is None:
        return ["the attack is missing"]
    before, after = headline_of([old], display), headline_of([fresh], display)
    both = before.estimate.value is not None and after.estimate.value is not None
    if both and before.name != after.name:
        return [f"the headline was {before.label} and is {after.label}: not comparable"]
    found = _headline_worse(before, after)
    if old.valid and not fresh.valid and after.estimate.value is not None:
        failed = [name for name, control in fresh.controls.items() if not control.passed]
        found.append(f"controls no longer at chance: {formats.listing(failed) or 'not named'}")
    if after.estimate.value is not None and (gone := [n for n in old.controls if n not in fresh.controls]):
        found.append(f"controls are missing: {formats.listing(gone)}")
    return found + _weaker_attack(old.strength, fresh.strength, before)


def _headline_worse(before: Headline, after: Headline) -> list[str]:
    """A headline that is gone, or whose interval lies wholly on the attacker's side of the old one."""
    old, fresh = before.estimate, after.estimate
    if old.value is None:
        return []
    if fresh.value is None:
        return [f"{after.label} is missing: {fresh.missing or 'no reason recorded'}"]
    if None not in (old.low, old.high) and None in (fresh.low, fresh.high):
        return [f"{after.label} has no interval any more"]
    change = _clear(old, fresh)
    if change != before.sign:
        return []
    verb = "rose" if change > 0 else "fell"
    return [
        f"{before.label} {verb} from {formats.with_interval(old, 3)} to {formats.with_interval(fresh, 3)}"
    ]


def _weaker_attack(old: Strength | None, fresh: Strength | None, head: Headline) -> list[str]:
    """An attack that finds less of what is planted would make any row look more private."""
    if old is None or old.estimate.value is None:
        return []
    if fresh is None or fresh.estimate.value is None:
        return ["its strength on what is planted is missing"]
    if _clear(old.estimate, fresh.estimate) != -head.sign:
        return []
    before, after = (formats.with_interval(s.estimate, 3) for s in (old, fresh))
    return [f"it finds less of what is planted: {head.label} {before}, now {after}"]


def _clear(old: Estimate, fresh: Estimate) -> int:
    """+1 where the new interval lies wholly above the old one, -1 below it, 0 where they meet."""
    above = fresh.low is not None and old.high is not None and fresh.low > old.high
    below = fresh.high is not None and old.low is not None and fresh.high < old.low
    return int(above) - int(below)
