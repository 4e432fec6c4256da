"""Every metric by its name."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric
from privtalk.metrics.jitter import JITTER, JITTER_ERROR
from privtalk.metrics.mouth_sync import MOUTH_OPENING_ERROR, MOUTH_SYNC, MOUTH_SYNC_OFFSET
from privtalk.metrics.psnr import PSNR, PSNR_MOUTH
from privtalk.metrics.ssim import SSIM, SSIM_MOUTH

METRICS: dict[str, Metric] = {
    "psnr": PSNR,
    "psnr_mouth": PSNR_MOUTH,
    "ssim": SSIM,
    "ssim_mouth": SSIM_MOUTH,
    "jitter": JITTER,
    "jitter_error": JITTER_ERROR,
    "mouth_sync": MOUTH_SYNC,
    "mouth_sync_offset": MOUTH_SYNC_OFFSET,
    "mouth_opening_error": MOUTH_OPENING_ERROR,
}


def metric(name: str) -> Metric:
    """Declaration of a metric.

    >>> metric("psnr").direction
    'higher'
    """
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(METRICS)}")
    return METRICS[name]
