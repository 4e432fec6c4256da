"""Outcomes become what a record states, with nothing lost and nothing invented."""

from privtalk.attacks.controls import ControlOutcome
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome, StrengthOutcome
from privtalk.bench.attack_records import NOT_CALLED, missing, recorded, strengthened
from privtalk.core.intervals import Interval
from privtalk.core.records import AttackResult

ABOUT = Declaration(
    name="x",
    family="identity",
    view="server",
    statistic="s",
    source="2000.00000",
    footage="exact",
    headline="rank1",
)
RANK = MeasureOutcome(
    estimate=Interval(value=0.5, low=0.2, high=0.8, n=9, clusters=9), chance=0.1, unit="rate"
)
STRENGTH = StrengthOutcome(estimate=Interval(value=0.9, low=0.8, high=1.0), planted="eight worlds")


def outcome(**changes):
    fields = {
        "declaration": ABOUT,
        "evaluation": evaluate([3.0, 2.0, 4.0], [1.0, 2.0]),
        "measures": {"rank1": RANK},
        "curves": {"by n": ((1.0, 0.9), (2.0, 0.6))},
        "controls": {"blind": ControlOutcome(auc=Interval(value=0.5, low=0.4, high=0.6), passed=True)},
        "strength": STRENGTH,
    }
    return AttackOutcome(**fields | changes)


def test_everything_is_recorded():
    found = recorded(outcome(), 2.5)
    assert AttackResult.model_validate_json(found.model_dump_json()) == found
    assert (found.view, found.family, found.source, found.footage) == (
        "server",
        "identity",
        "2000.00000",
        "exact",
    )
    assert (found.positives, found.negatives, found.headline, found.seconds) == (3, 2, "rank1", 2.5)
    assert found.auc.value == 11 / 12
    assert found.measures["rank1"].estimate.clusters == 9
    assert found.curves["by n"] == ((1.0, 0.9), (2.0, 0.6))
    assert found.strength.planted == "eight worlds"
    assert found.valid
    assert found.points[2].tpr.missing


def test_an_attack_that_calls_nobody_has_no_auc():
    found = recorded(outcome(evaluation=None), 0.0)
    assert found.auc.missing == NOT_CALLED
    assert (found.positives, found.points, found.roc) == (0, (), ())


def test_the_reason_of_a_missing_headline_is_kept():
    nothing = MeasureOutcome(estimate=Interval(missing="no LoRA there"), chance=0.5, unit="rate")
    found = recorded(outcome(evaluation=None, measures={"rank1": nothing}), 0.0)
    assert found.auc.missing == "no LoRA there"


def test_a_failed_control_makes_it_invalid():
    failed = {"blind": ControlOutcome(auc=Interval(value=0.9, low=0.8, high=1.0), passed=False)}
    assert not recorded(outcome(controls=failed), 0.0).valid


def test_an_attack_that_was_not_run():
    found = missing(ABOUT, "none is released")
    assert found.auc.missing == "none is released"
    assert not found.valid


def test_strength_goes_to_the_attack_of_its_name():
    found = strengthened(
        {"x": outcome(strength=None), "y": outcome(strength=None)}, {"x": STRENGTH, "z": STRENGTH}
    )
    assert found["x"].strength == STRENGTH
    assert found["y"].strength is None
    assert set(found) == {"x", "y"}
