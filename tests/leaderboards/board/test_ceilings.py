from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.core.records import Epsilons, Estimate, OperatingPoint, Privacy
from privtalk.leaderboards.board.ceilings import bound, breaches, ceiling, view_of

NONE = Privacy(mechanism="none", guarantee=False)


def guaranteed(**epsilons: float) -> Privacy:
    return Privacy(mechanism="central-gaussian", guarantee=True, delta=1e-5, epsilons=Epsilons(**epsilons))


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
    assert breaches(result, guaranteed(outsider=8.0)) == []
    assert len(breaches(result, guaranteed(outsider=1.0))) == 1
    assert breaches(result, NONE) == []


def test_few_negatives_cannot_prove_a_breach(attack):
    point = OperatingPoint(
        fpr_target=0.01, fpr_realised=0.0, tpr=Estimate(value=0.5, low=0.4, high=0.6, n=20, clusters=20)
    )
    result = attack(0.76, 0, "fedavg").model_copy(update={"points": (point,), "negatives": 10})
    assert breaches(result, guaranteed(outsider=1.0)) == []


def sure(attack, view: str, family: str = "membership"):
    """TPR of at least 90 % at an FPR of 1 %, of 1000 people."""
    point = OperatingPoint(
        fpr_target=0.01, fpr_realised=0.01, tpr=Estimate(value=0.95, low=0.9, high=1.0, n=96, clusters=96)
    )
    update = {"points": (point,), "negatives": 1000, "view": view, "family": family}
    return attack(0.76, 0, "fedavg").model_copy(update=update)


@pytest.mark.parametrize(
    ("view", "adversary"),
    [
        ("release", "outsider"),
        ("client", "outsider"),
        ("sums", "secure_aggregation"),
        ("server", "server"),
        ("ReleaseView", "outsider"),
    ],
)
def test_each_view_is_bounded_by_its_own_adversary(attack, view, adversary):
    """The ε of nobody else is so small that it would be breached."""
    others = {"outsider", "secure_aggregation", "server"} - {adversary}
    strict = {adversary: 1.0} | dict.fromkeys(others, 50.0)
    lax = {adversary: 50.0} | dict.fromkeys(others, 1.0)
    assert bound(view, "membership", guaranteed(**strict)) == (1.0, 1e-5, adversary)
    assert len(breaches(sure(attack, view), guaranteed(**strict))) == 1
    assert breaches(sure(attack, view), guaranteed(**lax)) == []


def test_a_server_that_nothing_is_promised_to_breaks_no_promise(attack):
    assert breaches(sure(attack, "server"), guaranteed(outsider=0.1)) == []


def test_sums_fall_back_on_the_outsider_only_where_nothing_is_said_of_them():
    assert bound("sums", "membership", guaranteed(outsider=2.0)) == (2.0, 1e-5, "outsider")
    refused = Epsilons(outsider=2.0, reasons={"secure_aggregation": "no honest clients are assumed"})
    assert bound("sums", "membership", guaranteed().model_copy(update={"epsilons": refused})) is None


@given(st.floats(0, 1), st.floats(0.01, 5))
def test_one_person_for_another_is_two_steps_of_add_or_remove(fpr, epsilon):
    """Group privacy: the ceiling of the pair is that of one step applied to the ceiling of the other."""
    limit = bound("server", "identity", guaranteed(server=epsilon))
    assert limit.epsilon == 2 * epsilon
    assert limit.delta == pytest.approx(1e-5 * (1 + math.exp(epsilon)))
    once = ceiling(fpr, epsilon, 1e-5)
    assert ceiling(once, epsilon, 1e-5) <= ceiling(fpr, limit.epsilon, limit.delta) + 1e-9


def test_an_unheard_of_view_is_bounded_by_nothing():
    assert bound("telepathy", "membership", guaranteed(outsider=1.0)) is None
    assert view_of("telepathy") == "telepathy"
