"""The finding about a method's parts: what each changes, and how much it can change at most where nothing is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.sections.ablation.effects import Effect, Effects, Outcome, Term, shown
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, answer, finding

BOUNDED = 2
"""Measures for which a bound is told."""


def parts_change(found: Sequence[Effects]) -> Finding | None:
    """Whether a method's parts change anything, design by design."""
    if not found:
        return None
    names = dict.fromkeys(factor.label for effects in found for factor in effects.design.factors)
    methods = {effects.design.method for effects in found}
    several = len(found) > 1
    answers = [
        answer(_place(effects, several, len(methods) > 1), answered(effects))
        if several
        else Answer("", answered(effects))
        for effects in found
    ]
    lines = [line for effects in found for line in _lines(effects, several)]
    of = f" of {methods.pop()}" if len(methods) == 1 else ""
    verb = "Do" if len(names) > 1 else "Does"
    return finding(f"{verb} {formats.listing(list(names))}{of} change anything?", answers, lines)


def answered(effects: Effects) -> str:
    """Says what is shown term by term; then of all others together that nothing is, and what is not excluded."""
    loud = {term: told for term in effects.terms if (told := shown(effects.of(term)))}
    parts = [f"{effects.named(term)}: {_told(told, effects)}" for term, told in loud.items()]
    quiet = [term for term in effects.terms if term not in loud]
    if quiet:
        parts.append(_silence(effects, quiet))
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def _told(told: Sequence[Effect], effects: Effects) -> str:
    named = {m.name: m for m in effects.measures}
    where = {key: effect for key, effect in effects.cells.items() if effect in told}
    sides = {
        side: [
            f"{_base(named[name])} ({_figure(effect, named[name])})"
            for (_, name), effect in where.items()
            if effect.verdict == side
        ]
        for side in ("better", "worse")
    }
    return ", ".join(f"{side} in {formats.listing(names)}" for side, names in sides.items() if names)


def _base(measure: Outcome) -> str:
    """A measure without the network that reads it: that stands in the lines."""
    return measure.label.partition("[")[0]


def _figure(effect: Effect, measure: Outcome) -> str:
    number = formats.number(effect.difference.value, measure.digits, signed=True)
    return f"{number} {measure.unit}".strip()


def _silence(effects: Effects, quiet: Sequence[Term]) -> str:
    """A sentence such as `none of salt and pepper is shown to change any of 9 measures`, with bounds."""
    names = [effects.named(term) for term in quiet]
    count = len(effects.measures)
    of = f"any of {count} measures" if count > 1 else _base(effects.measures[0])
    bounds = [text for measure in effects.measures[:BOUNDED] if (text := _bound(effects, quiet, measure))]
    if len(names) == 1:
        limit = f", and changes {' and '.join(bounds)}" if bounds else ""
        return f"{names[0]} is not shown to change {of}{limit.replace('more than', 'at most')}"
    limit = f", and none changes {' or '.join(bounds)}" if bounds else ""
    return f"none of {formats.listing(names)} is shown to change {of}{limit}"


def _bound(effects: Effects, quiet: Sequence[Term], measure: Outcome) -> str:
    """The furthest end of the terms' intervals on a measure; empty where one has none."""
    ends = []
    for term in quiet:
        apart = effects.cells[term, measure.name].difference
        if apart.low is None or apart.high is None:
            return ""
        ends += [abs(apart.low), abs(apart.high)]
    scale = 10**measure.digits
    furthest = math.ceil(max(ends) * scale) / scale  # rounded up: less would not be a bound
    return f"{_base(measure)} by more than {formats.number(furthest, measure.digits)} {measure.unit}".strip()


def _lines(effects: Effects, several: bool) -> list[EvidenceLine]:
    """Every effect on the measures for which a bound is told, and every other one that is shown."""
    lines = []
    for term in effects.terms:
        for place, (effect, measure) in enumerate(zip(effects.of(term), effects.measures, strict=True)):
            if place >= BOUNDED and effect.verdict not in ("better", "worse"):
                continue
            apart = effect.difference
            where = f"{effects.design.title}: " if several else ""
            figure = formats.with_interval(apart, measure.digits, measure.unit, signed=True)
            said = {"level": "not shown", None: "missing"}.get(effect.verdict, str(effect.verdict))
            lines.append(
                EvidenceLine(
                    subject=f"{where}{effects.named(term)}: {measure.label}",
                    figure=apart.missing or figure,
                    verdict=said,
                )
            )
    return lines


def _place(effects: Effects, several: bool, methods: bool) -> str:
    if not several:
        return ""
    return effects.design.title if methods else effects.design.place or effects.design.method
