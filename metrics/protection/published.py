"""The set that Silencer publishes, with the direction that its authors want: whatever differs from the clean
animation counts as protection, be it silence or ruin. `intactness` tells the two apart.
"""

from __future__ import annotations

from typing import Literal

from privtalk.metrics.declaration import Direction, Metric
from privtalk.metrics.psnr import CAP


def _published(
    name: str, unit: str, direction: Direction, top: float, about: str, level: Literal["clip", "set"] = "clip"
) -> Metric:
    return Metric(
        name=name,
        family="published",
        direction=direction,
        unit=unit,
        range=(0.0, top),
        worst=None,
        needs=("truth", "landmarks", "audio", "weights"),
        about=about,
        level=level,
    )


def sync_confidence(evaluator: str) -> Metric:
    """Declaration of `lip_sync.lse_c` of the animation, low for a protector."""
    return _published(
        f"sync[{evaluator}]", "", "lower", float("inf"), "confidence with which lips and speech are in step"
    )


V_PSNR = _published(
    "v_psnr", "dB", "lower", CAP, "peak signal-to-noise ratio to the clean portrait's animation"
)
V_SSIM = _published("v_ssim", "", "lower", 1.0, "structural similarity to the clean portrait's animation")


def m_lmd(evaluator: str) -> Metric:
    """Declaration of `landmark_distance` to the clean animation, in eye distances."""
    return _published(
        f"m_lmd[{evaluator}]",
        "eye distances",
        "higher",
        float("inf"),
        "mean distance of the mouth's points from the clean animation's, mouths centred",
    )


def v_fid(evaluator: str) -> Metric:
    """Declaration of the Fréchet distance to the frames of the clean animations."""
    return _published(
        f"v_fid[{evaluator}]",
        "",
        "higher",
        float("inf"),
        "Fréchet distance between the features of all frames and those of the clean animations",
        "set",
    )
