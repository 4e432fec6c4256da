"""A record as the rows that it holds: the record as such, and one view for each of its variants.

Everything above works on rows and knows nothing of variants: a view has the variant's scores, attacks and artifacts at
the variant's place, and the guarantee of its record. Its cell id names its record's, so that samples are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from privtalk.core.records import FederationBlock, Record, Sample, Variant
from privtalk.core.upgrade import tier_of


class View(Record):
    """A variant of a record, in the shape of a record."""

    whole: str
    """The cell id of its record."""
    about: str = ""
    """The variant's own words."""


def expanded(
    records: Iterable[Record], samples: Mapping[str, Sequence[Sample]]
) -> tuple[list[Record], dict[str, Sequence[Sample]]]:
    """Returns every record followed by the views of its variants, and the samples of each by its cell id.

    A record stays whole, so that what is expanded is not to be expanded again.
    """
    found: list[Record] = []
    dealt: dict[str, Sequence[Sample]] = {}
    for record in records:
        own = samples.get(record.cell_id, ())
        found.append(record)
        dealt[record.cell_id] = [s for s in own if not s.at] if record.variants else own
        for variant in record.variants:
            view = view_of(record, variant)
            found.append(view)
            dealt[view.cell_id] = [s.model_copy(update={"at": {}}) for s in own if s.at == variant.at]
    return found, dealt


def view_of(record: Record, variant: Variant) -> View:
    """Returns a variant in the shape of a record. What was measured once a run stays with the record itself."""
    block = record.federation
    return View.model_construct(
        **dict(record)
        | {
            "whole": record.cell_id,
            "about": variant.about,
            "cell_id": f"{record.cell_id}@{tier_of(variant.at)}",
            "at": variant.place(record.at),
            "metrics": variant.metrics,
            "attacks": variant.attacks,
            "artifacts": variant.artifacts,
            "federation": None if block is None else FederationBlock(privacy=block.privacy),
            "audits": (),
            "efficiency": None,
            "variants": (),
            "timings": {},
        }
    )


def home(record: Record) -> str:
    """Returns the id of the cell that a record or view is of: what its files lie under."""
    return record.whole if isinstance(record, View) else record.cell_id
