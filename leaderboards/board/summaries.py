"""The summary of several seeds: estimates that cannot be pooled sample by sample, and the weakest guarantee."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from privtalk.core.records import Estimate, Privacy


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over seeds of estimates that cannot be pooled sample by sample.

    The bounds are averaged too: whatever the dependence between seeds, the standard error of a mean is at
    most the mean of the standard errors, so the interval is never too narrow on that account.

    >>> pooled([Estimate(value=1.0, low=0.0, high=2.0), Estimate(value=2.0, low=1.0, high=3.0)]).high
    2.5
    """
    missing = next((e.missing or "no reason recorded" for e in estimates if e.value is None), None)
    if not estimates or missing is not None:
        return Estimate(missing=missing or "not measured for this row")
    lows, highs = [e.low for e in estimates], [e.high for e in estimates]
    return Estimate(
        value=mean(e.value for e in estimates),
        low=None if None in lows else mean(lows),
        high=None if None in highs else mean(highs),
        n=sum(e.n for e in estimates),
        clusters=max(e.clusters for e in estimates),
    )


def privacy_summary(privacies: Sequence[Privacy]) -> Privacy:
    """The weakest guarantee over seeds: no guarantee if any seed has none, else the largest of each ε."""
    weakest = next((p for p in privacies if not p.guarantee), privacies[0])
    if not weakest.guarantee:
        return weakest
    return weakest.model_copy(
        update={
            "epsilons": weakest.epsilons.model_copy(
                update={
                    name: _worst(getattr(p.epsilons, name) for p in privacies)
                    for name in ("server", "secure_aggregation", "outsider")
                }
            ),
            "delta": _worst(p.delta for p in privacies),
        }
    )


def mean(values: Iterable[float | None]) -> float:
    """Mean of those that are there."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present)


def _worst(values: Iterable[float | None]) -> float | None:
    """Largest value; None (no guarantee) wins over any."""
    present = list(values)
    return None if None in present else max(value for value in present if value is not None)
