"""User inference on a fake backbone whose loss is known in closed form.

loss = mean over pixels of (latent + noise level x noise - drawn)², where `drawn` is what the adapter has
learned to draw (zero without one): an adapter that points towards a person's signature lowers that person's
loss.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from privtalk.attacks.membership.outcomes import outcome
from privtalk.attacks.membership.user_inference import DECLARATION, TIMESTEPS, suspect, user_inference
from privtalk.attacks.probing import person_losses, probes
from privtalk.attacks.views import ReleaseView
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.conditioning import Batch

F, C, SIDE = 2, 4, 4
SIZE = C * SIDE * SIDE


def stream(*names):
    return torch_stream(7, *names)


class FakeBackbone:
    def __init__(self):
        self.denoiser = nn.Module()
        self.denoiser.drawn = torch.zeros(SIZE)
        self.seen = []

    def loss(self, batch, t, noise):
        level = (t.float() / 1000)[:, None, None]
        error = batch.latents.flatten(2) + level * noise.flatten(2) - self.denoiser.drawn
        self.seen.append((len(batch), t.tolist(), noise.double().sum().item()))
        return error.square().mean((1, 2))


@dataclass
class FakeBank:
    drawn: torch.Tensor

    def flatten(self):
        return self.drawn[None]

    def unflatten(self, flat):
        return FakeBank(flat[0])


@contextmanager
def fake_adapted(denoiser, bank):
    before, denoiser.drawn = denoiser.drawn, bank.drawn
    yield
    denoiser.drawn = before


def person(index, windows=3, scale=1.0):
    """Windows around a signature of one's own."""
    signature = torch.randn(SIZE, generator=stream("signature", index))
    own = torch.randn(windows, F, SIZE, generator=stream("windows", index))
    latents = (scale * signature + 0.5 * own).reshape(windows, F, C, SIDE, SIDE)
    conditions = {"audio": torch.zeros(windows, F, 3), "landmarks": torch.zeros(windows, F, 78)}
    reference = {"reference": latents[:, 0], "reference_landmarks": torch.zeros(windows, 78)}
    return Batch(latents=latents, **conditions, **reference)


def view_of(drawn):
    return ReleaseView(backbone=FakeBackbone(), adapter=FakeBank(drawn), adapt=fake_adapted)


def taught(people, rate=0.3):
    """Adapter that has moved towards the people it was trained on."""
    return rate * torch.stack([batch.latents.mean((0, 1)).flatten() for batch in people]).mean(0)


MEMBERS, OTHERS = [person(i) for i in range(30)], [person(i) for i in range(30, 60)]
UNTRAINED = FakeBank(torch.zeros(SIZE))


def run(adapter, members=MEMBERS, others=OTHERS):
    """The attack with a blind attacker as control: one that sees how hard people are to draw, and no adapter."""
    people, known = [*members, *others], np.arange(len(members) + len(others)) < len(members)
    scores = user_inference(view_of(adapter), people, stream)
    bare = suspect(view_of(UNTRAINED.drawn), None)
    blind = -person_losses(bare, people, probes(people, stream, TIMESTEPS))
    return outcome(DECLARATION, scores, known, {"blind": (blind, known)}, stream)


def test_members_of_a_planted_adapter_are_found():
    few = MEMBERS[:10]
    result = run(taught(few, 1.0), few, OTHERS)
    assert result.evaluation.auc.value > 0.98
    assert result.evaluation.auc.low > 0.8
    assert result.valid
    assert result.evaluation.points[0].tpr.value > 0.9


def test_an_adapter_that_learned_from_others_tells_nothing():
    result = run(taught([person(i) for i in range(60, 90)]))
    assert result.evaluation.auc.low < 0.5 < result.evaluation.auc.high
    assert result.valid


def test_never_trained_adapter_is_at_chance_through_exact_ties():
    assert np.all(user_inference(view_of(UNTRAINED.drawn), MEMBERS[:8], stream) == 0)
    assert run(UNTRAINED.drawn, MEMBERS[:8], OTHERS[:8]).evaluation.auc.value == 0.5


def test_a_shift_between_the_populations_makes_the_result_invalid():
    shifted = [person(i, scale=1.3) for i in range(30, 60)]
    result = run(taught(MEMBERS), others=shifted)
    assert not result.controls["blind"].passed
    assert not result.valid


def test_scores_are_the_closed_form():
    """With ε shared, the noise's square cancels: score = mean of 2 (x + level ε) · drawn - drawn²."""
    drawn = torch.randn(SIZE, generator=stream("drawn"))
    people, steps = MEMBERS[:4], (100, 900)
    noise = probes(people, stream, steps, 2).noise.flatten(4)
    level = torch.tensor(steps).view(1, 2, 1, 1, 1) / 1000
    expected = [
        (2 * (p.latents.flatten(2)[:, None, None] + level * noise) * drawn - drawn**2).mean().item()
        for p in people
    ]
    scores = user_inference(view_of(drawn), people, stream, steps, 2)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_draws_are_shared_by_everybody_and_by_both_networks():
    view = view_of(taught(MEMBERS))
    user_inference(view, MEMBERS[:3], stream, (200, 400), 2)
    assert len(view.backbone.seen) == 2
    assert len({str(seen) for seen in view.backbone.seen}) == 1
    windows, steps, _ = view.backbone.seen[0]
    assert (windows, steps) == (36, [200, 200, 400, 400] * 9)


def test_every_person_meets_the_same_draws_window_by_window():
    shared = probes(MEMBERS[:3], stream, (200, 400), 2)
    [(windows, _, noise)] = shared.of(MEMBERS[:3])
    everybody = noise.unflatten(0, (3, -1))
    assert torch.equal(everybody, everybody[:1].expand_as(everybody))
    assert torch.equal(windows.latents[12:24:4], MEMBERS[1].latents)
    assert torch.equal(noise[:12], shared.noise.flatten(0, 2))


def test_a_person_scores_the_same_in_any_company():
    view = view_of(taught(MEMBERS))
    long = person(99, windows=5)
    together = user_inference(view, [MEMBERS[0], long], stream)
    assert together[0] == user_inference(view, MEMBERS[:1], stream)[0]
    assert together[1] == user_inference(view, [long], stream)[0]


def test_large_people_are_probed_in_chunks_without_changing_the_score(monkeypatch):
    view = view_of(taught(MEMBERS))
    whole = user_inference(view, MEMBERS[:2], stream)
    monkeypatch.setattr("privtalk.attacks.probing.CHUNK", 5)
    np.testing.assert_allclose(user_inference(view, MEMBERS[:2], stream), whole, rtol=1e-5)
    assert max(count for count, _, _ in view.backbone.seen[-6:]) == 5


@pytest.mark.parametrize(
    ("people", "steps", "draws"), [([], (100,), 1), (MEMBERS, (), 1), (MEMBERS, (100,), 0)]
)
def test_nothing_to_probe_is_refused(people, steps, draws):
    with pytest.raises(ValueError, match="an attack needs"):
        user_inference(view_of(UNTRAINED.drawn), people, stream, steps, draws)


def test_a_view_of_several_adapters_is_refused():
    class Several(FakeBank):
        def flatten(self):
            return torch.zeros(2, SIZE)

    with pytest.raises(ValueError, match="this bank holds 2"):
        ReleaseView(backbone=FakeBackbone(), adapter=Several(torch.zeros(SIZE)))
