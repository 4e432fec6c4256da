"""A certified bound above the account is loud; an estimate never is."""

import json
from dataclasses import replace

import pytest

from privtalk.attacks.audit.bounds import CertifiedBound
from privtalk.attacks.audit.one_shot import OneShotEstimate
from privtalk.attacks.audit.report import AccountedBound, AuditReport, PrivacyViolationError

LOW = CertifiedBound(name="clopper_pearson", epsilon=1.0, delta=1e-5, confidence=0.95, n=100)
UPPER = AccountedBound(epsilon=2.0, delta=1e-5, accountant="PLD")
GUESS = OneShotEstimate(
    name="one_shot", epsilon=9.0, low=8.0, high=10.0, delta=1e-5, confidence=0.95, n=9, assumption="normal"
)


def report(**changes):
    return AuditReport(**{"subject": "test", "upper": (UPPER,), "certified": (LOW,)} | changes)


def test_a_sound_mechanism_passes():
    made = report(estimates=(GUESS,))
    assert made.check() is made
    assert made.violations == ()


@pytest.mark.parametrize("epsilon", [2.0000001, float("inf"), float("nan")])
def test_a_bound_above_the_account_raises(epsilon):
    low = replace(LOW, epsilon=epsilon, assumption="scores are independent")
    made = report(certified=(LOW, low))
    assert len(made.violations) == 1
    with pytest.raises(PrivacyViolationError, match="one of the two is wrong") as caught:
        made.check()
    for word in ("clopper_pearson", "PLD", "0.95", "scores are independent", "test"):
        assert word in str(caught.value)


def test_it_is_not_taken_for_a_users_mistake():
    """`bench` tells a ValueError or OSError in one line; this one must not pass as such."""
    assert not issubclass(PrivacyViolationError, (ValueError, OSError))


def test_equal_is_no_violation():
    assert report(certified=(replace(LOW, epsilon=2.0),)).violations == ()


def test_each_bound_is_compared_at_its_own_delta():
    small = replace(UPPER, epsilon=0.5, delta=0.05)
    assert report(upper=(UPPER, small)).violations == ()
    assert len(report(upper=(UPPER, small), certified=(replace(LOW, delta=0.05),)).violations) == 1


def test_nothing_to_compare_with():
    with pytest.raises(ValueError, match="no upper bound"):
        report(certified=(replace(LOW, delta=0.1),))
    with pytest.raises(ValueError, match="one a δ"):
        report(upper=(UPPER, UPPER))


def test_plain_json():
    found = json.loads(json.dumps(report(certified=(replace(LOW, epsilon=3.0),)).to_json()))
    assert found["certified"][0]["name"] == "clopper_pearson"
    assert "ε ≥ 3" in found["violations"][0]
