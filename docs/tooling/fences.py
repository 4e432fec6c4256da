"""Examples in docstrings as Markdown."""

from __future__ import annotations

from collections.abc import Iterator


def fenced(lines: list[str]) -> Iterator[str]:
    """Lines with a fence around each run from `>>>` to the next empty line.

    >>> list(fenced(["Adds.", "", ">>> 1 + 1", "2", "", "Done."]))
    ['Adds.', '', '```pycon', '>>> 1 + 1', '2', '```', '', 'Done.']
    """
    inside = False
    for line in lines:
        if not inside and line.lstrip().startswith(">>>"):
            inside = True
            yield "```pycon"
        elif inside and not line.strip():
            inside = False
            yield "```"
        yield line
    if inside:
        yield "```"
