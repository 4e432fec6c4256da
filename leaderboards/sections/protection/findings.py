"""The findings on protections: who is silenced, how much holds under attack, and at what visible cost."""

from __future__ import annotations

from math import inf

from privtalk.core.upgrade import NO_LEVEL, at_of, tier_of
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import BoardRow
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, answer, finding
from privtalk.leaderboards.sections.protection.protection_board import ProtectedRow, ProtectionBoard, state

CHAIN = "jpeg_and_half_size"
"""The attacker whom anybody is who shares a photo."""
OTHER_MODELS = ("federated_adapter", "personal_adapter")
"""Attackers who animate with another model than protections are made on."""
BUDGET = "budget"
"""The axis that every protection has a place on; further axes are ways of making it."""


def silences(shown: ProtectionBoard) -> Finding:
    """Returns how much of the mouth's response is left where nobody attacks, by the best that keeps its budget."""
    lines = [_line(shown, found, found.row) for found in shown.methods]
    answers = []
    for at in dict.fromkeys(found.row.at for found in shown.methods):
        own = [found for found in shown.methods if found.row.at == at and found.row.kind == "method"]
        own = [found for found in own if found.bounded and not found.invalid]
        best = min(own, key=lambda found: _value(shown, found.row), default=None)
        if best is None or shown.control(best.row).value is None:
            continue
        stated = (
            f"{best.row.label} leaves least to the speech: {figure(shown, best.row)} of the mouth’s response"
        )
        top = [found for found in shown.methods if found.row.at == at and found.row.kind == "ceiling"]
        if top:
            stated += f"; the end-to-end ceiling leaves {figure(shown, top[0].row)}"
        answers.append(answer(at, stated))
    return finding("Does a protection silence the portrait?", answers, lines)


def survives(shown: ProtectionBoard) -> Finding | None:
    """Returns how much is left after sharing the photo, and against the best attacker."""
    lines, answers = [], []
    for found in shown.main:
        worst = shown.worst(found)
        if worst is None or not found.attacked:
            continue
        name, row = worst
        lines.append(_line(shown, found, row, f"most by {words(name)}"))
    if not lines:
        return None
    for at in dict.fromkeys(found.row.at for found in shown.main):
        own = [
            found for found in shown.main if found.row.at == at and found.row.kind in ("method", "ceiling")
        ]
        own = [found for found in own if found.bounded and not found.invalid]
        chain = [found for found in own if CHAIN in found.attacked]
        kept = min(chain, key=lambda found: _value(shown, found.attacked[CHAIN]), default=None)
        if kept is not None and shown.control(kept.attacked[CHAIN]).value is not None:
            answers.append(
                answer(
                    at,
                    f"after JPEG and resizing {kept.row.label} leaves {figure(shown, kept.attacked[CHAIN])}, "
                    f"the least of all",
                )
            )
        best = min(own, key=lambda found: _worst_value(shown, found), default=None)
        if best is not None and (worst := shown.worst(best)) is not None:
            answers.append(
                answer(
                    at,
                    f"against its worst attacker {best.row.label} holds best: {words(worst[0])} restores "
                    f"{figure(shown, worst[1])}",
                )
            )
    return finding("What is left of it under attack?", answers, lines)


def stage_two(shown: ProtectionBoard) -> Finding | None:
    """Whether the second stage of a protection buys anything at equal visible cost."""
    lines, told = [], []
    for found in shown.methods:
        if found.row.key.method != "silencer_latent":
            continue
        for other in shown.near(found, "silencer", within=1.5):
            apart = shown.apart(found.row, other.row)
            lines.append(
                EvidenceLine(
                    subject=f"{found.row.where} − {other.row.where}",
                    figure=f"{formats.with_interval(apart, 2, signed=True)} of control, at I-PSNR "
                    f"{formats.number(shown.cost(found.row).value, 1)} and "
                    f"{formats.number(shown.cost(other.row).value, 1)} dB",
                    verdict=_clear(apart.low, apart.high),
                )
            )
            told.append(
                f"{found.row.where} against {other.row.where}: "
                f"{formats.with_interval(apart, 2, signed=True)} of control"
            )
    if not lines:
        return None
    return finding(
        "Does Silencer’s second stage buy anything at equal visible cost?",
        [Answer("", "; ".join(told))],
        lines,
    )


def transfers(shown: ProtectionBoard) -> Finding | None:
    """Returns whether protections hold where the portrait is animated with another model than they were made on.

    Each is held to the clean portrait before the same model, which answers the speech less or more than the public
    backbone does.
    """
    clean = next((found for found in shown.rows if found.row.key.tier == NO_LEVEL), None)
    if clean is None:
        return None
    lines, told = [], []
    for found in shown.main:
        said: list[tuple[float, str]] = []
        for name in OTHER_MODELS:
            row, plain = found.attacked.get(name), clean.attacked.get(name)
            if row is None or plain is None:
                continue
            apart, kept = shown.apart(row, plain), shown.control(plain)
            lines.append(
                EvidenceLine(
                    subject=f"{found.row.where}, {words(name)}",
                    figure=f"{figure(shown, row)} of control, {formats.with_interval(apart, 2, signed=True)} against "
                    "the clean portrait there",
                    verdict=_clear(apart.low, apart.high),
                )
            )
            there = f"where the clean portrait has {formats.number(kept.value, 2)}"
            said.append((_value(shown, row), f"{figure(shown, row)} by the {words(name)}, {there}"))
        if said and found.row.kind in ("method", "ceiling") and found.bounded and not found.invalid:
            told.append((max(value for value, _ in said), found, "; ".join(text for _, text in said)))
    if not told:
        return None
    _, best, text = min(told, key=lambda entry: entry[0])
    stated = (
        f"{best.row.label} leaves {text}; and {figure(shown, best.row)} on the backbone that it was made on"
    )
    return finding(
        "Does a protection made on the public backbone hold on federated and personal adapters?",
        [answer(best.row.at, stated)],
        lines,
    )


def made_otherwise(shown: ProtectionBoard) -> Finding | None:
    """Returns what the noise levels, gradient paths and movements change that a protection is made with."""
    lines, told = [], []
    plain = {(found.row.key.method, found.row.key.tier): found for found in shown.methods}
    for found in shown.methods:
        at = at_of(found.row.key.tier)
        base = plain.get((found.row.key.method, tier_of({BUDGET: at[BUDGET]}))) if BUDGET in at else None
        if base is None or base is found:
            continue
        apart = shown.apart(found.row, base.row)
        said = f"{formats.with_interval(apart, 2, signed=True)} of control"
        lines.append(
            EvidenceLine(
                subject=f"{found.row.where} − {base.row.where}",
                figure=said,
                verdict=_clear(apart.low, apart.high),
            )
        )
        told.append(f"{found.row.where}: {said}")
    if not lines:
        return None
    return finding(
        "Does it matter at which noise levels, by which path and with which movement a protection is made?",
        [Answer("", "; ".join(told))],
        lines,
    )


def figure(shown: ProtectionBoard, row: BoardRow) -> str:
    """Control retained with its interval."""
    return formats.with_interval(shown.control(row), 2)


def words(attacker: str) -> str:
    """An attacker's name in a sentence.

    >>> words("jpeg_75"), words("")
    ('jpeg 75', 'the photo as it is')
    """
    return attacker.replace("_", " ") or "the photo as it is"


def _worst_value(shown: ProtectionBoard, found: ProtectedRow) -> float:
    worst = shown.worst(found)
    return _value(shown, worst[1]) if worst else inf


def _value(shown: ProtectionBoard, row: BoardRow) -> float:
    """Control retained, infinite where it is missing: nobody is the most silent for want of a figure."""
    value = shown.control(row).value
    return inf if value is None else value


def _line(shown: ProtectionBoard, found: ProtectedRow, row: BoardRow, more: str = "") -> EvidenceLine:
    said = f"{figure(shown, row)} of control{f', {more}' if more else ''}"
    where = state(shown.control(row).value, shown.intact(row).value)
    return EvidenceLine(subject=found.row.where, figure=said, verdict="invalid" if found.invalid else where)


def _clear(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "missing"
    return "better" if high < 0 else "worse" if low > 0 else "level"
