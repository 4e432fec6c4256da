"""A federated method of one's own: every coordinate moves by the same step, the way that most updates point."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.memory import ServerState


class MyMethod(FederatedMethod):
    name: ClassVar[str] = "my_method"
    about: ClassVar[str] = "The server steps by the sign of the mean update."
    ignores: ClassVar[frozenset[str]] = frozenset({"federation.server_lr", "federation.server_momentum"})

    class Options(FederatedMethod.Options):
        step: float = Field(1e-3, gt=0)
        """How far a coordinate moves in a round."""

    options: Options

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        moved = self.options.step * mean.sign()
        return state._replace(adapter=(state.adapter.double() + moved).to(state.adapter))
