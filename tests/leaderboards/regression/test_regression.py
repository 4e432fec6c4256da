from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privtalk.core.records import Epsilons, Estimate
from privtalk.leaderboards.board.loading import display_of
from privtalk.leaderboards.regression.comparison import NOTHING_COMPARABLE, OK, REGRESSION, RUN_FAILURE
from privtalk.leaderboards.regression.regression import compare, identity
from tests.leaderboards.attacked import audit, guaranteed


def compared(base, new, **options):
    return compare(base.records, base.samples, new.records, new.samples, **options)


def edited(runs, edit, method="fedavg"):
    return runs.changed(lambda r: r.model_copy(update=edit(r)) if r.method == method else r)


def federated(record, **change):
    return {"federation": guaranteed(record, record.privacy.model_copy(update=change)).federation}


def test_equal_runs_are_ok(runs):
    found = compared(runs, runs)
    assert found.exit_code == OK
    assert found.pairs == len(runs.records)
    assert all(change.difference.value == 0 for change in found.changes)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shift=st.floats(-0.5, 0.5))
def test_a_shift_counts_beyond_its_tolerance_only(make, shift):
    base = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0}, seeds=(0,), clients=4)
    moved = base.rescored(lambda r, s: {"psnr": s.scores["psnr"] + shift})
    found = compared(base, moved)
    statuses = {c.status for c in found.changes if c.metric == "psnr"}
    expected = "ok" if abs(shift) <= 0.1 else "improvement" if shift > 0 else "regression"
    if abs(abs(shift) - 0.1) > 1e-6:
        assert statuses == {expected}
        assert found.exit_code == (REGRESSION if expected == "regression" else OK)


def test_noise_beyond_the_tolerance_is_no_regression(runs):
    def scatter(record, sample):
        sign = 1 if int(sample.client[1:]) % 2 else -1
        return {"psnr": sample.scores["psnr"] + 2.0 * sign - 0.15}

    found = compared(runs, runs.rescored(scatter))
    assert found.exit_code == OK
    change = next(c for c in found.changes if c.metric == "psnr")
    assert change.difference.value == pytest.approx(-0.15)
    assert change.difference.low < 0 < change.difference.high


@pytest.mark.parametrize(
    ("base", "new", "code"), [(100, 97, OK), (100, 59, REGRESSION), (59, 57, REGRESSION)]
)
def test_pictures_that_are_as_good_as_equal_do_not_get_worse(runs, base, new, code):
    display = display_of("talking_head").model_copy(update={"alike_from": {"psnr": 60.0}})
    before, after = (runs.rescored(lambda r, s, v=value: {"psnr": v}) for value in (base, new))
    assert compared(before, after, display=display).exit_code == code
    assert compared(before, after).exit_code == REGRESSION


def test_lower_is_better_is_respected(runs):
    worse = runs.rescored(lambda r, s: {"jitter_error": s.scores["jitter_error"] + 0.1})
    better = runs.rescored(lambda r, s: {"jitter_error": s.scores["jitter_error"] - 0.1})
    assert compared(runs, worse).exit_code == REGRESSION
    assert compared(runs, better).exit_code == OK


def test_a_reference_metric_should_not_move_away_from_the_truth(runs):
    away = runs.rescored(lambda r, s: {"jitter": s.scores["jitter"] + 0.05})
    assert compared(runs, away).exit_code == REGRESSION
    assert compared(away, runs).exit_code == OK


def test_tolerances_can_be_set(runs):
    worse = runs.rescored(lambda r, s: {"psnr": s.scores["psnr"] - 0.4})
    assert compared(runs, worse, tolerances={"psnr": 0.5}).exit_code == OK


def test_metrics_of_a_set_have_a_relative_tolerance(runs):
    less = runs.rescored(lambda r, s: {"fid[talkhead]": 1.04 * s.scores["fid[talkhead]"]})
    more = runs.rescored(lambda r, s: {"fid[talkhead]": 1.06 * s.scores["fid[talkhead]"]})
    assert compared(runs, less).exit_code == OK
    assert compared(runs, more).exit_code == REGRESSION
    assert compared(runs, more, tolerances={"fid": 99.0}).exit_code == OK


def test_a_metric_that_was_never_measured_is_not_compared(runs):
    found = compared(runs, runs)
    assert not any(change.metric == "lpips[alex]" for change in found.changes)
    assert not any("lpips[alex]" in check.text for check in found.checks)


def test_a_risen_epsilon_is_a_regression_however_small(runs):
    def rise(record):
        epsilons = record.privacy.epsilons.model_copy(update={"outsider": 7.991})
        return federated(record, epsilons=epsilons)

    base = runs.only(lambda r: r.tier == "eps=8")
    found = compared(base, edited(base, rise))
    assert found.exit_code == REGRESSION
    assert any("ε (outsider) rose from 7.99 to 7.991" in check.text for check in found.checks)
    assert compared(edited(base, rise), base).exit_code == OK


def test_a_lost_guarantee_is_a_regression(runs):
    def lose(record):
        return federated(record, guarantee=False, reason="fixed-size cohorts", epsilons=Epsilons())

    base = runs.only(lambda r: r.tier == "eps=8")
    texts = [check.text for check in compared(base, edited(base, lose)).checks]
    assert any("rose from 7.99 to none" in text for text in texts)
    assert any("the guarantee is lost: fixed-size cohorts" in text for text in texts)


def test_a_failing_control_is_a_regression(runs):
    def spoil(record):
        return {"attacks": {n: a.model_copy(update={"valid": False}) for n, a in record.attacks.items()}}

    assert compared(runs, edited(runs, spoil)).exit_code == REGRESSION


def test_a_stronger_attack_is_a_regression(runs):
    def strengthen(record):
        auc = Estimate(value=0.95, low=0.93, high=0.97)
        return {"attacks": {n: a.model_copy(update={"auc": auc}) for n, a in record.attacks.items()}}

    found = compared(runs, edited(runs, strengthen))
    assert found.exit_code == REGRESSION
    assert any("AUC rose" in check.text for check in found.checks)


def test_a_lost_attack_or_metric_or_clip_is_a_regression(runs):
    no_attack = edited(runs, lambda r: {"attacks": {}})
    no_metric = edited(runs, lambda r: {"metrics": {k: v for k, v in r.metrics.items() if k != "ssim"}})
    fewer = {**runs.samples, runs.cell("fedavg", "none", 0): runs.samples[runs.cell("fedavg", "none", 0)][3:]}
    assert compared(runs, no_attack).exit_code == REGRESSION
    assert any("ssim is missing" in check.text for check in compared(runs, no_metric).checks)
    found = compare(runs.records, runs.samples, runs.records, fewer)
    assert found.exit_code == REGRESSION
    assert any("psnr is missing for 3 of 72 clips" in check.text for check in found.checks)


def test_a_missing_or_unreadable_record_is_a_run_failure(runs):
    partial = runs.only(lambda r: r.cell_id != runs.cell("fedavg", "none", 0))
    found = compared(runs, partial)
    assert found.exit_code == RUN_FAILURE
    assert found.checks[0].text == "FedAvg, no DP, seed 0: no record in new; run the suite again"
    assert compared(runs, runs, failures=["x.json: not a record"]).exit_code == RUN_FAILURE


def test_another_configuration_is_not_compared_and_named(runs):
    other = edited(runs, lambda r: {"cell": {**r.cell, "training": {"rounds": 9, "learning_rate": 0.003}}})
    found = compared(runs, other)
    assert found.exit_code == RUN_FAILURE
    assert any("training.rounds 30 -> 9" in check.text for check in found.checks)


def test_nothing_in_common_is_its_own_exit_code(runs):
    other = runs.changed(lambda r: r.model_copy(update={"seed": r.seed + 10}))
    assert compared(runs, other).exit_code == NOTHING_COMPARABLE
    assert compare(runs.records, runs.samples, [], {}).exit_code == NOTHING_COMPARABLE


def test_code_version_does_not_part_records(runs):
    def renamed(record):
        code = record.code.model_copy(update={"version": "9.9", "commit": "f" * 40, "dirty": True})
        return record.model_copy(
            update={"code": code, "cell_id": "x" + record.cell_id, "cell": {**record.cell, "code": "9.9"}}
        )

    moved = runs.changed(renamed)
    samples = {f"x{cell}": samples for cell, samples in runs.samples.items()}
    found = compare(runs.records, runs.samples, moved.records, samples)
    assert identity(moved.records[0]) == identity(runs.records[0])
    assert found.exit_code == OK
    assert "new comes from code with uncommitted changes" in found.warnings


def test_another_machine_is_warned_about(runs):
    moved = runs.changed(lambda r: r.model_copy(update={"environment": {**r.environment, "torch": "2.14"}}))
    assert "environment differs: torch 2.13.0 -> 2.14" in compared(runs, moved).warnings


def test_variants_of_a_row_are_compared_apart(runs):
    base = runs.only(lambda r: r.method == "fedavg" and r.tier == "none")
    twins = [
        r.model_copy(update={"cell_id": r.cell_id + "b", "cell": {**r.cell, "training": {"rounds": 60}}})
        for r in base.records
    ]
    samples = {**base.samples, **{f"{cell}b": s for cell, s in base.samples.items()}}
    both = [*base.records, *twins]
    found = compare(both, samples, both, samples)
    assert len({change.row for change in found.changes}) == 2


def with_attack(runs, name, change):
    """The same runs with one attack changed by its record's result."""
    return runs.changed(
        lambda r: (
            r.model_copy(update={"attacks": {**r.attacks, name: change(r.attacks[name])}})
            if name in r.attacks
            else r
        )
    )


def shifted(attack, by):
    measure = attack.measures["psnr_gain"]
    old = measure.estimate
    moved = old.model_copy(update={"value": old.value + by, "low": old.low + by, "high": old.high + by})
    measures = {**attack.measures, "psnr_gain": measure.model_copy(update={"estimate": moved})}
    return attack.model_copy(update={"measures": measures})


def test_the_whole_attack_set_against_itself_is_ok(attacked_runs):
    found = compared(attacked_runs, attacked_runs)
    assert (found.exit_code, found.checks) == (OK, ())


def test_a_better_reconstruction_is_a_regression_and_a_worse_one_is_not(attacked_runs):
    more = with_attack(attacked_runs, "gidm", lambda a: shifted(a, 1.0))
    found = compared(attacked_runs, more)
    assert found.exit_code == REGRESSION
    assert any("gidm: PSNR gain rose from 2.200" in check.text for check in found.checks)
    assert compared(more, attacked_runs).exit_code == OK
    within = with_attack(attacked_runs, "gidm", lambda a: shifted(a, 0.5))
    assert compared(attacked_runs, within).exit_code == OK


def test_a_measure_that_is_to_be_small_is_read_the_other_way(attacked_runs):
    def lower(attack, by):
        moved = shifted(attack, by)
        measure = moved.measures["psnr_gain"].model_copy(update={"direction": "lower"})
        return moved.model_copy(update={"measures": {"psnr_gain": measure}})

    base = with_attack(attacked_runs, "gidm", lambda a: lower(a, 0.0))
    less = with_attack(attacked_runs, "gidm", lambda a: lower(a, -1.0))
    assert any("PSNR gain fell" in check.text for check in compared(base, less).checks)
    assert compared(less, base).exit_code == OK


def test_a_lost_headline_is_named_with_its_reason(attacked_runs):
    gone = {"auc": Estimate(missing="no public people"), "controls": {}, "valid": False}
    lost = with_attack(attacked_runs, "fedmia", lambda a: a.model_copy(update=gone))
    texts = [check.text for check in compared(attacked_runs, lost).checks]
    assert any("fedmia: AUC is missing: no public people" in text for text in texts)
    assert not any("controls" in text for text in texts)
    assert compared(lost, attacked_runs).exit_code == OK


def test_an_attack_that_lost_its_strength_is_a_regression(attacked_runs):
    """A blind attack would make every row look private."""

    def blind(attack):
        chance = attack.strength.estimate.model_copy(update={"value": 0.5, "low": 0.42, "high": 0.58})
        return attack.model_copy(update={"strength": attack.strength.model_copy(update={"estimate": chance})})

    weak = with_attack(attacked_runs, "lira", blind)
    found = compared(attacked_runs, weak)
    assert found.exit_code == REGRESSION
    assert any("lira: it finds less of what is planted" in check.text for check in found.checks)
    assert compared(weak, attacked_runs).exit_code == OK
    none = with_attack(attacked_runs, "lira", lambda a: a.model_copy(update={"strength": None}))
    assert any(
        "strength on what is planted is missing" in c.text for c in compared(attacked_runs, none).checks
    )


def test_another_headline_is_not_compared_in_silence(attacked_runs):
    other = with_attack(attacked_runs, "span", lambda a: a.model_copy(update={"headline": "auc"}))
    texts = [check.text for check in compared(attacked_runs, other).checks]
    assert any("span: the headline was rank-1 rate and is AUC: not comparable" in text for text in texts)


def test_a_violated_audit_is_a_regression_even_where_base_had_it(attacked_runs):
    broken = attacked_runs.changed(
        lambda r: r.model_copy(update={"audits": (audit(r.privacy, certified=5.0),)}) if r.audits else r
    )
    found = compared(broken, broken)
    assert found.exit_code == REGRESSION
    assert any("audit of sums: one_run: ε ≥ 5" in check.text for check in found.checks)


def test_a_lost_audit_is_a_regression(attacked_runs):
    none = attacked_runs.changed(lambda r: r.model_copy(update={"audits": ()}))
    found = compared(attacked_runs, none)
    assert any("the audit of sums (500 canaries in, 500 out) is missing" in c.text for c in found.checks)
    assert compared(none, attacked_runs).exit_code == OK
