"""A re-run of the same code is not flagged in 50 seeds; planted regressions are, under the same noise.

The noise is that of another machine, exaggerated: processors of two makers moved the smoke preset's metrics by at most
a six-hundredth of their tolerance. Here, in standard deviations, every row and metric moves by a fifth of it, every
clip by all of it besides, and every attack's AUC by half of a hundredth.
"""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.tasks.talking_head.display import DISPLAY
from privtalk.core.records import AttackResult, Estimate
from privtalk.leaderboards.regression.comparison import OK, REGRESSION
from privtalk.leaderboards.regression.regression import compare
from privtalk.leaderboards.regression.tolerances import tolerance
from tests.leaderboards.attacked import guaranteed

ROWS = {
    ("static", "none"): -3.4,
    ("difftalk", "none"): 0.0,
    ("fedavg", "none"): 0.92,
    ("privfedtalk", "none"): 1.08,
    ("fedavg", "eps=8"): 0.38,
    ("privfedtalk", "eps=8"): 0.47,
}
SEEDS = range(50)
PLANTED = range(0, 50, 10)
ROW, CLIP, AUC = 0.2, 1.0, 0.005


@pytest.fixture(scope="module")
def base(make):
    return make(ROWS, seeds=(0, 1), clients=12)


def moved(estimate: Estimate, by: float) -> Estimate:
    if estimate.value is None:
        return estimate
    ends = {end: min(max(getattr(estimate, end) + by, 0.0), 1.0) for end in ("value", "low", "high")}
    return estimate.model_copy(update=ends)


def with_attacks(runs, change):
    """The same runs, every attack's result changed."""
    return runs.changed(
        lambda r: r.model_copy(update={"attacks": {n: change(r, a) for n, a in r.attacks.items()}})
    )


def again(runs, seed: int):
    """The same code on another machine."""
    generator = np.random.default_rng([seed, 50])
    units = {
        (r.cell_id, name): tolerance(name, score.estimate.value, DISPLAY.tolerances)
        for r in runs.records
        for name, score in r.metrics.items()
        if score.estimate.value is not None
    }
    rows = {key: ROW * unit * generator.normal() for key, unit in units.items()}

    def shift(record, sample):
        return {
            name: value + rows[record.cell_id, name] + CLIP * units[record.cell_id, name] * generator.normal()
            for name, value in sample.scores.items()
            if value is not None
        }

    def jittered(record, attack: AttackResult) -> AttackResult:
        return attack.model_copy(update={"auc": moved(attack.auc, AUC * generator.normal())})

    return with_attacks(runs.rescored(shift), jittered)


def compared(base, new):
    return compare(base.records, base.samples, new.records, new.samples)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rerun_of_the_same_code_is_not_flagged(base, seed):
    found = compared(base, again(base, seed))
    assert found.exit_code == OK, [*found.noteworthy, *found.checks]
    assert found.compared > 70
    assert any(change.difference.value for change in found.changes), "the noise is there"


def worse_weights(runs):
    """A backbone that is a little worse in all that it generates."""
    return runs.rescored(
        lambda r, s: (
            {
                "psnr": s.scores["psnr"] - 0.3,
                "ssim": s.scores["ssim"] - 0.01,
                "lpips[talkhead]": s.scores["lpips[talkhead]"] + 0.02,
            }
            if r.method != "static"
            else {}
        )
    )


def halved_noise(runs, accounted: bool = True):
    """Private rows with half of the noise, with or without an accountant that noticed."""

    def halve(record):
        if not record.privacy.guarantee:
            return record
        known = record.privacy.epsilons
        more = {"outsider": 2.3 * known.outsider, "secure_aggregation": 2.3 * known.secure_aggregation}
        update = {"noise_multiplier": record.privacy.noise_multiplier / 2}
        update |= {"epsilons": known.model_copy(update=more)} if accounted else {}
        return guaranteed(record, record.privacy.model_copy(update=update))

    return runs.changed(halve)


def attack_that_gained(runs, by: float = 0.35):
    """One attack that finds members of a private row, where it did not."""

    def gain(record, attack):
        hit = (record.method, record.tier, record.seed) == ("fedavg", "eps=8", 0)
        return attack.model_copy(update={"auc": moved(attack.auc, by)}) if hit else attack

    return with_attacks(runs, gain)


REGRESSIONS = {
    "worse weights": (worse_weights, "psnr"),
    "halved noise": (halved_noise, "ε (outsider) rose"),
    "halved noise, unaccounted": (lambda runs: halved_noise(runs, accounted=False), "noise multiplier fell"),
    "an attack that gained": (attack_that_gained, "user_inference: AUC rose"),
}


@pytest.mark.parametrize("seed", PLANTED)
@pytest.mark.parametrize("planted", REGRESSIONS)
def test_a_planted_regression_is_flagged(base, planted, seed):
    plant, said = REGRESSIONS[planted]
    found = compared(base, plant(again(base, seed)))
    told = [f"{c.metric} {c.status}" for c in found.noteworthy] + [c.text for c in found.checks]
    assert found.exit_code == REGRESSION
    assert any(said in text for text in told), told


@pytest.mark.parametrize("planted", REGRESSIONS)
def test_the_way_back_is_not_flagged(base, planted):
    assert compared(REGRESSIONS[planted][0](base), base).exit_code == OK
