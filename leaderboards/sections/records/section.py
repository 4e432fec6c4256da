"""Data: every record and its scores, for download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privtalk.core.records import Record
from privtalk.leaderboards.board.model import BoardRow
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.section import PagePlace, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A record's files."""

    row: BoardRow
    record: Record
    record_href: str
    samples_href: str
    """Empty where there are none."""


class Records(Section):
    """The records that everything else on the page follows from."""

    name, title, template = "data", "Data", "records/section.html.j2"

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the files, each written out."""
        files = [_written(row, record, place) for row, record in self.board.recorded]
        return {"downloads": files}


def _written(row: BoardRow, record: Record, place: PagePlace) -> Download:
    name = file_name(record.cell_id)
    samples = place.runs.samples.get(record.cell_id, [])
    lines = "".join(sample.model_dump_json() + "\n" for sample in samples)
    files = {f"data/records/{name}.json": record.model_dump_json(indent=1) + "\n"}
    files |= {f"data/samples/{name}.jsonl": lines} if samples else {}
    for href, text in files.items():
        _write(place.site / href, text)
    return Download(row=row, record=record, record_href=next(iter(files)), samples_href="".join([*files][1:]))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
