"""Source inference: whose local model fits this person best? (Hu et al., "Source inference attacks: beyond membership
inference attacks in federated learning", 2310.00222)

The server knows the adapter θ that a round started from and so every client's local model θ + Δ_k. Local training
lowers the loss on the client's own person most:

    score(k, p) = -loss(p; θ + Δ_k),    source(p) = argmax_k score(k, p)

The K local models run as one bank. To first order in Δ the score is ⟨Δ_k, -g_p⟩, which costs one gradient a person and
not K passes (`membership.gradient_difference`); here it is exact, for a few clients of the last round.

Shape legend: K local models, P people of W windows each, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.attacks.controls import ControlOutcome
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate_pairs
from privtalk.attacks.judgement import blind, blind_of, gaussian, permuted, silenced, wrong_client
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.pairs import NotApplicable, PairLabels, ScoreMatrix, comparable, pairs, rank1, source
from privtalk.attacks.probing import Probes, Suspect
from privtalk.attacks.views import ServerRound
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch

DECLARATION = Declaration(
    name="source_inference",
    family="membership",
    view="server",
    statistic="negative loss on the person under a client's local model",
    source="Hu et al. 2023, 2310.00222",
    headline="source",
)


class AskedTrial(NamedTuple):
    """The clients and people that are asked about: K passes a person are too many for all of them."""

    round: ServerRound
    """With these clients' messages alone."""
    people: tuple[int, ...]
    """Indices among `Knowledge.people`: the clients' own in the clients' order, then strangers."""

    @property
    def truth(self) -> PairLabels:
        """Labels among these people."""
        clients = self.round.cohort
        return PairLabels(
            own={client: place for place, client in enumerate(clients)},
            strangers=tuple(range(len(clients), len(self.people))),
        )


def trial(rounds: Sequence[ServerRound], truth: PairLabels, clients: int, strangers: int) -> AskedTrial:
    """At most `clients` evaluated clients of the last round that has two of them, and `strangers` strangers.

    They are chosen by number: what they score plays no part.
    """
    for r in reversed(rounds):
        asked = [client for client in r.cohort if client in truth.own][:clients]
        if len(asked) >= 2:
            rows = [r.cohort.index(client) for client in asked]
            people = (*(truth.own[client] for client in asked), *truth.strangers[:strangers])
            return AskedTrial(replace(r, cohort=tuple(asked), messages=r.messages[rows]), people)
    raise NotApplicable("no round has two evaluated clients")


@torch.no_grad()
def local_losses(suspect: Suspect, models: Tensor, people: Sequence[Batch], draws: Probes) -> Tensor:
    """float64 [K, P]: mean loss on each person under each of K local models `models` [K, d].

    `suspect.adapter` gives the layers; everybody is given as many windows as the one with fewest.
    """
    if suspect.adapter is None:
        raise ValueError("local models are adapters; give the suspect the one that they start from")
    bank, each = suspect.adapter.unflatten(models), min(len(person) for person in people)
    with suspect.adapt(suspect.backbone.denoiser, bank):
        parts = [_losses(suspect, len(models), person[slice(each)], draws) for person in people]
    return torch.stack(parts, dim=1)


def _losses(suspect: Suspect, k: int, person: Batch, draws: Probes) -> Tensor:
    """[K]."""
    each, steps = len(person), torch.as_tensor(draws.timesteps).repeat_interleave(draws.noise.shape[2])
    noise = draws.noise[:each].flatten(1, 2)
    total = torch.zeros(k, dtype=torch.float64)
    for s, step in enumerate(steps.tolist()):
        t = torch.full((k * each,), step, device=person.latents.device)
        batch = Batch.concatenate([person] * k)
        loss = suspect.backbone.loss(batch, t, noise[:, s].to(person.latents).repeat(k, 1, 1, 1, 1))
        total += loss.double().cpu().view(k, each).mean(1)
    return total / len(steps)


def source_inference(
    asked: ServerRound, suspect: Suspect, people: Sequence[Batch], draws: Probes
) -> ScoreMatrix:
    """Scores of every client of a round with every person; larger means "this client's".

    Losses are rounded to 1e-6, so that equal models tie however a stacked pass is blocked.
    """
    losses = local_losses(suspect, asked.adapter + asked.messages, people, draws)
    return comparable(ScoreMatrix(asked.cohort, -losses.round(decimals=6).numpy()))


def attack(
    chosen: AskedTrial, suspect: Suspect, people: Sequence[Batch], draws: Probes, stream: Stream
) -> AttackOutcome:
    """Outcome for a trial; `people` are its own, in its order. Controls that need passes take the first half."""
    matrix, truth = source_inference(chosen.round, suspect, people, draws), chosen.truth
    found = pairs(matrix, truth)
    untrained = local_losses(suspect, chosen.round.adapter[None], people, draws)[0].numpy()
    return AttackOutcome(
        declaration=DECLARATION,
        evaluation=evaluate_pairs(*found.scores(found.own, found.strangers)),
        measures={"rank1": rank1(matrix, truth), "source": source(matrix, truth)},
        controls={
            **_half_controls(chosen, suspect, people, draws, stream),
            "blind": blind(matrix, -untrained, truth),
            "permuted_labels": permuted(found, stream("attack", DECLARATION.name, "control", "labels")),
            "wrong_client": wrong_client(found),
        },
    )


def _half_controls(
    chosen: AskedTrial, suspect: Suspect, people: Sequence[Batch], draws: Probes, stream: Stream
) -> dict[str, ControlOutcome]:
    truth, few = chosen.truth, max(2, len(chosen.round.cohort) // 2)
    half = trial([chosen.round], truth, few, max(2, len(chosen.truth.strangers) // 2))
    some = [people[p] for p in half.people]
    without = {
        "never_trained": silenced([half.round])[0],
        "gaussian_update": gaussian([half.round], stream, DECLARATION.name)[0],
    }
    return {
        key: blind_of(pairs(source_inference(blank, suspect, some, draws), half.truth))
        for key, blank in without.items()
    }
