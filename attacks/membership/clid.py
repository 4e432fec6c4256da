"""CLiD: conditional likelihood discrepancy (Zhai et al., 2405.14800, equation 8).

Fine-tuning overfits to the pair (window, condition) more than to the window; a member gains more from its conditions:

    score(x) = ℓ_t(x, ∅) - ℓ_t(x, c) ≈ log p(x | c) - log p(x) + constant

Without conditions (∅) are the audio, the reference latents and with them the identity token; landmarks stay, since
without them the window has no pose to be drawn in. The paper's second term, the loss itself, is the loss attack.

Shape legend: N windows of F frames, latents C x h x w.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes
from privtalk.methods.backbone.conditioning import Batch

DECLARATION = Declaration(
    name="clid",
    family="membership",
    view="release",
    statistic="denoising loss without audio, reference and identity minus that with them",
    source="Zhai et al. 2024 (2405.14800), the discrepancy term",
    footage="exact",
)


def clid(passes: Passes) -> Tensor:
    """float64 [N]; larger means "member"."""
    t, windows = passes.t, passes.asked.windows
    noisy = passes.mix(passes.clean, passes.noise(t), t)
    bare = passes.predicted("unconditional", noisy, t, unconditional(windows))
    return passes.v_error(bare, t) - passes.losses(t)


def unconditional(windows: Batch) -> Batch:
    """`windows` without their audio, their reference and, with it, the identity."""
    return replace(
        windows, audio=torch.zeros_like(windows.audio), reference=torch.zeros_like(windows.reference)
    )
