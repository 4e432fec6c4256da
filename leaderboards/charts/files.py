"""Charts as files: two themes, two widths, and the data behind each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec
from privtalk.leaderboards.charts.style import LAYOUTS, LIGHT, THEMES, WIDE, Layout, Theme, recoloured, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart on the page."""

    title: str
    alt: str
    caption: str
    files: dict[str, str]
    """`<layout>_<theme>`, `csv`, `json`, `spec` -> path relative to the site."""


def write_table(rows: Table, path: Path) -> None:
    """Rows as `<path>.csv` and `<path>.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_name(path.name + ".csv").write_text(text.getvalue(), encoding="utf-8")
    dumped = json.dumps(rows, indent=1, ensure_ascii=False)
    path.with_name(path.name + ".json").write_text(dumped + "\n", encoding="utf-8")


def written(
    spec: Callable[[Theme, Layout], Spec],
    rows: Table,
    path: Path,
    *,
    title: str,
    alt: str,
    caption: str,
) -> Figure:
    """Draw a chart in every theme and width, with its data and specification beside it."""
    write_table(rows, path)
    root = path.parents[2]
    files = {}
    for layout in LAYOUTS:
        drawn = render(spec(LIGHT, layout))
        for theme in THEMES:
            target = path.with_name(f"{path.name}-{layout.name}-{theme.name}.svg")
            target.write_text(recoloured(drawn, LIGHT, theme), encoding="utf-8")
            files[f"{layout.name}_{theme.name}"] = target.relative_to(root).as_posix()
    source = path.with_name(f"{path.name}.vl.json")
    source.write_text(json.dumps(spec(LIGHT, WIDE), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    named = {"csv": f"{path.name}.csv", "json": f"{path.name}.json", "spec": source.name}
    files |= {kind: path.with_name(name).relative_to(root).as_posix() for kind, name in named.items()}
    return Figure(title=title, alt=alt, caption=caption, files=files)
