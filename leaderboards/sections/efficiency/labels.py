"""Places for the names of points: beside each, clear of the others' marks and names, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

CHARACTER = 0.56
"""Width of a typical character, in sizes of the font."""
MARK = 5.0
"""Half of a point's width, in pixels."""
GAP = 9.0
"""Distance of a name from the middle of its point."""
TALL = 0.55
"""Half of a name's height, in sizes of the font."""


class Pixel(NamedTuple):
    """A place in a plot, in pixels from its upper left corner."""

    x: float
    y: float


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

    def holds(self, place: Pixel) -> bool:
        return self.left <= place.x <= self.right and self.top <= place.y <= self.bottom


class NamingPlot(NamedTuple):
    """The plot in which points are named."""

    width: float
    height: float
    font: float
    taken: Sequence[LabelBox] = ()
    """Texts that stand already."""
    drawn: Sequence[Pixel] = ()
    """Places on lines: a name avoids them where it can."""


def placed_labels(points: Sequence[Pixel], names: Sequence[str], plot: NamingPlot) -> list[Pixel | None]:
    """Returns the middle of the left edge of each name; None where there is no room around its point.

    >>> placed_labels([Pixel(10, 50), Pixel(60, 50)], ["a", "b"], NamingPlot(100, 100, 10.0))[1]
    Pixel(x=69.0, y=50)
    """
    marks = [LabelBox(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]
    standing = list(plot.taken)
    found: list[Pixel | None] = []
    for index, (point, name) in enumerate(zip(points, names, strict=True)):
        others = [*standing, *marks[:index], *marks[index + 1 :]]
        width = CHARACTER * plot.font * len(name)
        around = [(corner, _box(corner, width, plot.font)) for corner in _corners(point, width, plot.font)]
        free = [(corner, box) for corner, box in around if _free(box, plot, others)]
        best = min(free, key=lambda entry: sum(map(entry[1].holds, plot.drawn)), default=None)
        found.append(best[0] if best else None)
        standing += [best[1]] if best else []
    return found


def _corners(point: Pixel, width: float, font: float) -> list[Pixel]:
    """Right, left, above and below, then the four between."""
    x, y = point
    up, down = y - font - MARK / 2, y + font + MARK / 2
    right, left, middle = x + GAP, x - GAP - width, x - width / 2
    straight = [Pixel(right, y), Pixel(left, y), Pixel(middle, up), Pixel(middle, down)]
    between = [(across, high) for across in (x + 2, x - 2 - width) for high in (up, down)]
    return [*straight, *(Pixel(*place) for place in between)]


def _box(corner: Pixel, width: float, font: float) -> LabelBox:
    return LabelBox(corner.x, corner.y - TALL * font, corner.x + width, corner.y + TALL * font)


def _free(box: LabelBox, plot: NamingPlot, others: Sequence[LabelBox]) -> bool:
    inside = box.left >= 0 and box.right <= plot.width and box.top >= 0 and box.bottom <= plot.height
    return inside and not any(box.overlaps(other) for other in others)
