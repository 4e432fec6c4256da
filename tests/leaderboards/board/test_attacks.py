from __future__ import annotations

import pytest

from privtalk.bench.tasks.talking_head.display import DISPLAY
from privtalk.core.records import Control, Estimate, Measure, Privacy, Strength
from privtalk.leaderboards.board.attacks import Headline, attack_summary, headline_of, verdict_of
from tests.leaderboards.attacked import KINDS, membership, reconstruction

NONE = Privacy(mechanism="none", guarantee=False)


def auc(low: float, high: float) -> Headline:
    estimate = Estimate(value=(low + high) / 2, low=low, high=high)
    return Headline(name="auc", estimate=estimate, chance=0.5, unit="AUC", sign=1)


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
    assert verdict_of(auc(low, high), valid=True) == expected
    assert verdict_of(auc(low, high), valid=False) == "invalid"


def test_a_measure_of_loss_is_to_the_attackers_gain_below_chance():
    estimate = Estimate(value=0.2, low=0.1, high=0.3)
    head = Headline(name="distance", estimate=estimate, chance=1.0, unit="", sign=-1)
    assert verdict_of(head, valid=True) == "above chance"
    assert head.margin == pytest.approx(0.7)


def test_a_reconstruction_is_judged_by_its_own_headline():
    merged = attack_summary(
        [(0, reconstruction("gidm", 2.2, 0)), (1, reconstruction("gidm", 2.2, 1))], [NONE] * 2
    )
    assert (merged.headline.name, merged.headline.unit, merged.headline.chance) == ("psnr_gain", "dB", 0.0)
    assert merged.headline.estimate.value == pytest.approx(2.225)
    assert merged.verdict == "above chance"
    assert merged.rocs == ()
    weak = attack_summary([(0, reconstruction("dlg", 0.1, 0))], [NONE])
    assert weak.verdict == "at chance"


def test_a_headline_that_is_not_in_the_record_is_missing_with_the_reason():
    bare = reconstruction("gidm", 2.2, 0).model_copy(update={"measures": {}, "valid": False})
    head = headline_of([bare])
    assert head.estimate.value is None
    assert head.estimate.missing == "reconstruction calls nobody a member"
    assert verdict_of(head, valid=False) == "missing"


def test_one_seed_without_the_headline_makes_the_row_missing():
    full = reconstruction("gidm", 2.2, 0)
    bare = full.model_copy(update={"measures": {}})
    assert headline_of([full, bare]).estimate.value is None


@pytest.mark.parametrize(
    ("strength", "power"), [(0.93, "shown"), (0.51, "not found"), (0.2, "not found"), (None, "unknown")]
)
def test_power_says_whether_the_attack_finds_what_is_planted(strength, power):
    kind = KINDS["loss"]._replace(strength=strength)
    assert attack_summary([(0, membership("loss", kind, 0.5, 0, "fedavg"))], [NONE]).power == power


def test_a_strength_that_could_not_be_taken_is_unknown_and_keeps_its_reason():
    result = membership("loss", KINDS["loss"], 0.5, 0, "fedavg")
    gone = Strength(estimate=Estimate(missing="too few public people"), planted="shadows")
    merged = attack_summary([(0, result.model_copy(update={"strength": gone}))], [NONE])
    assert merged.power == "unknown"
    assert merged.strength.estimate.missing == "too few public people"


def test_the_surer_attack_has_the_greater_margin_and_not_the_luckier():
    assert auc(0.6, 0.64).margin > auc(0.4, 0.95).margin
    assert auc(0.5, 1.0).margin == pytest.approx(0.0)
    assert auc(1.0, 1.0).margin == pytest.approx(1.0)


def test_curves_of_seeds_are_averaged_point_by_point():
    results = [membership("distinguishing", KINDS["distinguishing"], 0.7, seed, "fedavg") for seed in (0, 1)]
    shifted = {name: tuple((x, y + 0.02) for x, y in points) for name, points in results[1].curves.items()}
    results[1] = results[1].model_copy(update={"curves": shifted})
    merged = attack_summary(list(enumerate(results)), [NONE] * 2)
    for (x, y), (x0, y0) in zip(
        merged.curves["auc by clients in the sum"],
        results[0].curves["auc by clients in the sum"],
        strict=True,
    ):
        assert (x, y) == (x0, pytest.approx(y0 + 0.01))


def test_the_last_point_of_a_curve_may_lie_elsewhere_in_each_seed():
    """A whole cohort's size is drawn; a point of one seed alone would bend the curve."""
    base = membership("distinguishing", KINDS["distinguishing"], 0.7, 0, "fedavg")
    runs = [
        base.model_copy(update={"curves": {"auc by clients in the sum": ((1.0, 0.9), (cohort, auc))}})
        for cohort, auc in ((95.0, 0.52), (97.0, 0.54))
    ]
    merged = attack_summary(list(enumerate(runs)), [NONE] * 2)
    assert merged.curves["auc by clients in the sum"] == ((1.0, 0.9), (96.0, pytest.approx(0.53)))


@pytest.mark.parametrize(
    ("name", "unit", "label", "shown"),
    [
        ("auc", "AUC", "AUC", ""),
        ("rank1", "rate", "rank-1 rate", ""),
        ("psnr_gain", "dB", "PSNR gain", "dB"),
        ("advantage", "advantage", "advantage", ""),
    ],
)
def test_a_headline_is_written_once(name, unit, label, shown):
    result = reconstruction("gidm", 2.2, 0)
    told = Measure(estimate=Estimate(value=0.1), chance=0.0, unit=unit)
    head = headline_of([result.model_copy(update={"headline": name, "measures": {name: told}})], DISPLAY)
    assert (head.label, head.shown_unit) == (label, shown)


def test_measures_beside_the_headline_are_pooled():
    results = [membership("span", KINDS["span"], 0.9, seed, "fedavg") for seed in (0, 1)]
    rank = [r.measures["rank1"].estimate.value for r in results]
    merged = attack_summary(list(enumerate(results)), [NONE] * 2)
    assert merged.measures["rank1"].estimate.value == pytest.approx(sum(rank) / 2)
    assert isinstance(merged.measures["rank1"], Measure)
