"""Calibrated noise and what the record says of it."""

from __future__ import annotations

import pytest

from privtalk.bench import accounts, suites
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.methods.federation.transcript import RoundLog, Transcript
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import threshold_delta
from privtalk.methods.privacy.accounting.ledger import Ledger

DIM, CLIENTS = 2000, 64
PLAIN = (
    "corpus.clients=64",
    "federation.rounds=4",
    "federation.rate=0.25",
    "federation.secure_aggregation=false",
    "privacy.placement=central",
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path))
    accounts.calibrated.cache_clear()


def cell(*changes: str, tier: str = "eps=8"):
    plan = suites.expand(
        suites.load("privacy_utility"),
        "smoke",
        methods=("fedavg",),
        changes=(*PLAIN, *changes),
    )
    return next(planned.cell for planned in plan.cells if planned.cell.tier == tier)


def transcript(*cohorts: tuple[int, ...]) -> Transcript:
    def log(number: int, cohort: tuple[int, ...]) -> RoundLog:
        ones = (1.0,) * len(cohort)
        return RoundLog(round=number, cohort=cohort, up_bytes=0, down_bytes=0, norms=ones, weights=ones)

    return Transcript(tuple(log(number, cohort) for number, cohort in enumerate(cohorts)))


COHORTS = transcript(tuple(range(16)), tuple(range(4, 20)), tuple(range(30, 50)), tuple(range(2, 17)))


def account(*changes: str, tier: str = "eps=8"):
    asked = cell(*changes, tier=tier)
    used = privacy.mechanism(asked.training, CLIENTS, DIM)
    return privacy.account(asked, used, CLIENTS, DIM, COHORTS)


def test_central_noise_protects_from_the_outsider_alone():
    found = account()
    assert found.guarantee
    assert 7.9 < found.epsilons.outsider <= 8
    assert (found.epsilons.server, found.epsilons.secure_aggregation) == (None, None)
    assert set(found.epsilons.reasons) == {"server", "secure_aggregation"}
    assert set(found.epsilons.assumptions) == {"server", "secure_aggregation", "outsider"}
    assert found.participations == 3
    assert Ledger.from_json(found.ledger).epsilon(found.delta) == pytest.approx(found.epsilons.outsider)
    assert found.quantisation_step is None


def test_distributed_noise_protects_from_all_three_the_stronger_the_less():
    found = account("privacy.placement=distributed", "federation.secure_aggregation=true")
    epsilons = found.epsilons
    assert epsilons.server > epsilons.secure_aggregation > epsilons.outsider
    assert 7.9 < epsilons.outsider <= 8
    assert found.accountant == "RDP"
    assert found.quantisation_step == pytest.approx(found.clip / 2**18)
    assert found.secure_aggregation_bits >= 18 + 6
    alike = [found.checks[f"{name} of a Gaussian alike"] for name in ("pld", "prv[opacus]")]
    assert alike[0] == pytest.approx(alike[1], abs=0.02)
    assert max(alike) < epsilons.outsider


def test_without_secure_aggregation_its_epsilon_is_that_of_the_same_sums():
    on = account("privacy.placement=distributed", "federation.secure_aggregation=true").epsilons
    off = account("privacy.placement=distributed")
    assert off.epsilons.secure_aggregation == pytest.approx(on.secure_aggregation, rel=1e-3)
    assert "off in this run" in off.epsilons.assumptions["secure_aggregation"]
    assert "off in this run" not in on.assumptions["secure_aggregation"]
    assert off.secure_aggregation_bits is None


def test_dropping_small_rounds_is_paid_for_by_delta():
    """The noise is calibrated for what is left of δ."""
    asked = cell("federation.secure_aggregation=true").training
    left = privacy.setting(asked, CLIENTS, DIM).delta
    assert left == privacy.delta(asked.privacy, CLIENTS) - threshold_delta(CLIENTS, 0.25, 4, 2)
    with pytest.raises(ValueError, match="too many rounds below 2 clients"):
        privacy.setting(cell("federation.secure_aggregation=true", "federation.rate=0.02").training, 64, DIM)


def test_published_weights_have_no_guarantee_whatever_the_noise():
    found = account("federation.normalisation=cohort")
    assert not found.guarantee
    assert found.mechanism == "central-gaussian"
    assert "can approach 1" in found.reason
    assert found.epsilons.outsider is None


def test_quantisation_is_stated_without_noise_too():
    found = account("federation.secure_aggregation=true", tier="none")
    assert (found.guarantee, found.mechanism) == (False, "none")
    assert found.quantisation_step > 0
    assert found.secure_aggregation_bits == 32


def test_a_kept_calibration_is_used_and_a_spoilt_one_is_made_again(tmp_path):
    training = cell().training
    first = privacy.mechanism(training, CLIENTS, DIM).noise_multiplier
    [path] = (tmp_path / "accounting").iterdir()
    accounts.calibrated.cache_clear()
    assert privacy.mechanism(training, CLIENTS, DIM).noise_multiplier == first
    path.write_text('{"noise_multiplier": 0.3}')
    accounts.calibrated.cache_clear()
    assert privacy.mechanism(training, CLIENTS, DIM).noise_multiplier == first


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("privacy.clipping=adaptive", "central-gaussian, adaptive clip"),
        ("federation.sampling=cyclic", "banded-matrix-factorisation"),
    ],
)
def test_other_mechanisms_are_calibrated_and_accounted_as_themselves(change, name):
    found = account(change)
    assert found.mechanism == name
    assert 7.9 < found.epsilons.outsider <= 8
    plain = account()
    if "adaptive" in change:
        kinds = [release["kind"] for release in found.ledger[0]["releases"]]
        assert kinds == ["update_sum", "clipped_bits"]
        assert found.noise_multiplier == pytest.approx(plain.noise_multiplier, rel=1e-3)
    else:
        assert found.ledger[0]["count"] == 1
        assert found.noise_multiplier < plain.noise_multiplier


@pytest.mark.parametrize(
    "changes",
    [
        ("privacy.placement=distributed", "privacy.clipping=adaptive"),
        ("privacy.placement=distributed", "federation.sampling=cyclic"),
        ("federation.sampling=cyclic", "privacy.clipping=adaptive"),
    ],
)
def test_settings_without_an_account_are_refused_in_one_line(changes):
    with pytest.raises(ValueError, match=r"set (clipping|privacy\.clipping)=fixed") as caught:
        account(*changes)
    assert "\n" not in str(caught.value)


def test_a_given_noise_stops_training_before_the_budget_is_exceeded():
    training = cell("privacy.noise_multiplier=0.6", "federation.rounds=30").training
    budget = privacy.budget(training, CLIENTS, DIM)
    played = next(n for n in range(31) if not budget.allows(n))
    assert 0 < played < 30
    asked = privacy.setting(training, CLIENTS, DIM)
    spent, more = (asked._replace(rounds=played + n).epsilon(0.6) for n in (0, 1))
    assert spent <= 8 < more
    assert privacy.budget(cell().training, CLIENTS, DIM) is None
    with pytest.raises(ValueError, match="does not afford one round"):
        privacy.budget(tight(), CLIENTS, DIM)


def tight():
    training = cell("privacy.noise_multiplier=0.3").training
    return training.model_copy(update={"privacy": training.privacy.model_copy(update={"epsilon": 0.5})})


@pytest.mark.parametrize("placement", ["central", "distributed"])
def test_a_delta_of_one_in_n_or_more_guarantees_nothing(placement):
    """As `bench privacy` says: one judge for both. What was released is still recorded, figures are not."""
    changes = (f"privacy.placement={placement}", "privacy.delta=0.5")
    found = account(*changes)
    assert (found.guarantee, found.reason) == (False, accounting.void_delta(0.5, CLIENTS))
    assert (found.delta, found.target_epsilon, found.ledger[0]["count"]) == (0.5, 8, 4)
    figures = found.epsilons
    assert (figures.server, figures.secure_aggregation, figures.outsider) == (None, None, None)
    assert figures.reasons == dict.fromkeys(("server", "secure_aggregation", "outsider"), found.reason)
    assert found.checks == {}
    assert found.noise_multiplier > 0


def test_the_bound_is_one_in_n_itself():
    assert account(f"privacy.delta={0.999 / CLIENTS}").guarantee
    assert not account(f"privacy.delta={1 / CLIENTS}").guarantee
