"""Did a change make anything worse? Two sets of records, paired by configuration, seed, client and clip.

A difference counts as a regression only if its interval is clear of zero in the bad direction and it exceeds
the metric's tolerance. Guarantees, controls, audits and completeness are checked exactly; an attack counts where its
interval lies wholly on the attacker's side of the old one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from privtalk.bench.records import Estimate, Privacy, Record, Score
from privtalk.leaderboards import formats
from privtalk.leaderboards.assembly import by_row, flatten
from privtalk.leaderboards.attack_regression import attack_worse, audits_worse
from privtalk.leaderboards.comparison import Change, Check, Comparison, Status
from privtalk.leaderboards.model import RowKey, Samples, verdict
from privtalk.leaderboards.statistics import Scores, client_means, paired_difference

TOLERANCES = {
    "psnr": 0.1,
    "psnr_face": 0.1,
    "psnr_mouth": 0.1,
    "ssim": 0.003,
    "ssim_face": 0.005,
    "ssim_mouth": 0.005,
    "ms_ssim": 0.003,
    "ms_ssim_3": 0.003,
    "lpips": 0.005,
    "lpips_face": 0.01,
    "lpips_mouth": 0.01,
    "identity": 0.01,
    "lmd": 0.002,
    "lmd_face": 0.002,
    "lmd_aligned": 0.002,
    "jitter_error": 0.02,
    "subject_consistency": 0.005,
    "theval": 0.05,
    "mouth_sync": 0.02,
    "mouth_opening_error": 0.005,
    "mouth_opening_error_aligned": 0.005,
    "lse_c": 0.03,
    "lse_d": 0.03,
}
"""Smallest worsening that counts, in the metric's unit: less may come from another machine's arithmetic.

Those of psnr, psnr_mouth, ssim, ssim_mouth, jitter_error, mouth_sync and mouth_opening_error have been in use since
the first baseline. The others are provisional: guessed from the size of differences worth a look, until runs on two
machines are compared.
"""

RELATIVE_TOLERANCES = {"fid": 0.05, "kid": 0.05, "fvd": 0.05, "warping_error": 0.05, "landmark_jerk": 0.05}
"""The same as a share of the base value, where the unit is arbitrary or depends on the number of clips; provisional."""

RELATIVE_TOLERANCE = 0.01
"""For other metrics: share of the base value."""

CODE_KEYS = frozenset({"code", "code_version", "version", "commit"})
"""Keys of a cell that do not change what is computed."""


def compare(
    base_records: Sequence[Record],
    base_samples: Samples,
    new_records: Sequence[Record],
    new_samples: Samples,
    *,
    tolerances: Mapping[str, float] | None = None,
    failures: Iterable[str] = (),
) -> Comparison:
    """Compare; `failures` are records that could not even be read (`loading.Runs.problems`)."""
    base, new = {identity(r): r for r in base_records}, {identity(r): r for r in new_records}
    pairs = [(base[key], new[key]) for key in base if key in new]
    failed = [Check(text=text, status="failure") for text in failures]
    lost = [_lost(base[key], new_records) for key in base if key not in new]
    changes = _changes(pairs, base_samples, new_samples, {**TOLERANCES, **(tolerances or {})})
    order: dict[Status, int] = {"failure": 0, "regression": 1, "improvement": 2, "ok": 3}
    return Comparison(
        changes=tuple(sorted(changes, key=lambda c: (order[c.status], c.row, c.metric))),
        checks=tuple(
            failed + lost + [check for pair in pairs for check in _checks(*pair, base_samples, new_samples)]
        ),
        warnings=tuple(_warnings(pairs, [new[key] for key in new if key not in base])),
        pairs=len(pairs),
    )


def identity(record: Record) -> str:
    """What must agree for two records to be comparable: all that is semantic, not the code's version."""
    cell = {key: value for key, value in record.cell.items() if key not in CODE_KEYS}
    named = [record.suite, record.preset, record.method, record.tier, record.seed, cell]
    return json.dumps(named, sort_keys=True, default=str)


def tolerance(metric: str, base: float, tolerances: Mapping[str, float]) -> float:
    """Tolerance of a metric, by its full name, else by the name before its evaluator, else relative.

    >>> tolerance("psnr", 24.0, TOLERANCES), tolerance("fid[inception]", 20.0, {}), tolerance("other", -50.0, {})
    (0.1, 1.0, 0.5)
    """
    names = (metric, metric.split("[")[0])
    for name in names:
        if name in tolerances:
            return tolerances[name]
    share = next((RELATIVE_TOLERANCES[n] for n in names if n in RELATIVE_TOLERANCES), RELATIVE_TOLERANCE)
    return share * abs(base)


def _changes(
    pairs: Sequence[tuple[Record, Record]], base: Samples, new: Samples, tolerances: Mapping[str, float]
) -> list[Change]:
    """Differences of every row and metric, seeds pooled."""
    partner = {old.cell_id: fresh for old, fresh in pairs}
    rows = by_row([old for old, _ in pairs])
    changes = []
    for row, same in rows.items():
        for metric, score in same[0].metrics.items():
            before = _scores(same, base, metric)
            after = _scores([partner[old.cell_id] for old in same], new, metric)
            if before and after:
                changes.append(_change(row, metric, score, before, after, tolerances))
    return changes


def _change(
    row: RowKey, metric: str, score: Score, before: Scores, after: Scores, tolerances: Mapping[str, float]
) -> Change:
    apart = paired_difference(after, before).estimate()
    old, fresh = fmean(client_means(before).values()), fmean(client_means(after).values())
    allowed = tolerance(metric, old, tolerances)
    return Change(
        row=row,
        metric=metric,
        base=old,
        new=fresh,
        difference=apart,
        tolerance=allowed,
        status=_status(apart, allowed, _sign(score, old, fresh)),
    )


def _status(apart: Estimate, allowed: float, sign: int) -> Status:
    """A change counts only if it is clear of zero and beyond the tolerance."""
    if apart.value is None or abs(apart.value) <= allowed:
        return "ok"
    said: dict[str | None, Status] = {"worse": "regression", "better": "improvement"}
    return said.get(verdict(apart, sign), "ok")


def _sign(score: Score, old: float, fresh: float) -> int:
    """Which way is better; a `reference` metric should come closer to ground truth's value."""
    if score.direction != "reference":
        return 1 if score.direction == "higher" else -1
    if score.ground_truth is None:
        return 0
    closer = abs(fresh - score.ground_truth) < abs(old - score.ground_truth)
    return 1 if closer == (fresh > old) else -1


def _scores(records: Sequence[Record], samples: Samples, metric: str) -> Scores:
    return {
        (record.seed, sample.client, sample.clip): value
        for record in records
        for sample in samples.get(record.cell_id, ())
        if (value := sample.scores.get(metric)) is not None
    }


def _checks(old: Record, fresh: Record, base: Samples, new: Samples) -> list[Check]:
    """Exact checks of one pair."""
    where = _where(old)
    found = [f"{where}: {text}" for text in _weaker(old.privacy, fresh.privacy)]
    for name, attack in old.attacks.items():
        found += [f"{where}: {name}: {text}" for text in attack_worse(attack, fresh.attacks.get(name))]
    found += [f"{where}: {text}" for text in audits_worse(old.audits, fresh.audits)]
    for metric, score in old.metrics.items():
        had, has = _scores([old], base, metric).keys(), _scores([fresh], new, metric).keys()
        value = (
            fresh.metrics[metric].estimate
            if metric in fresh.metrics
            else Estimate(missing="not in the record")
        )
        if score.estimate.value is not None and value.value is None:
            found.append(f"{where}: {metric} is missing: {value.missing}")
        elif had - has:
            found.append(f"{where}: {metric} is missing for {len(had - has)} of {len(had)} clips")
    return [Check(text=text, status="regression") for text in found]


def _weaker(old: Privacy, fresh: Privacy) -> list[str]:
    """Ways in which a guarantee got weaker."""
    found = []
    for name in ("server", "secure_aggregation", "outsider"):
        before, after = getattr(old.epsilons, name), getattr(fresh.epsilons, name)
        if _or_infinite(after) > _or_infinite(before) * (1 + 1e-9):
            now = "none" if after is None else f"{after:.4g}"
            found.append(f"ε ({name.replace('_', ' ')}) rose from {before:.4g} to {now}")
    if old.guarantee and not fresh.guarantee:
        found.append(f"the guarantee is lost: {fresh.reason or 'no reason recorded'}")
    if old.delta is not None and fresh.delta is not None and fresh.delta > old.delta:
        found.append(f"δ rose from {old.delta:g} to {fresh.delta:g}")
    return found


def _lost(record: Record, others: Sequence[Record]) -> Check:
    """Why a record of base has no partner."""
    for other in others:
        if (other.suite, other.preset, other.method, other.tier, other.seed) == (
            (record.suite, record.preset, record.method, record.tier, record.seed)
        ):
            return Check(
                text=f"{_where(record)}: configured otherwise: {_apart(record, other)}", status="failure"
            )
    return Check(text=f"{_where(record)}: no record in new; run the suite again", status="failure")


def _apart(old: Record, fresh: Record) -> str:
    before, after = flatten(old.cell), flatten(fresh.cell)
    keys = sorted(key for key in before | after if before.get(key) != after.get(key))
    return formats.listing([f"{key} {before.get(key)} -> {after.get(key)}" for key in keys])


def _warnings(pairs: Sequence[tuple[Record, Record]], added: Sequence[Record]) -> list[str]:
    apart: dict[str, None] = {}
    for old, fresh in pairs:
        for key in sorted(old.environment.keys() | fresh.environment.keys()):
            before, after = old.environment.get(key, "-"), fresh.environment.get(key, "-")
            if before != after:
                apart[f"environment differs: {key} {before} -> {after}"] = None
    warnings = list(apart)
    if any(fresh.code.dirty for _, fresh in pairs):
        warnings.append("new comes from code with uncommitted changes")
    if added:
        warnings.append(f"{len(added)} records in new have no partner in base and are not compared")
    return warnings


def _where(record: Record) -> str:
    return f"{formats.method_label(record.method)}, {formats.tier_label(record.tier)}, seed {record.seed}"


def _or_infinite(epsilon: float | None) -> float:
    return math.inf if epsilon is None else epsilon
