"""FFA-LoRA (Sun et al. 2024, arXiv 2403.12313): FedAvg whose adapters keep A at its public initial value.

Only B is trained, noised and sent. So mean(B A) = mean(B) A exactly (`methods.federation.residual`), the noise
enters once and not as a product of two noises, and half as many numbers carry it.
"""

from __future__ import annotations

from typing import ClassVar

from privtalk.methods.config import AdapterConfig
from privtalk.methods.federated.fedavg import FedAvg


class FFALoRA(FedAvg):
    """FedAvg of B alone."""

    name: ClassVar[str] = "ffa_lora"
    about: ClassVar[str] = "FedAvg whose adapters keep A at its public initial value (Sun et al. 2024)."
    source: ClassVar[str] = "Sun et al. 2024 (2403.12313)"

    @staticmethod
    def adapter(config: AdapterConfig) -> AdapterConfig:
        return config.model_copy(update={"freeze_a": True})
