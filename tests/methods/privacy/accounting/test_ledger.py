"""The ledger charges every release, and stops a run before its budget is gone."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.discrete_accounting import DiscreteNoise
from privtalk.methods.privacy.accounting.ledger import Ledger, Release, Round
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import BandedMatrixFactorisation
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

DELTA = 1e-5
UPDATE = Release(kind="update_sum", name="adapter", noise_multiplier=1.0)
SCALAR = Release(kind="scalar", name="mean loss", noise_multiplier=5.0)
BARE = Release(kind="scalar", name="mean norm", noise_multiplier=0.0)
PLAYED = Round(releases=(UPDATE,), rate=0.1)


def test_a_scalar_of_the_same_cohort_is_charged() -> None:
    """7.047 -> 7.313; a scalar of a cohort of its own would be less."""
    plain = Ledger((replace(PLAYED, count=100),))
    joint = Ledger((replace(PLAYED, releases=(UPDATE, SCALAR), count=100),))
    apart = plain.after(Round(releases=(SCALAR,), rate=0.1, count=100))
    assert plain.epsilon(DELTA) == pytest.approx(7.047, abs=0.001)
    assert joint.epsilon(DELTA) == pytest.approx(7.313, abs=0.001)
    assert plain.epsilon(DELTA) < apart.epsilon(DELTA) < joint.epsilon(DELTA)


def test_limits() -> None:
    assert Ledger().epsilon(DELTA) == 0
    one = Ledger((replace(PLAYED, count=20),))
    assert one.epsilon(DELTA) == pytest.approx(accounting.epsilon(1.0, 0.1, 20, DELTA), abs=1e-9)
    whole = Ledger((Round(releases=(UPDATE,), count=10),))
    assert whole.epsilon(DELTA) == pytest.approx(accounting.gaussian_epsilon(1.0, 10, DELTA), abs=1e-4)
    fixed = Ledger((Round(releases=(UPDATE,), count=10, sampling="fixed"),))
    assert fixed.epsilon(DELTA) == pytest.approx(accounting.gaussian_epsilon(0.5, 10, DELTA), abs=1e-4)


def test_a_release_without_noise_is_infinite_and_named() -> None:
    ledger = Ledger().after(PLAYED).after(replace(PLAYED, releases=(UPDATE, BARE)))
    assert ledger.epsilon(DELTA) == math.inf
    assert ledger.unprotected == ("mean norm",)
    assert Ledger((PLAYED,)).unprotected == ()


@settings(max_examples=50, deadline=None)
@given(kinds=st.lists(st.sampled_from([PLAYED, replace(PLAYED, rate=0.2)]), max_size=12))
def test_appending_keeps_every_round(kinds: list[Round]) -> None:
    ledger = Ledger()
    for entry in kinds:
        ledger = ledger.after(entry)
    assert ledger.count == len(kinds)
    assert [e for entry in ledger.rounds for e in [replace(entry, count=1)] * entry.count] == kinds
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger


def test_order_does_not_matter() -> None:
    other = replace(PLAYED, rate=0.2)
    ledgers = [Ledger().after(a).after(b).after(a) for a, b in ((PLAYED, other), (other, PLAYED))]
    again = Ledger().after(other).after(PLAYED).after(PLAYED)
    assert ledgers[0].epsilon(DELTA) == again.epsilon(DELTA)
    assert ledgers[0].epsilon(DELTA) < ledgers[1].epsilon(DELTA)


def test_a_budget_stops_cleanly() -> None:
    """Rounds are played while they fit; the next one would not, and as many were promised beforehand."""
    target, ledger = 1.5, Ledger()
    entry = replace(PLAYED, releases=(replace(UPDATE, noise_multiplier=2.0),))
    promised = ledger.affordable(entry, target, DELTA, most=60)
    start = ledger = ledger.after(replace(entry, count=promised - 3))
    while not ledger.would_exceed(entry, target, DELTA):
        ledger = ledger.after(entry)
    assert ledger.count == promised == start.count + 3
    assert ledger.epsilon(DELTA) <= target < ledger.after(entry).epsilon(DELTA)
    assert ledger.affordable(entry, target, DELTA, most=60) == 0
    assert Ledger().affordable(entry, 1e3, DELTA, most=7) == 7


def test_discrete_noise_is_composed_by_its_renyi_curve() -> None:
    noise = DiscreteNoise(family="skellam", noise_multiplier=2.0, scale=2**18, dim=1000, cohort=20)
    update = Release(kind="update_sum", name="adapter", noise_multiplier=2.0, discrete=noise)
    entry = Round(releases=(update,), rate=0.1)
    ledger = Ledger((replace(entry, count=30),))
    assert ledger.accountant == "RDP"
    assert ledger.epsilon(DELTA) == noise.epsilon(1.0, 0.1, 30, DELTA)
    scalar = replace(SCALAR, noise_multiplier=10.0)
    both = Ledger((replace(entry, releases=(update, scalar), count=30),)).epsilon(DELTA)
    joint = (2.0**-2 + 10.0**-2) ** -0.5
    assert both == pytest.approx(accounting.rdp_epsilon(joint, 0.1, 30, DELTA), rel=0.03)
    assert both > ledger.epsilon(DELTA) > Ledger((Round(releases=(scalar,), count=1),)).epsilon(DELTA)
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger
    assert Ledger((replace(entry, releases=(update, BARE)),)).epsilon(DELTA) == math.inf
    with pytest.raises(ValueError, match="give both the same"):
        replace(update, noise_multiplier=1.0)


def test_a_discrete_cohort_of_fixed_size_is_not_amplified() -> None:
    noise = DiscreteNoise(family="skellam", noise_multiplier=4.0, scale=2**18, dim=10, cohort=20)
    update = Release(kind="update_sum", name="adapter", noise_multiplier=4.0, discrete=noise)
    found = Ledger((Round(releases=(update,), rate=0.1, sampling="fixed", count=3),)).epsilon(DELTA)
    assert found == noise.epsilon(1.0, 1.0, 3, DELTA, "fixed") == noise.epsilon(1.0, 0.1, 3, DELTA, "fixed")
    assert found >= accounting.gaussian_epsilon(2.0, 3, DELTA)


def test_mechanisms_say_what_they_release() -> None:
    gaussian = GaussianMechanism(clip=0.5, noise_multiplier=2.0)
    assert gaussian.release() == replace(UPDATE, noise_multiplier=2.0)
    discrete = DiscreteMechanism(clip=0.5, noise_multiplier=2.0)
    ledger = Ledger((Round(releases=(discrete.release(100, 20),), rate=0.1, count=5),))
    assert ledger.epsilon(DELTA) == discrete.accounted(100, 20).epsilon(1.0, 0.1, 5, DELTA)
    banded = BandedMatrixFactorisation(clip=0.5, noise_multiplier=2.0, rounds=30, separation=10)
    whole = Ledger((Round(releases=(banded.release(),)),))
    assert whole.epsilon(DELTA) == pytest.approx(banded.epsilon(DELTA), abs=1e-4)
    adaptive = AdaptiveClipping(noise_multiplier=1.0, expected_cohort=100, initial_clip=0.1)
    both = Ledger((Round(releases=adaptive.releases(), rate=0.1, count=10),))
    assert both.epsilon(DELTA) == pytest.approx(accounting.epsilon(1.0, 0.1, 10, DELTA), abs=1e-6)


def test_relations_do_not_mix() -> None:
    fixed = replace(PLAYED, sampling="fixed")
    assert Ledger().after(PLAYED).neighbouring == "add or remove one client"
    assert Ledger().after(fixed).neighbouring == "replace one client"
    with pytest.raises(ValueError, match="different neighbouring relations"):
        Ledger().after(PLAYED).after(fixed)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: replace(UPDATE, noise_multiplier=-1.0), "noise multiplier is -1"),
        (lambda: replace(UPDATE, kind="norm"), "valid: update_sum"),
        (lambda: replace(PLAYED, rate=0.0), "rate is 0"),
        (lambda: replace(PLAYED, count=0), "rounds is 0"),
        (lambda: replace(PLAYED, sampling="all"), "valid: poisson, fixed"),
        (lambda: Round(releases=()), "no release"),
        (lambda: Ledger.from_json([{"rate": 0.1}]), "not a ledger"),
        (lambda: Ledger((PLAYED,)).epsilon(0.0), "delta is 0"),
    ],
)
def test_nonsense_is_refused(make, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make()
