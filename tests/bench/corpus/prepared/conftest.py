"""Films of red squares, and what stands in for the networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.corpus.prepared.squares import Square, shots


@pytest.fixture
def square(red_squares: Square) -> Square:
    """Stands in for both networks."""
    return red_squares


@pytest.fixture
def videos(tmp_path: Path, film: Any, sine: Any) -> Path:
    """Two good videos of two people."""
    src = tmp_path / "videos"
    film(src / "ann" / "one.mkv", shots(60), sound=sine(2.4))
    film(src / "bob" / "day" / "two.mkv", shots(130, speed=2), sound=sine(5.2))
    return src
