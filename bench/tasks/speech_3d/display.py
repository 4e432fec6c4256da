"""How boards show speech-driven 3-D faces: read from `display.yaml`."""

from __future__ import annotations

from pathlib import Path

from privtalk.core.display import Display

DISPLAY = Display.read(Path(__file__).with_name("display.yaml"))
