"""The ceiling: what is measured is what is descended on, through every step of the sampler."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.protection.method import Setting, SignDescent, mean_square
from privtalk.methods.protection.mouth import mouth_map


class AudioSwap(SignDescent):
    """The difference between what two voices make of the mouth is made small.

    L = |D(z(a)) - D(z(a'))|² at the mouth, with equal noise and landmarks. No surrogate loss can do better at the
    same budget by more than descent leaves undone; how far one stays behind is what the surrogate loses.
    """

    name = "audio_swap"
    about = "ceiling: what two voices make of the mouth is drawn together, through all sampling steps"

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        victim, draw, portraits = setting.victim, setting.draw(voices=2), setting.portraits
        reference = victim.encode(images)
        moved = draw.landmarks.expand(-1, 2, -1)
        batch = victim.batch(reference, portraits.landmarks, draw.audio, moved)
        noise = draw.noise.expand(-1, 2, -1, -1, -1)
        made = victim.animate(reference, batch, noise, setting.config.sampling_steps)
        where = mouth_map(draw.landmarks[:, 0], images.shape[-1])
        return mean_square((made[:, 0] - made[:, 1]) * where.sqrt())
