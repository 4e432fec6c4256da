"""Build hook: an editable install links ``.editable/privtalk/<folder>`` to each top-level folder.

The folders are imported as ``privtalk.<folder>``; a wheel gets that from ``sources`` in pyproject.toml,
which an editable install does not apply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EditableLinks(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            return
        root = Path(self.root)
        package = root / ".editable" / "privtalk"
        package.mkdir(parents=True, exist_ok=True)
        for folder in self.build_config.target_config["only-include"]:
            link = package / folder
            if link.is_symlink():
                link.unlink()
            link.symlink_to(root / folder, target_is_directory=True)
