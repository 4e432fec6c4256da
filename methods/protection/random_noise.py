"""Uniform noise within the budget: the floor, which silences nobody."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.protection.method import Protection, Setting
from privtalk.methods.protection.perturbation import projected


class RandomNoise(Protection):
    """The random start of every descent, and nothing more: a descent of zero iterations."""

    name = "random_noise"
    about = "uniform noise within the budget"

    def protect(self, setting: Setting) -> Tensor:
        clean = setting.portraits.images
        return clean + projected(clean, setting.start(), setting.budget)
