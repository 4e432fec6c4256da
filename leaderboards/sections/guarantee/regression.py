"""Did a guarantee get weaker between two records of the same run?"""

from __future__ import annotations

import math

from privtalk.core.records import Privacy

LESS_NOISE = 0.99
"""Share of the old noise below which it fell, whatever the accountant says of it: calibration is not exact."""


def weaker(old: Privacy, fresh: Privacy) -> list[str]:
    """Ways in which a guarantee got weaker."""
    found = []
    for name in ("server", "secure_aggregation", "outsider"):
        before, after = getattr(old.epsilons, name), getattr(fresh.epsilons, name)
        if _or_infinite(after) > _or_infinite(before) * (1 + 1e-9):
            now = "none" if after is None else f"{after:.4g}"
            found.append(f"ε ({name.replace('_', ' ')}) rose from {before:.4g} to {now}")
    if (old.noise_multiplier or 0.0) * LESS_NOISE > (fresh.noise_multiplier or 0.0):
        noise = "none" if fresh.noise_multiplier is None else f"{fresh.noise_multiplier:.4g}"
        found.append(f"the noise multiplier fell from {old.noise_multiplier:.4g} to {noise}")
    if old.guarantee and not fresh.guarantee:
        found.append(f"the guarantee is lost: {fresh.reason or 'no reason recorded'}")
    if old.delta is not None and fresh.delta is not None and fresh.delta > old.delta:
        found.append(f"δ rose from {old.delta:g} to {fresh.delta:g}")
    return found


def _or_infinite(epsilon: float | None) -> float:
    return math.inf if epsilon is None else epsilon
