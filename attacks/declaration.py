"""The declaration of an attack about itself, once, for records and boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Family = Literal["membership", "identity", "reconstruction", "aggregation", "audit"]
FAMILIES: tuple[Family, ...] = get_args(Family)

Sees = Literal["release", "server", "sums", "client", "personal", "animation"]
"""The view of `attacks.views`: `ReleaseView`, `ServerView`, `SecureAggregationView`, `ClientView` or `PersonalView`; an
animation is seen by whoever watches it."""

Footage = Literal["fresh", "exact"]
"""The footage that the attacker holds: windows that nobody trained on, or the very clips of a member's device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An attack's name and meaning."""

    name: str
    """Key in records, such as `update_cosine`."""
    family: Family
    view: Sees
    statistic: str
    """The score, in a line; larger means "member" or "this person"."""
    source: str
    """Paper and, where it helps, equation."""
    footage: Footage = "fresh"
    headline: str = "auc"
    """The measure that a board shows: `auc`, or a key of `Outcome.measures`."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An attack. Each kind adds the function that it is: `ReleaseAttack`, `PersonAttack`, `ShadowAttack`,
    `MessageAttack` and `Reconstruction`.
    """

    declaration: Declaration
