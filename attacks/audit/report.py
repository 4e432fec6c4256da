"""The report of an audit: the accountant's ε, lower bounds that must not exceed it, estimates that bound nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from privtalk.attacks.audit.bounds import CertifiedBound
from privtalk.attacks.audit.one_shot import OneShotEstimate


class PrivacyViolationError(RuntimeError):
    """A certified lower bound exceeds the accountant's ε: the mechanism leaks more than it claims, or one of mechanism,
    accountant and audit has a bug. Not a `ValueError`: nobody's input is wrong, and no caller may shrug it off as one.
    """


@dataclass(frozen=True, kw_only=True)
class AccountedBound:
    """ε(δ) is at most `epsilon`, by proof."""

    epsilon: float
    delta: float
    accountant: str
    neighbouring: str = "add or remove one client"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A lower bound and the upper bound that it exceeds."""

    certified: CertifiedBound
    upper: AccountedBound

    def __str__(self) -> str:
        low, high = self.certified, self.upper
        rests = f", if {low.assumption}" if low.assumption else ""
        return (
            f"{low.name}: ε ≥ {low.epsilon:.4g} at δ = {low.delta:g} with {low.confidence:.4g} confidence "
            f"(n = {low.n}{rests}), but {high.accountant} says ε ≤ {high.epsilon:.4g}"
        )


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """One audit. Bounds at several δ belong to one mechanism; each is compared at its own."""

    subject: str
    """The thing that was audited."""
    upper: tuple[AccountedBound, ...]
    """The accountant's, one a δ."""
    certified: tuple[CertifiedBound, ...]
    """Each holds with its own confidence: that all hold at once has less."""
    estimates: tuple[OneShotEstimate, ...] = ()
    """Shown, never compared."""

    def __post_init__(self) -> None:
        deltas = [bound.delta for bound in self.upper]
        if len(set(deltas)) != len(deltas):
            raise ValueError(f"upper bounds at δ = {deltas}: one a δ")
        asked = {low.delta for low in self.certified} | {guess.delta for guess in self.estimates}
        missing = sorted(asked - set(deltas))
        if missing:
            raise ValueError(f"no upper bound at δ = {missing}: there is nothing to compare with")

    def at(self, delta: float) -> AccountedBound:
        """The accountant's ε at δ."""
        return next(bound for bound in self.upper if bound.delta == delta)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Certified bounds above the accountant's."""
        return tuple(
            Violation(certified=low, upper=self.at(low.delta))
            for low in self.certified
            if not low.epsilon <= self.at(low.delta).epsilon
        )

    def check(self) -> AuditReport:
        """The report itself; raises `PrivacyViolationError` where a certified bound exceeds the accountant's."""
        found = self.violations
        if found:
            listed = "\n".join(f"  {violation}" for violation in found)
            raise PrivacyViolationError(
                f"{self.subject}: certified to leak more than is accounted for; one of the two is wrong\n{listed}"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers, for a record."""
        return asdict(self) | {"violations": [str(violation) for violation in self.violations]}
