"""The visible cost of a protection to the portrait: the published I-PSNR and I-SSIM, and LPIPS beside them."""

from __future__ import annotations

from typing import Literal

from privtalk.metrics.declaration import Metric
from privtalk.metrics.psnr import CAP


def _cost(name: str, unit: str, direction: Literal["higher", "lower"], top: float, about: str) -> Metric:
    return Metric(
        name=name,
        family="portrait",
        direction=direction,
        unit=unit,
        range=(0.0, top),
        worst=0.0 if direction == "higher" else None,
        needs=("truth", "weights") if "[" in name else ("truth",),
        about=about,
    )


PORTRAIT_PSNR = _cost(
    "portrait_psnr",
    "dB",
    "higher",
    CAP,
    "peak signal-to-noise ratio of the published portrait to the clean one (I-PSNR)",
)
PORTRAIT_SSIM = _cost(
    "portrait_ssim",
    "",
    "higher",
    1.0,
    "structural similarity of the published portrait to the clean one (I-SSIM)",
)


def portrait_lpips(evaluator: str) -> Metric:
    """Declaration of LPIPS between the published and the clean portrait."""
    return _cost(
        f"portrait_lpips[{evaluator}]",
        "",
        "lower",
        float("inf"),
        "learned perceptual distance of the published portrait from the clean one",
    )
