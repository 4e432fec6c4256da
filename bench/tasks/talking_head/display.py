"""How boards show federated talking heads."""

from __future__ import annotations

from privtalk.core.display import Display

DISPLAY = Display()
