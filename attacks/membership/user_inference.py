"""Client-level user inference on the released adapter (Kandpal et al., 2310.09266).

The attacker holds a few fresh windows of a person, none of them trained on, and asks whether the person took
part. Fine-tuning on anybody's data lowers the loss on that person's other data too; how much is told by the
log-ratio to the public backbone, which cancels how hard a person is to draw:

    score(person) = mean of  loss_base(x, t, ε) - loss_adapted(x, t, ε)  over windows x, timesteps t, noise ε

Timesteps and noise are the same for both networks and for everybody, by named streams: what is left differs
by the person and the adapter alone. The unit matches client-level differential privacy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.controls import Control, control, gaussian_update, permuted_labels
from privtalk.attacks.evaluation import Evaluation, evaluate
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.streams import Stream

VIEW = "release"
STATISTIC = "mean over fresh windows, timesteps and noise of base loss - adapted loss"
TIMESTEPS = (100, 300, 500, 700)
CHUNK = 64
"""Windows in one forward pass, which bounds the memory."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MembershipResult(Evaluation):
    """What a record states about this attack, but for the seconds it took."""

    view: str = VIEW
    statistic: str = STATISTIC
    controls: dict[str, Control]
    valid: bool
    """All controls are at chance."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The draws that every person is probed with."""

    timesteps: Sequence[int]
    noise: Tensor
    """[W, S, D, F, C, h, w] for window w, timestep s, draw d."""

    def of(self, people: Sequence[Batch]) -> Iterator[tuple[Batch, Tensor, Tensor]]:
        """(windows, timesteps [N], noise [N, F, C, h, w]) of everybody in turn, every window at every timestep and
        draw, in chunks that span people.
        """
        each, steps = self.noise.shape[1:3], torch.as_tensor(self.timesteps, dtype=torch.int64)
        owner = torch.repeat_interleave(torch.tensor([len(person) for person in people]))
        window = torch.cat([torch.arange(len(person)) for person in people])
        owner, window = (index.repeat_interleave(each.numel()) for index in (owner, window))
        probe = torch.arange(each.numel()).repeat(len(owner) // each.numel())
        noise, device = self.noise.flatten(1, 2), people[0].latents.device
        for part in torch.arange(len(owner)).split(CHUNK):
            present, counts = owner[part].unique_consecutive(return_counts=True)
            rows = window[part].split(counts.tolist())
            held = [people[p][r.to(device)] for p, r in zip(present.tolist(), rows, strict=True)]
            t = steps[probe[part] // each[1]]
            yield Batch.concatenate(held), t.to(device), noise[window[part], probe[part]].to(device)

    @property
    def count(self) -> int:
        """Probes of a window."""
        return self.noise.shape[1:3].numel()


def probes(people: Sequence[Batch], stream: Stream, timesteps: Sequence[int], draws: int) -> Probes:
    """Draws for as many windows as anybody has; those of window w do not depend on who has more."""
    if not people or not timesteps or draws < 1 or min(len(person) for person in people) == 0:
        raise ValueError("user inference needs people, a window of each, a timestep and a noise draw")
    windows, shape = max(len(person) for person in people), people[0].latents.shape[1:]
    noise = torch.empty(windows, len(timesteps), draws, *shape)
    for w, s, d in np.ndindex(windows, len(timesteps), draws):
        names = ("attack", "user_inference", "window", w, "timestep", timesteps[s], "draw", d)
        noise[w, s, d] = torch.randn(shape, generator=stream(*names))
    return Probes(timesteps=timesteps, noise=noise)


@torch.no_grad()
def person_losses(view: ReleaseView, adapter: Bank | None, people: Sequence[Batch], draws: Probes) -> Scores:
    """[n] mean denoising loss on each person's windows, without an adapter (None) or with a bank of one."""
    denoiser = view.backbone.denoiser
    with nullcontext() if adapter is None else view.adapt(denoiser, adapter):
        losses = torch.cat([view.backbone.loss(*probe) for probe in draws.of(people)]).double().cpu()
    own = losses.split([len(person) * draws.count for person in people])
    return np.array([float(part.mean()) for part in own])


def user_inference(
    view: ReleaseView,
    people: Sequence[Batch],
    stream: Stream,
    timesteps: Sequence[int] = TIMESTEPS,
    draws: int = 1,
) -> Scores:
    """[n] score of each person, given by their fresh windows; larger means "took part"."""
    shared = probes(people, stream, timesteps, draws)
    return person_losses(view, None, people, shared) - person_losses(view, view.adapter, people, shared)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom an attack is after, and all of it that no trained adapter enters: equal for adapters that start alike."""

    members: int
    people: Sequence[Batch]
    """Members, then non-members."""
    initial: Bank
    """The public adapter that training starts from."""
    shared: Probes
    base: Scores
    """[n] losses without an adapter."""
    never_trained: Scores
    """[n] losses with the initial adapter."""


def aim(
    view: ReleaseView,
    members: Sequence[Batch],
    nonmembers: Sequence[Batch],
    stream: Stream,
    timesteps: Sequence[int] = TIMESTEPS,
    draws: int = 1,
) -> Target:
    """The target of attacks on adapters that start from the one in `view`."""
    people = [*members, *nonmembers]
    shared = probes(people, stream, timesteps, draws)
    return Target(
        members=len(members),
        people=people,
        initial=view.adapter,
        shared=shared,
        base=person_losses(view, None, people, shared),
        never_trained=person_losses(view, view.adapter, people, shared),
    )


def attack(view: ReleaseView, target: Target, stream: Stream) -> MembershipResult:
    """Attack members against non-members, with controls.

    Controls: the never-trained adapter (B = 0: every score is exactly 0), a Gaussian update of equal norm, a
    blind attacker that sees the data alone (the backbone's loss), and permuted labels.
    """
    n, base, people, shared = target.members, target.base, target.people, target.shared
    gaussian = stream("attack", "user_inference", "control", "gaussian")
    random = gaussian_update(view.adapter, target.initial, gaussian)
    scores = base - person_losses(view, view.adapter, people, shared)
    without = {
        "never_trained": base - target.never_trained,
        "gaussian_update": base - person_losses(view, random, people, shared),
        "blind": -base,
    }
    controls = {name: control(blank[:n], blank[n:]) for name, blank in without.items()}
    labels = stream("attack", "user_inference", "control", "labels")
    controls["permuted_labels"] = permuted_labels(scores[:n], scores[n:], labels)
    evaluation = evaluate(scores[:n], scores[n:])
    return MembershipResult(
        **vars(evaluation), controls=controls, valid=all(c.passed for c in controls.values())
    )
