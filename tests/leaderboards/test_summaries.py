from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.records import Control, Epsilons, Estimate, OperatingPoint, Privacy
from privtalk.leaderboards.summaries import (
    attack_summary,
    attack_verdict,
    breaches,
    ceiling,
    pooled,
    privacy_summary,
)

NONE = Privacy(mechanism="none", guarantee=False)


def guaranteed(epsilon: float, delta: float = 1e-5) -> Privacy:
    return Privacy(
        mechanism="central-gaussian", guarantee=True, delta=delta, epsilons=Epsilons(outsider=epsilon)
    )


@given(st.floats(0, 1), st.floats(0, 12), st.floats(0, 0.1))
def test_ceiling_is_the_feasible_region_of_dp(fpr, epsilon, delta):
    highest = ceiling(fpr, epsilon, delta)
    slack = 1e-9
    assert fpr - slack <= highest <= 1
    assert highest <= math.exp(epsilon) * fpr + delta + slack
    assert 1 - highest >= (1 - delta - fpr) / math.exp(epsilon) - slack


@given(st.floats(1e-9, 1))
def test_ceiling_limits(fpr):
    assert ceiling(fpr, 0.0, 0.0) == pytest.approx(fpr, abs=1e-12)
    assert ceiling(fpr, 1000.0, 0.0) == pytest.approx(1.0)
    assert ceiling(0.0, 1000.0, 0.0) == 0.0


@given(st.floats(0, 1), st.floats(0, 5), st.floats(0, 5))
def test_ceiling_rises_with_epsilon(fpr, epsilon, more):
    assert ceiling(fpr, epsilon + more, 1e-5) >= ceiling(fpr, epsilon, 1e-5) - 1e-12


def test_breach_is_found_only_beyond_the_ceiling(attack):
    result = attack(0.76, 0, "fedavg")
    sure = OperatingPoint(
        fpr_target=0.01, fpr_realised=0.01, tpr=Estimate(value=0.95, low=0.9, high=1.0, n=96, clusters=96)
    )
    result = result.model_copy(update={"points": (sure,), "negatives": 1000})
    assert breaches(result, guaranteed(8.0)) == []
    assert len(breaches(result, guaranteed(1.0))) == 1
    assert breaches(result, NONE) == []


def test_few_negatives_cannot_prove_a_breach(attack):
    point = OperatingPoint(
        fpr_target=0.01, fpr_realised=0.0, tpr=Estimate(value=0.5, low=0.4, high=0.6, n=20, clusters=20)
    )
    result = attack(0.76, 0, "fedavg").model_copy(update={"points": (point,), "negatives": 10})
    assert breaches(result, guaranteed(1.0)) == []


def test_a_failed_control_makes_the_attack_invalid(attack):
    good = attack(0.76, 0, "fedavg")
    failed = Control(auc=Estimate(value=0.7, low=0.6, high=0.8), passed=False)
    bad = good.model_copy(update={"controls": {**good.controls, "never trained": failed}, "valid": False})
    merged = attack_summary([(0, good), (1, bad)], [NONE, NONE])
    assert merged.verdict == "invalid"
    assert not merged.controls["never trained"].passed
    assert merged.controls["permuted labels"].passed


def test_seeds_are_averaged_and_counted(attack):
    results = [attack(0.76, seed, "fedavg") for seed in (0, 1)]
    merged = attack_summary(list(enumerate(results)), [NONE, NONE])
    assert merged.auc.value == pytest.approx(sum(r.auc.value for r in results) / 2)
    assert merged.auc.high - merged.auc.low == pytest.approx(sum(r.auc.high - r.auc.low for r in results) / 2)
    assert merged.positives == 192
    assert [seed for seed, _ in merged.rocs] == [0, 1]


def test_a_refused_operating_point_stays_missing(attack):
    merged = attack_summary([(0, attack(0.76, 0, "fedavg"))], [NONE])
    refused = next(p for p in merged.points if p.fpr_target == 0.001)
    assert refused.tpr.value is None
    assert "1000 non-members" in refused.tpr.missing


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.51, 0.6, "above chance"), (0.4, 0.6, "at chance"), (0.3, 0.49, "below chance")],
)
def test_verdict_of_an_auc(low, high, expected):
    assert attack_verdict(Estimate(value=(low + high) / 2, low=low, high=high), valid=True) == expected
    assert attack_verdict(Estimate(missing="refused"), valid=True) == "missing"


def test_pooling_keeps_what_is_missing_missing():
    assert pooled([Estimate(value=1.0), Estimate(missing="lost")]).missing == "lost"
    assert pooled([]).value is None
    assert pooled([Estimate(value=1.0), Estimate(value=3.0, low=2.0, high=4.0)]).low is None


def test_the_weakest_guarantee_is_shown():
    assert privacy_summary([guaranteed(2.0), guaranteed(3.0)]).epsilons.outsider == 3.0
    assert privacy_summary([guaranteed(2.0), NONE]).guarantee is False
    assert privacy_summary([guaranteed(2.0)]).epsilons.server is None
