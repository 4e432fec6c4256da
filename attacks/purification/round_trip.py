"""The victim's own autoencoder as a purifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.methods.backbone.backbone import Backbone


class RoundTrip(PortraitAttacker):
    """The photo through the autoencoder: a purifier that shares the victim's weakness."""

    name = "round_trip"
    about = "through the victim's autoencoder and back"

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        return backbone.decode(backbone.encode(portraits.photos)).cpu()
