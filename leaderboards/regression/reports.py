"""A comparison for other programs: Markdown for a job's summary, JUnit XML for test reports, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import placed
from privtalk.leaderboards.escaping import markdown, visible
from privtalk.leaderboards.regression.comparison import VERDICTS, Change, Comparison, Status

MARKS: dict[Status, str] = {"failure": "⚠️", "regression": "❌", "improvement": "✅", "ok": ""}
HEADINGS = ("✅ No regression", "❌ Regression", "⚠️ Run failure", "⚠️ Nothing comparable")
"""By exit code."""
SHOWN = 200
"""Rows of a table in Markdown: a job's summary has room for a megabyte."""


def to_markdown(comparison: Comparison) -> str:
    """Verdict, table of what changed, checks that failed, warnings."""
    lines = [f"### {HEADINGS[comparison.exit_code]}", "", markdown(comparison.summary), ""]
    if comparison.noteworthy:
        lines += _table(comparison.noteworthy)
    lines += [
        f"- {MARKS[check.status]} {check.status}: {markdown(check.text)}" for check in comparison.checks
    ]
    if comparison.warnings:
        lines += ["", "<details><summary>Warnings</summary>", ""]
        lines += [*(f"- {markdown(warning)}" for warning in comparison.warnings), "", "</details>"]
    return "\n".join(lines).rstrip() + "\n"


def to_json(comparison: Comparison) -> str:
    """Everything that was compared, and the exit code with its reasons."""
    return json.dumps(_tree(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_junit(comparison: Comparison) -> str:
    """A suite a row with a case a metric, and a suite of the exact checks that did not hold.

    A regression is a failure; what is missing, damaged or not comparable is an error. A comparison of nothing has a
    case of its own that says so.
    """
    root = ET.Element("testsuites", name="bench compare")
    by_row: dict[str, list[Change]] = {}
    for change in comparison.changes:
        by_row.setdefault(_row_name(change), []).append(change)
    for row in sorted(by_row):
        suite = _suite(root, row)
        for change in by_row[row]:
            _case(suite, row, change.metric, change.status, _told(change))
    checks = _suite(root, "checks")
    _case(checks, "checks", "comparable", "ok" if comparison.compared else "failure", comparison.summary)
    for check in comparison.checks:
        _case(checks, "checks", check.text, check.status, check.text)
    _count(root)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def change_digits(change: Change) -> int:
    """Decimals that a change deserves."""
    most = max(5, formats.most_digits([change.difference.model_copy(update={"value": change.base})]))
    return formats.digits_for([change.difference], default=4, most=most)


def _table(changes: Sequence[Change]) -> list[str]:
    heads = ("row", "tier", "metric", "base", "new", "difference", "tolerance", "verdict")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---:|---:|---:|---:|---|"]
    for change in changes[:SHOWN]:
        label = f"{change.label} {change.row.variant}".strip()
        digits = change_digits(change)
        apart = change.difference.missing or formats.with_interval(change.difference, digits, signed=True)
        cells = [
            *map(markdown, (label, change.at, change.metric)),
            *(formats.number(figure, digits) for figure in (change.base, change.new)),
            markdown(apart),
            formats.number(change.tolerance, max(digits, 4)),
            f"{MARKS[change.status]} {change.status}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    left = len(changes) - SHOWN
    return [*lines, *(["", f"and {left} more"] if left > 0 else []), ""]


def _tree(comparison: Comparison) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "exit_code": comparison.exit_code,
        "verdict": VERDICTS[comparison.exit_code],
        "summary": comparison.summary,
        "pairs": comparison.pairs,
        "compared": comparison.compared,
        "changes": [
            change.row._asdict()
            | {"metric": change.metric, "base": change.base, "new": change.new}
            | {"difference": change.difference.model_dump()}
            | {"tolerance": change.tolerance, "status": change.status}
            for change in comparison.changes
        ],
        "checks": [{"text": check.text, "status": check.status} for check in comparison.checks],
        "warnings": list(comparison.warnings),
    }


def _suite(root: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(root, "testsuite", name=visible(name))


def _case(suite: ET.Element, where: str, name: str, status: Status, told: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=visible(where), name=visible(name))
    if status in ("failure", "regression"):
        kind = "error" if status == "failure" else "failure"
        ET.SubElement(case, kind, type=status, message=visible(told)).text = visible(told)
    else:
        ET.SubElement(case, "system-out").text = visible(told)


def _count(root: ET.Element) -> None:
    """Tests, failures and errors of each suite and of all."""
    for element in (*root, root):
        element.set("tests", str(len(list(element.iter("testcase")))))
        element.set("failures", str(len(list(element.iter("failure")))))
        element.set("errors", str(len(list(element.iter("error")))))


def _row_name(change: Change) -> str:
    label = placed(change.label, change.at)
    return f"{label} ({change.row.variant})" if change.row.variant else label


def _told(change: Change) -> str:
    digits = change_digits(change)
    figures = " to ".join(formats.number(figure, digits) for figure in (change.base, change.new))
    apart = change.difference.missing or formats.with_interval(change.difference, digits, signed=True)
    allowed = formats.number(change.tolerance, max(digits, 4))
    return f"{change.metric}: {figures}; difference {apart}; tolerance {allowed}; {change.status}"
