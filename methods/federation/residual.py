"""The loss by averaging factors: mean_k(B_k A_k) is not mean_k(B_k) · mean_k(A_k) (FedEx-LoRA, Singhal et al. 2024)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.methods.adapters import AdapterBank


class FactorSums(NamedTuple):
    """The sums over clients of one layer's factors, float64."""

    product: Tensor
    """[out, in] Σ_k B_k A_k."""
    a: Tensor
    b: Tensor


class AveragingLoss:
    """‖mean(B A) − mean(B) mean(A)‖ / ‖mean(B A)‖ over all layers, of clients that are added part by part."""

    def __init__(self, template: AdapterBank) -> None:
        self._template = template
        self._count = 0
        self._sums: dict[str, FactorSums] = {}

    def add(self, theta: Tensor) -> None:
        """Adds the adapters [k, d] of some clients."""
        self._count += len(theta)
        for name, layer in self._template.unflatten(theta).factors.items() if len(theta) else ():
            a, b = layer.a.double(), layer.b.double()
            new = FactorSums(torch.einsum("kor,kri->oi", b, a), a.sum(0), b.sum(0))
            held = self._sums.get(name)
            self._sums[name] = new if held is None else FactorSums(*map(torch.add, held, new))

    def value(self) -> float | None:
        """The loss, 0 for none; None without clients, or where every B is 0."""
        lost = whole = 0.0
        for sums in self._sums.values():
            mean, a, b = (part / self._count for part in sums)
            lost += float((mean - b @ a).square().sum())
            whole += float(mean.square().sum())
        return (lost / whole) ** 0.5 if whole else None


def aggregation_residual(template: AdapterBank, theta: Tensor) -> float | None:
    """The loss of K clients' adapters [K, d] at once (`AveragingLoss`)."""
    loss = AveragingLoss(template)
    loss.add(theta)
    return loss.value()
