"""Messages whose truth is known: a client's update points down its person's gradient, or nowhere."""

from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.attacks.pairs import CandidateFeatures, PairLabels
from privtalk.attacks.views import ServerRound
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, Factors
from privtalk.methods.config import AdapterConfig

TOKEN, RANK = 24, 2
CLIENTS, EVALUATED, STRANGERS = 24, 16, 16


def stream(*names):
    return torch_stream(11, *names)


def normal(*shape, name):
    return torch.randn(shape, generator=stream("world", name))


def bank(freeze_a=False, layers=("up.attn2.to_v", "down.attn2.to_v", "up.attn1.to_v")):
    """A bank of one of an imaginary network; token layers read 24 numbers."""
    config = AdapterConfig(rank=RANK, alpha=RANK, targets=("*.to_v",), freeze_a=freeze_a)
    factors = {name: Factors(normal(1, RANK, TOKEN, name=name), torch.zeros(1, 5, RANK)) for name in layers}
    return AdapterBank(config=config, factors=factors)


@dataclass
class World:
    rounds: tuple[ServerRound, ...]
    candidates: CandidateFeatures
    truth: PairLabels


def world(strength=1.0, rounds=3, template=None) -> World:
    """Clients 0..23, of whom 16 are evaluated; client k's person is k, strangers are 16..31. Every client takes part in
    about two rounds of three. `strength` 0 is a run in which messages are noise.
    """
    template = template or bank()
    d = template.dim
    gradients = normal(EVALUATED + STRANGERS, d, name="gradients")
    tokens = normal(EVALUATED + STRANGERS, TOKEN, name="tokens")
    return World(
        rounds=tuple(_round(r, template, strength, gradients, tokens) for r in range(rounds)),
        candidates=CandidateFeatures(gradients=gradients, tokens=tokens, template=template),
        truth=PairLabels(
            own={k: k for k in range(EVALUATED)}, strangers=tuple(range(EVALUATED, EVALUATED + STRANGERS))
        ),
    )


def _round(
    number: int, template: AdapterBank, strength: float, gradients: Tensor, tokens: Tensor
) -> ServerRound:
    cohort = tuple(k for k in range(CLIENTS) if (k + number) % 3)
    messages = 2.0 * normal(len(cohort), template.dim, name=f"noise {number}")
    for row, client in enumerate(cohort):
        if client < EVALUATED:
            messages[row] -= strength * gradients[client]
            if not template.config.freeze_a:
                messages[row] += strength * _identity(template, tokens[client], f"{number} {client}")
    return ServerRound(number=number, adapter=torch.zeros(template.dim), cohort=cohort, messages=messages)


def _identity(template: AdapterBank, token: Tensor, name: str) -> Tensor:
    """[d] update whose A of every token layer has rows along the token."""
    start = template.zeros()
    factors = {
        layer: Factors(4 * normal(1, RANK, 1, name=name + layer) * token, f.b)
        if layer.split(".")[1] == "attn2"
        else Factors(torch.zeros_like(f.a), f.b)
        for layer, f in start.factors.items()
    }
    return AdapterBank(config=start.config, factors=factors).flatten()[0]
