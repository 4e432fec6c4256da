"""The server's part of a method's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class ServerState(NamedTuple):
    """What the server carries from round to round."""

    adapter: Tensor
    """[d] global adapter, float32."""
    momentum: Tensor
    """[d] float64."""
