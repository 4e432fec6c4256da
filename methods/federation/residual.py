"""The loss by averaging factors: mean_k(B_k A_k) is not mean_k(B_k) · mean_k(A_k) (FedEx-LoRA, Singhal et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.adapters import AdapterBank


def aggregation_residual(template: AdapterBank, theta: Tensor) -> float | None:
    """‖mean(B A) − mean(B) mean(A)‖ / ‖mean(B A)‖ over all layers, of K clients' adapters [K, d]; 0 is no loss.

    None without clients, or where every B is 0.
    """
    if not len(theta):
        return None
    lost = whole = 0.0
    for layer in template.unflatten(theta).factors.values():
        a, b = layer.a.double(), layer.b.double()
        mean = torch.einsum("kor,kri->oi", b, a) / len(theta)
        lost += float((mean - b.mean(0) @ a.mean(0)).square().sum())
        whole += float(mean.square().sum())
    return (lost / whole) ** 0.5 if whole else None
