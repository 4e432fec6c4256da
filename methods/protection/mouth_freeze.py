"""A direct freeze of the decoded mouth: Vid-Freeze's target (arXiv 2509.23279) on this victim."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.protection.method import Setting, SignDescent, mean_square
from privtalk.methods.protection.mouth import mouth_map


class MouthFreeze(SignDescent):
    """The animated portrait's mouth is drawn to the clean portrait's, pixel by pixel.

    One sampling step from noise, the portrait's own landmarks, a public voice.
    """

    name = "mouth_freeze"
    about = "the animated mouth is drawn to the portrait's own, in pixels"
    source = "Vid-Freeze, 2025"

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        victim, draw, portraits = setting.victim, setting.draw(), setting.portraits
        reference = victim.encode(images)
        batch = victim.batch(reference, portraits.landmarks, draw.audio, portraits.landmarks[:, None])
        made = victim.animate(reference, batch, draw.noise, 1)[:, 0]
        where = mouth_map(portraits.landmarks, images.shape[-1])
        return mean_square((made - portraits.images) * where.sqrt())
