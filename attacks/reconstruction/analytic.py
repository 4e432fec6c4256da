"""Analytic inversion of a fully connected layer (Geiping et al. 2020, 2003.14053, proposition 3.1).

For y = W x + b and any loss L of y, the chain rule gives ∂L/∂W_i = (∂L/∂y_i) xᵀ and ∂L/∂b_i = ∂L/∂y_i, so

    x = (∂L/∂W_i) / (∂L/∂b_i)   for every output i with ∂L/∂b_i ≠ 0

exactly, whatever follows the layer. All outputs agree; their least-squares combination (weights (∂L/∂b_i)²) is the
stablest in floating point. LoRA has no bias, and at B = 0 its ∇A is 0: this door is shut there.

Shape legend: layer of `in` inputs and `out` outputs, one input vector behind the gradient.
"""

from __future__ import annotations

from torch import Tensor


def invert_linear(weight_gradient: Tensor, bias_gradient: Tensor) -> Tensor:
    """[in] the layer's input, from ∂L/∂W [out, in] and ∂L/∂b [out] of one example.

    Of several examples it is their mean, weighted by ∂L/∂y_i: not one of them. A `ValueError` where ∂L/∂b is 0.

    >>> import torch
    >>> invert_linear(torch.tensor([[2.0, 4.0], [-1.0, -2.0]]), torch.tensor([2.0, -1.0]))
    tensor([1., 2.])
    """
    if weight_gradient.shape[:1] != bias_gradient.shape:
        raise ValueError(
            f"gradients are {tuple(weight_gradient.shape)} and {tuple(bias_gradient.shape)}; "
            "need [out, in] of the weight and [out] of the bias of one layer"
        )
    energy = bias_gradient.square().sum()
    if not energy > 0:
        raise ValueError("the bias's gradient is 0, which tells nothing of the input; take another layer")
    return (bias_gradient @ weight_gradient) / energy
