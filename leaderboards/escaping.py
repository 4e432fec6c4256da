"""Text from files made safe to show: in a terminal, a chart, a page, Markdown, XML, or as a file's name.

Strings of records pass `visible` once, when they are read, and `name_fault` says which cannot be names at all. What
follows then meets no control character; markup is the business of each output: Rich is given `Text`, Jinja escapes,
Vega-Lite takes strings as data, and Markdown and XML have a function here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

LONGEST_NAME = 200
LONGEST_TEXT = 4000
_JOINERS = "\u200c\u200d"
"""Invisible, but part of how some languages and emoji are written."""
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control, format (bidirectional overrides among them) and surrogate characters; separators of lines."""
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$@])")
_LATEX = {character: f"\\{character}" for character in "&%$#_{}"}
_LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
_LATEX |= {"\N{MINUS SIGN}": "$-$", "×": r"$\times$", "ε": r"$\varepsilon$", "δ": r"$\delta$", "≤": r"$\leq$"}
_LATEX |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "Δ": r"$\Delta$"}
_LONGEST_FILE = 100
_PLAIN = re.compile(r"[A-Za-z0-9_=][A-Za-z0-9_.=-]*")
_READ_BY = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_HASHED = re.compile(r".*-[0-9a-f]{8}", re.DOTALL)


def visible(text: str) -> str:
    """Text on one line whose hidden characters are written out, cut where it is longer than anybody reads.

    >>> visible("a\\x1b[31m b\\u202ec\\n d")
    'a\\\\x1b[31m b\\\\u202ec  d'
    """
    if not text.isprintable():
        text = "".join(_shown(character) for character in text)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _shown(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if character in _JOINERS or not (unicodedata.category(character) in _HIDDEN or _is_none(character)):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _is_none(character: str) -> bool:
    """One of Unicode's 66 codes for no character, on which the engine that draws the charts dies."""
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def all_visible(value: Any) -> Any:
    """A tree with every string made visible; keys are names and left to `name_fault`."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: all_visible(item) for key, item in value.items()}
    if isinstance(value, list):
        return [all_visible(item) for item in value]
    return tuple(all_visible(item) for item in value) if isinstance(value, tuple) else value


def drawable(value: Any) -> Any:
    """A chart's specification without characters of two code units: its engine cuts labels between the two, and fails.

    >>> drawable({"text": ["a\U0001f600b"]})
    {'text': ['a□b']}
    """
    if isinstance(value, str):
        return _ASTRAL.sub("□", value)
    if isinstance(value, dict):
        return {key: drawable(item) for key, item in value.items()}
    return [drawable(item) for item in value] if isinstance(value, list | tuple) else value


def name_fault(name: str) -> str:
    """Why a text cannot name anything; empty where it can.

    >>> name_fault("near[net]"), name_fault("a\\x07b"), name_fault("")
    ('', "the name 'a\\\\x07b' holds hidden characters", 'a name is empty')
    """
    if not name.strip():
        return "a name is empty"
    if len(name) > LONGEST_NAME:
        return f"the name {visible(name[:20])!r}... is longer than {LONGEST_NAME} characters"
    if visible(name) != name:
        return f"the name '{visible(name)}' holds hidden characters"
    return ""


def markdown(text: object) -> str:
    """Text as Markdown shows it literally, also in a cell of a table.

    >>> markdown("a|b <img> *c*")
    'a\\\\|b &lt;img&gt; \\\\*c\\\\*'
    """
    plain = visible(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", plain)


def latex(text: object) -> str:
    """Text as LaTeX shows it literally, signs of mathematics among it.

    >>> latex("a_b & 50% ε = 8 ×{c}")
    'a\\\\_b \\\\& 50\\\\% $\\\\varepsilon$ = 8 $\\\\times$\\\\{c\\\\}'
    """
    return "".join(_LATEX.get(character, character) for character in visible(str(text)))


def file_name(name: str) -> str:
    """A name that is safe as a file's, different for different names: one that had to change ends in a hash.

    >>> file_name("near_mouth"), file_name("../a b")
    ('near_mouth', 'a-b-2c2c791a')
    """
    kept = _kept(name)
    plain = kept == name and _PLAIN.fullmatch(name) and not _HASHED.fullmatch(name)
    return name if plain else f"{kept}-{_digest(name)}".lstrip("-")


def joined_name(*parts: str) -> str:
    """Several names as one file's, different for different parts.

    >>> joined_name("ablation", "smoke"), joined_name("a-b", "c") == joined_name("a", "b-c")
    ('ablation-smoke', False)
    """
    names = [file_name(part) for part in parts]
    if all(name == part and "-" not in part for name, part in zip(names, parts, strict=True)):
        return "-".join(names)
    return f"{_kept('-'.join(parts))}-{_digest(chr(0).join(parts))}".lstrip("-")


def metric_file(name: str) -> str:
    """A metric's or attack's name as part of a file's; the evaluator follows a dash.

    >>> metric_file("near[net]"), metric_file("lira"), metric_file("near-net") == "near-net"
    ('near-net', 'lira', False)
    """
    match = _READ_BY.fullmatch(name)
    return joined_name(*match.groups()) if match else joined_name(name)


def _kept(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=-]+", "-", name).strip(".-")[:_LONGEST_FILE].rstrip(".-")


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:8]
