from __future__ import annotations

from privtalk.core.records import Epsilons, Estimate, Privacy
from privtalk.leaderboards.board.summaries import pooled, privacy_summary

NONE = Privacy(mechanism="none", guarantee=False)


def guaranteed(epsilon: float, delta: float = 1e-5) -> Privacy:
    return Privacy(
        mechanism="central-gaussian", guarantee=True, delta=delta, epsilons=Epsilons(outsider=epsilon)
    )


def test_pooling_keeps_what_is_missing_missing():
    assert pooled([Estimate(value=1.0), Estimate(missing="lost")]).missing == "lost"
    assert pooled([]).value is None
    assert pooled([Estimate(value=1.0), Estimate(value=3.0, low=2.0, high=4.0)]).low is None


def test_the_weakest_guarantee_is_shown():
    assert privacy_summary([guaranteed(2.0), guaranteed(3.0)]).epsilons.outsider == 3.0
    assert privacy_summary([guaranteed(2.0), NONE]).guarantee is False
    assert privacy_summary([guaranteed(2.0)]).epsilons.server is None
