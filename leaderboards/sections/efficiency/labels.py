"""Places for the names of points: beside each, clear of the others' marks and names, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

CHARACTER = 0.56
"""Width of a typical character, in sizes of the font."""
MARK = 6.0
"""Half of a point's width, in pixels."""
GAP = 9.0
"""Distance of a name from the middle of its point."""


class LabelBox(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: LabelBox) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class PlacedLabel(NamedTuple):
    """The middle of the left edge of a name, in pixels from the upper left corner."""

    x: float
    y: float


def placed_labels(
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: tuple[float, float],
    font: float,
    taken: Sequence[LabelBox] = (),
) -> list[PlacedLabel | None]:
    """Returns a place for each name inside of a plot, None where there is no room: right, left, above or below.

    >>> placed_labels([(10, 50), (14, 50)], ["a", "b"], (100, 100), 10.0)[1]
    PlacedLabel(x=23.0, y=50.0)
    """
    boxes = [*taken, *(LabelBox(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points)]
    found: list[PlacedLabel | None] = []
    for index, ((x, y), name) in enumerate(zip(points, names, strict=True)):
        others = [box for place, box in enumerate(boxes) if place != len(taken) + index]
        width = CHARACTER * font * len(name)
        corners = (
            (x + GAP, y),
            (x - GAP - width, y),
            (x - width / 2, y - font - MARK / 2),
            (x - width / 2, y + font + MARK / 2),
        )
        free = [corner for corner in corners if _free(_box(corner, width, font), size, others)]
        found.append(PlacedLabel(*map(float, free[0])) if free else None)
        if free:
            boxes.append(_box(free[0], width, font))
    return found


def _box(corner: tuple[float, float], width: float, font: float) -> LabelBox:
    x, y = corner
    return LabelBox(x, y - 0.6 * font, x + width, y + 0.6 * font)


def _free(box: LabelBox, size: tuple[float, float], others: Sequence[LabelBox]) -> bool:
    inside = box.left >= 0 and box.right <= size[0] and box.top >= 0 and box.bottom <= size[1]
    return inside and not any(box.overlaps(other) for other in others)
