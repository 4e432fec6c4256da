"""LoRA banks: the adapters of K clients in stacked tensors, trained and applied in one pass.

Shape legend: K adapters, r rank, layer of `in` inputs and `out` outputs, d trainable numbers of one adapter,
M rows (of frames and tokens) of one adapter in a forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.core.streams import Stream
from privtalk.methods.config import AdapterConfig
from privtalk.methods.peft_files import read_adapter, write_adapter


class Factors(NamedTuple):
    """One layer's low-rank factors; the layer's output gains scale · x Aᵀ Bᵀ."""

    a: Tensor
    """[K, r, in]."""
    b: Tensor
    """[K, out, r]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterBank:
    """K adapters. Layers keep the order in which the denoiser registers them."""

    config: AdapterConfig
    factors: dict[str, Factors]

    def __len__(self) -> int:
        return next(iter(self.factors.values())).b.shape[0]

    @classmethod
    def initial(cls, denoiser: nn.Module, config: AdapterConfig, stream: Stream, k: int = 1) -> AdapterBank:
        """K equal adapters as peft starts them: A uniform on ±1/√in (He et al. 2015, a = √5), B = 0.

        The draw of a layer depends on its name and the rank alone.
        """
        factors = {}
        for name, layer in target_layers(denoiser, config).items():
            draw = torch.rand(config.rank, layer.in_features, generator=stream("adapter", name))
            a = ((2 * draw - 1) / math.sqrt(layer.in_features)).to(layer.weight)
            factors[name] = Factors(a[None], a.new_zeros(1, layer.out_features, config.rank))
        return cls(config=config, factors=factors).repeat(k)

    @property
    def dim(self) -> int:
        """d: trainable numbers of one adapter (B alone where A is frozen)."""
        return sum(part[0].numel() for part in self._trainable())

    def _trainable(self) -> Iterator[Tensor]:
        for factors in self.factors.values():
            if not self.config.freeze_a:
                yield factors.a
            yield factors.b

    def flatten(self) -> Tensor:
        """[K, d]: of every layer A then B, row by row; B alone where A is frozen (A is then public)."""
        return torch.cat([part.flatten(1) for part in self._trainable()], dim=1)

    def of_a(self) -> Tensor:
        """bool [d]: which coordinates of `flatten` are of A; the others are of B."""
        parts = [
            torch.full((part[0].numel(),), part is factors.a)
            for factors in self.factors.values()
            for part in (factors.a, factors.b)
            if not (self.config.freeze_a and part is factors.a)
        ]
        return torch.cat(parts)

    def unflatten(self, flat: Tensor) -> AdapterBank:
        """Bank of K adapters whose trainable parts are views of `flat` [K, d]; gradients flow to it.

        A frozen A is this bank's first adapter's, shared by all K.
        """
        if flat.ndim != 2 or flat.shape[1] != self.dim:
            raise ValueError(
                f"adapters are {tuple(flat.shape)}, expected (K, {self.dim}); was the configuration changed?"
            )
        parts = iter(flat.split([part[0].numel() for part in self._trainable()], dim=1))
        factors = {name: self._layer(layer, parts, len(flat)) for name, layer in self.factors.items()}
        return replace(self, factors=factors)

    def _layer(self, layer: Factors, parts: Iterator[Tensor], k: int) -> Factors:
        frozen = self.config.freeze_a
        a = layer.a[:1].expand(k, -1, -1) if frozen else next(parts).unflatten(1, layer.a.shape[1:])
        return Factors(a, next(parts).unflatten(1, layer.b.shape[1:]))

    def select(self, index: Sequence[int] | Tensor | slice) -> AdapterBank:
        """The adapters at `index`, which may repeat."""
        at = index if isinstance(index, slice) else torch.as_tensor(index, dtype=torch.int64)
        return replace(self, factors={name: Factors(f.a[at], f.b[at]) for name, f in self.factors.items()})

    def repeat(self, k: int) -> AdapterBank:
        """K copies of a bank of one, sharing its memory."""
        if len(self) != 1:
            raise ValueError(
                f"only a bank of one adapter can be repeated, this one has {len(self)}; select one first"
            )
        return replace(
            self,
            factors={
                n: Factors(f.a.expand(k, -1, -1), f.b.expand(k, -1, -1)) for n, f in self.factors.items()
            },
        )

    def zeros(self) -> AdapterBank:
        """The same bank with B = 0: the base model, K times."""
        return replace(
            self, factors={n: Factors(f.a, torch.zeros_like(f.b)) for n, f in self.factors.items()}
        )

    def to(self, device: torch.device | str) -> AdapterBank:
        return replace(
            self, factors={n: Factors(f.a.to(device), f.b.to(device)) for n, f in self.factors.items()}
        )

    # ---- peft's format

    def to_peft(self, folder: Path, k: int = 0) -> None:
        """Write adapter `k` as peft stores a LoRA adapter; `PeftModel.from_pretrained(denoiser, folder)` reads it."""
        write_adapter(folder, self.config, {name: (f.a[k], f.b[k]) for name, f in self.factors.items()})

    @classmethod
    def from_peft(cls, folder: Path) -> AdapterBank:
        """Bank of one from peft's files, ours or another's; what is not plain LoRA is refused by name."""
        found = read_adapter(folder)
        layers = {name: Factors(a[None], b[None]) for name, (a, b) in found.layers.items()}
        return cls(config=found.config, factors=layers)


def joined(first: AdapterBank, second: AdapterBank) -> AdapterBank:
    """One bank of K adapters that does what two do together; a bank of one is taken for each of the other's.

    The factors stand side by side, and the second's B takes up the difference of the scales. Layers that only one of
    them has are filled up with zeros to the common rank, as peft has one rank for all.
    """
    k, rank = max(len(first), len(second)), first.config.rank + second.config.rank
    targets = tuple(dict.fromkeys((*first.config.targets, *second.config.targets)))
    config = AdapterConfig(rank=rank, alpha=first.config.scale * rank, targets=targets)
    ratio = second.config.scale / first.config.scale
    factors = {}
    for name in dict.fromkeys((*first.factors, *second.factors)):
        held = [bank.factors[name] for bank in (first, second) if name in bank.factors]
        scales = [scale for bank, scale in ((first, 1.0), (second, ratio)) if name in bank.factors]
        a = [f.a.expand(k, -1, -1) for f in held]
        b = [scale * f.b.expand(k, -1, -1) for f, scale in zip(held, scales, strict=True)]
        lacking = rank - sum(part.shape[1] for part in a)
        a += [a[0].new_zeros(k, lacking, a[0].shape[2])]
        b += [b[0].new_zeros(k, b[0].shape[1], lacking)]
        factors[name] = Factors(torch.cat(a, dim=1), torch.cat(b, dim=2))
    return AdapterBank(config=config, factors=factors)


def target_layers(denoiser: nn.Module, config: AdapterConfig) -> dict[str, nn.Linear]:
    """Linear layers whose name matches a pattern, in the order of registration."""
    linear = {name: layer for name, layer in denoiser.named_modules() if isinstance(layer, nn.Linear)}
    chosen = {n: layer for n, layer in linear.items() if any(fnmatchcase(n, p) for p in config.targets)}
    if not chosen:
        example = next((name for name in linear if name.endswith("to_q")), next(iter(linear), "none"))
        raise ValueError(
            f"no linear layer of the denoiser matches {list(config.targets)}; a layer's name is {example!r}"
        )
    return chosen


@contextmanager
def adapted(denoiser: nn.Module, bank: AdapterBank) -> Iterator[None]:
    """Inside, a forward pass whose leading dimension is K · m applies adapter k to its k-th block of m rows.

    The frozen layer runs once over all rows and the low-rank products run as batched matrix products. The denoiser
    is as before on exit, also after an error.
    """
    layers = dict(denoiser.named_modules())
    missing = [name for name in bank.factors if name not in layers]
    if missing:
        raise ValueError(f"the denoiser has no layer {missing[0]!r}; the adapter belongs to another network")
    for name, factors in bank.factors.items():
        _check_fit(name, layers[name], factors)
    with ExitStack() as stack:
        for name, factors in bank.factors.items():
            stack.enter_context(_computing(layers[name], factors, bank.config.scale))
        yield


@contextmanager
def _computing(layer: nn.Module, factors: Factors, scale: float) -> Iterator[None]:
    """A layer that computes with its low-rank factors inside; a layer that has some already computes with both."""
    before = vars(layer).get("forward")
    layer.forward = AdaptedLinear(layer, factors, scale)
    try:
        yield
    finally:
        if before is None:
            del layer.forward
        else:
            layer.forward = before


def _check_fit(name: str, layer: nn.Module, factors: Factors) -> None:
    """Raises where the factors are not those of such a layer."""
    if not isinstance(layer, nn.Linear):
        raise ValueError(f"layer {name!r} is {type(layer).__name__}; adapters are of linear layers")
    ours, its = (factors.a.shape[2], factors.b.shape[1]), (layer.in_features, layer.out_features)
    if ours != its:
        raise ValueError(
            f"layer {name!r} has {its[0]} inputs and {its[1]} outputs, the adapter's has {ours[0]} and {ours[1]}; "
            "it belongs to another network"
        )


class AdaptedLinear:
    """The forward pass of a linear layer that adds scale · x Aᵀ Bᵀ to the layer's output."""

    def __init__(self, layer: nn.Module, factors: Factors, scale: float) -> None:
        self.layer, self.below = layer, layer.forward
        self.alone = type(layer) is nn.Linear and "forward" not in vars(layer)
        self.factors, self.scale = factors, scale

    def __call__(self, x: Tensor) -> Tensor:
        """[K · m, ..., out] of `x` [K · m, ..., in]."""
        a, b = self.factors
        if x.shape[0] % len(b):
            raise ValueError(
                f"{x.shape[0]} rows cannot be divided among {len(b)} adapters; give each the same number"
            )
        weight, bias = self.layer.weight, self.layer.bias
        fits = x.device.type == "cpu" and x.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")
        if self.alone and fits and not weight.requires_grad:
            given = x, weight, bias, a, b, self.scale
            return cast(Tensor, AddedToFrozen.apply(*given))
        return added(self.below(x), x, a, b, self.scale)


def added(output: Tensor, x: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Returns a layer's output [K · m, ..., out] plus scale · x Aᵀ Bᵀ, `x` [K · m, ..., in].

    Parameters: `a` [K, r, in]; `b` [K, out, r].

    >>> one = torch.ones(1, 1, 1)
    >>> added(torch.zeros(1, 1), torch.tensor([[3.0]]), one, one, 2.0)
    tensor([[6.]])
    """
    k = len(b)
    low = _down(x, a)
    if k == 1:
        sums = torch.addmm(output.flatten(0, -2), low[0], b[0].t(), alpha=scale)
    else:
        sums = torch.baddbmm(output.reshape(k, -1, output.shape[-1]), low, b.transpose(1, 2), alpha=scale)
    return sums.view_as(output)


def _down(x: Tensor, a: Tensor) -> Tensor:
    """x Aᵀ, [K, M, r]; one plain product where all adapters share A."""
    k = len(a)
    if a.stride(0) == 0 or k == 1:
        return (x.reshape(-1, x.shape[-1]) @ a[0].t()).unflatten(0, (k, -1))
    # A xᵀ, turned: thrice as fast as x Aᵀ
    return torch.bmm(a, x.reshape(k, -1, x.shape[-1]).transpose(1, 2)).transpose(1, 2)


class AddedToFrozen(torch.autograd.Function):
    """A frozen linear layer and its adapters as one step of autograd, which adds in place and copies nothing.

    The frozen weight's gradient is not computed. A gradient that will itself be differentiated takes the plain way.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        """[K · m, ..., out] of `x` [K · m, ..., in], `weight` [out, in], `a` [K, r, in] and `b` [K, out, r]."""
        low = _down(x, a)
        output = F.linear(x, weight, bias)
        output.view(len(b), -1, len(weight)).baddbmm_(low, b.transpose(1, 2), alpha=scale)
        ctx.save_for_backward(x, weight, bias, a, b, low)
        ctx.scale = scale
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of x, A and B; those of the frozen weights are None."""
        x, weight, bias, a, b, low = ctx.saved_tensors
        to_x, _, _, to_a, to_b, _ = ctx.needs_input_grad
        if torch.is_grad_enabled():
            output = added(F.linear(x, weight, bias), x, a, b, ctx.scale)
            found = _differentiable(output, grad, (x, to_x), (a, to_a), (b, to_b))
            return found[0], None, None, found[1], found[2], None
        rows = grad.reshape(len(b), -1, len(weight))
        ours = torch.bmm(b.transpose(1, 2), rows.transpose(1, 2)).mul_(ctx.scale)  # [K, r, M]
        of_x = of_a = of_b = None
        if to_x:
            flat = rows.flatten(0, 1) @ weight
            of_x = flat.view(len(b), -1, flat.shape[-1]).baddbmm_(ours.transpose(1, 2), a).view_as(x)
        if to_a:
            of_a = torch.bmm(ours, x.reshape(len(b), -1, x.shape[-1]))
        if to_b:
            of_b = torch.bmm(low.transpose(1, 2), rows).mul_(ctx.scale).transpose(1, 2)
        return of_x, None, None, of_a, of_b, None


def _differentiable(output: Tensor, grad: Tensor, *inputs: tuple[Tensor, bool]) -> list[Tensor | None]:
    """The gradients of the inputs that want one, themselves with a gradient."""
    wanted = [x for x, wants in inputs if wants]
    found = iter(torch.autograd.grad(output, wanted, grad, create_graph=True))
    return [next(found) if wants else None for _, wants in inputs]
