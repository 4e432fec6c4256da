"""All metrics of protections, in the order of a board's columns."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric
from privtalk.metrics.evaluators.bundle import TALKHEAD
from privtalk.metrics.protection.audio_control import AUDIO_CONTROL
from privtalk.metrics.protection.intactness import STILL_PSNR, face_shift, identity_kept
from privtalk.metrics.protection.mouth_energy import MOUTH_ENERGY
from privtalk.metrics.protection.portrait_cost import PORTRAIT_PSNR, PORTRAIT_SSIM, portrait_lpips
from privtalk.metrics.protection.published import V_PSNR, V_SSIM, m_lmd, sync_confidence, v_fid

PROTECTION_METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        AUDIO_CONTROL,
        MOUTH_ENERGY,
        identity_kept(TALKHEAD),
        face_shift(TALKHEAD),
        STILL_PSNR,
        PORTRAIT_PSNR,
        PORTRAIT_SSIM,
        portrait_lpips(TALKHEAD),
        sync_confidence(TALKHEAD),
        V_PSNR,
        V_SSIM,
        m_lmd(TALKHEAD),
        v_fid(TALKHEAD),
    )
}

UNDER_ATTACK = ("audio_control", f"identity_kept[{TALKHEAD}]", "still_psnr", "v_psnr")
"""The metrics of what an attacker makes: the portrait's cost is the row's, and few frames make no windows, curves or
sets."""
