"""No protection: the clean portrait, which speaks."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.protection.method import Protection, Setting


class Unprotected(Protection):
    """The clean portrait."""

    name = "unprotected"
    about = "the clean portrait"

    def protect(self, setting: Setting) -> Tensor:
        return setting.portraits.images
