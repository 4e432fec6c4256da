"""The origin of a corpus: what boards say of the data set that figures come from."""

from __future__ import annotations

from pydantic import Field

from privtalk.core.frozen import Frozen


class DatasetOrigin(Frozen):
    """A data set that a corpus was prepared from."""

    name: str = Field(max_length=200)
    """Empty for films of one's own."""
    layout: str = Field(max_length=200)
    licence: str = Field("", max_length=2000)
    citation: str = Field("", max_length=2000)
    version: str = Field("", max_length=200)

    @property
    def title(self) -> str:
        """Name, version and layout in a line.

        >>> DatasetOrigin(name="GRID", version="2006", layout="grid").title
        'GRID 2006 (layout grid)'
        >>> DatasetOrigin(name="", layout="folders").title
        'films of no named data set (layout folders)'
        """
        named = " ".join(filter(None, (self.name, self.version)))
        return f"{named or 'films of no named data set'} (layout {self.layout})"
