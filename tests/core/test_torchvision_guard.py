from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from privtalk.core import torchvision_guard

# What the registry's torchvision does beside another build of torch: its operators are absent, it still fakes them.
BROKEN = """
import torch

@torch.library.register_fake("torchvision::nms")
def fake_nms(dets, scores, iou_threshold): ...

@torch.library.register_fake("torchvision::qnms")
def fake_qnms(dets, scores, iou_threshold): ...
"""

WHOLE = """
import torch

library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""

CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "unguarded":
    import torchvision
from privtalk.core.torchvision_guard import LIBRARY
import torchvision
print(torchvision.__file__.startswith(sys.argv[1]), LIBRARY is not None)
"""


def guarded(folder: Path, package: str, mode: str = "guarded") -> subprocess.CompletedProcess[str]:
    """Import a torchvision of our own in a fresh interpreter."""
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(package)
    command = [sys.executable, "-c", CHECK, str(folder), mode]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_broken_torchvision_can_be_imported_behind_the_guard(tmp_path: Path) -> None:
    assert guarded(tmp_path, BROKEN).stdout.split() == ["True", "True"]


def test_broken_torchvision_cannot_be_imported_without_it(tmp_path: Path) -> None:
    assert "torchvision::nms does not exist" in guarded(tmp_path, BROKEN, "unguarded").stderr


def test_whole_torchvision_is_left_alone(tmp_path: Path) -> None:
    assert guarded(tmp_path, WHOLE).stdout.split() == ["True", "False"]


def test_without_torchvision_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert torchvision_guard._declare_missing() is None
