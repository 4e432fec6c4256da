"""How boards show speech-driven 3-D faces: read from `display.yaml`."""

from __future__ import annotations

from pathlib import Path

import yaml

from privtalk.core.display import Display

DISPLAY = Display.model_validate(
    yaml.safe_load(Path(__file__).with_name("display.yaml").read_text(encoding="utf-8"))
)
