"""Weights that come inside a Python package of another project, which is never imported to find them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """A file of an installed package."""

    distribution: str
    """The name by which pip calls the package."""
    member: str
    """The file's place among the package's files."""
    extra: str | None
    """Our optional dependencies that bring the package; None where pip cannot install it beside them."""

    @property
    def way_out(self) -> str:
        """The command that brings it.

        >>> Packaged(distribution="face-recognition-models", member="a.dat", extra="faces").way_out
        "python3 -m pip install 'privtalk-bench[faces]'"
        """
        wanted = self.distribution if self.extra is None else f"'privtalk-bench[{self.extra}]'"
        return f"python3 -m pip install {wanted}"


def locate(packaged: Packaged) -> Path | None:
    """Returns the path of a package's file, or None where the package is not installed or lacks it.

    The place is read from the package's metadata: a package may run anything when it is imported.

    >>> locate(Packaged(distribution="no-such-package", member="a.dat", extra=None)) is None
    True
    """
    try:
        path = Path(str(distribution(packaged.distribution).locate_file(packaged.member)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None
