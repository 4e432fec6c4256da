"""Import this before lpips, pytorch-fid, diffusers or peft.

A CPU build of torch beside the registry's torchvision wheel cannot load torchvision's own operators; importing
torchvision then fails with "operator torchvision::nms does not exist", and with it all of these, although
none of them uses that operator. Declaring the two missing schemas lets the import succeed; calling them still fails.
Where torchvision's operators load, or torchvision is absent, this module does nothing.
"""

from __future__ import annotations

import importlib.util

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _declare_missing() -> torch.library.Library | None:
    if importlib.util.find_spec("torchvision") is None:
        return None
    try:
        import torchvision as torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS.values():
            library.define(schema)
        return library
    return None


LIBRARY = _declare_missing()
"""Keeps the declarations alive; None where none were needed."""
