"""The knowledge of an attacker beside its view: footage of people, and nothing about who of them took part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privtalk.attacks.views import Bank
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Public knowledge. Whether person p took part, and as which client, is what attacks are asked."""

    people: Sequence[Batch]
    """P candidates, each with windows of the footage that the attack declares."""
    public: Sequence[Batch]
    """People who did not take part, for calibration and for training the attacker's own models."""
    initial: Bank
    """Bank of one: the adapter that training starts from."""
    stream: Stream
    """Names begin with "attack" and the attack's name."""
