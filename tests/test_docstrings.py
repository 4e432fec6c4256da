"""Docstrings begin with a whole sentence: the noun first, and not with the half of a question."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HALVES = ("Of", "What", "Which", "Where", "Whose")
FLOORS = ("core", "metrics", "methods", "attacks", "bench", "leaderboards")


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every text that stands as a statement: of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()


def halves(source: str) -> list[tuple[int, str]]:
    """Docstrings that begin with half a question."""
    found = docstrings(ast.parse(source))
    return [
        (line, text.split("\n")[0]) for line, text in found if text.startswith(tuple(f"{w} " for w in HALVES))
    ]


@pytest.mark.parametrize("folder", FLOORS)
def test_docstrings_begin_with_a_noun(folder):
    found = {
        f"{path.relative_to(ROOT)}:{line}": text
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, text in halves(path.read_text(encoding="utf-8"))
    }
    assert found == {}


def test_half_a_question_is_noticed():
    source = '"""What it does."""\nX = 1\n"""Of the sum."""\ndef f():\n    """Returns what it is."""\n'
    assert halves(source) == [(1, "What it does."), (3, "Of the sum.")]
