"""Faults planted in the real functions of the code that trains fail `bench run` itself; correct code passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from privtalk.bench import accounts
from privtalk.bench.commands import run as command
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.core.records import RunStore
from privtalk.methods.federation import aggregate as aggregation
from privtalk.methods.federation import rounds, waves
from privtalk.methods.privacy.accounting.ledger import Ledger, Round
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import CorrelatedRound
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

SMALL = (
    "federation.rounds=4",
    "federation.rate=0.4",
    "privacy.clip=0.02",
    "attack.worlds=0",
    "attack.victims=0",
    "attack.canaries=50",
)
CENTRAL = ("privacy.placement=central", "federation.secure_aggregation=false")
SHARES = ("privacy.placement=distributed", "federation.secure_aggregation=false")
SECURE = ("privacy.placement=distributed", "federation.rate=0.9")
ADAPTIVE = (*CENTRAL, "privacy.clipping=adaptive", "federation.rounds=6")
APPENDED = (*CENTRAL, "federation.normalisation=appended")
CYCLIC = (*CENTRAL, "federation.sampling=cyclic", "federation.rate=0.5")
SOUND = {
    "central": CENTRAL,
    "secure sums of reals": ("privacy.placement=central", "federation.rate=0.9"),
    "shares": SHARES,
    "secure sums of shares": SECURE,
    "adaptive": ADAPTIVE,
    "appended": APPENDED,
    "correlated": CYCLIC,
}


@pytest.fixture
def run(request_for):
    def make(settings, row="fedavg"):
        accounts.accounted.cache_clear()
        request = request_for(row, tiers=("eps=8",), changes=(*SMALL, *settings))
        return command.run(request), request.out

    return make


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_correct_code_passes_and_the_record_says_what_was_checked(run, name):
    code, folder = run(SOUND[name])
    assert code == command.OK
    [record] = RunStore(folder)
    found = record.federation.checks
    assert found.rounds == len(record.training["cohort"])
    assert found.numbers > 1000
    assert found.deviation_ratio == pytest.approx(1.0, abs=0.08)
    assert all(p > 1e-4 for p in found.smallest_p.values())


def test_a_row_without_noise_is_not_checked(request_for):
    request = request_for("fedavg", tiers=("none",), changes=SMALL[3:])
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    assert record.federation.checks is None


SOUND_NOISE = GaussianMechanism.noise
SOUND_SHARE = DiscreteMechanism.share
SOUND_CORRELATED = CorrelatedRound.noise


def no_noise(self, dim, generator):
    return torch.zeros(dim, dtype=torch.float64)


def half_noise(self, dim, generator):
    return SOUND_NOISE(self, dim, generator) / 2


def a_little_less(self, dim, generator):
    return SOUND_NOISE(self, dim, generator) * 0.9


def same_noise(self, dim, generator):
    return SOUND_NOISE(self, dim, torch.Generator().manual_seed(3))


def no_share(self, dim, generator, cohort):
    return torch.zeros(dim, dtype=torch.int64)


def half_share(self, dim, generator, cohort):
    return SOUND_SHARE(self, dim, generator, cohort) // 2


def every_second_share():
    turn = iter(range(10**6))

    def share(self, dim, generator, cohort):
        found = SOUND_SHARE(self, dim, generator, cohort)
        return found if next(turn) % 2 else torch.zeros_like(found)

    return share


def no_clip(updates, clip):
    return torch.ones(len(updates), dtype=torch.float64)


def clip_on_the_largest_number(updates, clip):
    return (clip / updates.double().abs().amax(1)).clamp(max=1)


def clip_by_halves(updates, clip):
    """As if each of two layers had the whole bound."""
    middle = updates.shape[1] // 2
    norms = torch.stack([part.double().norm(dim=1) for part in updates.split(middle, dim=1)])
    return (clip / norms.amax(0)).clamp(max=1)


def heavy(cohort, public):
    return torch.full((len(cohort),), 3.0, dtype=torch.float64)


def everybody(clients, config, stream, round_):
    return list(clients)


def one_round_short(self, rate, played, dim, fewest):
    return Ledger((Round(releases=self.releases(dim, fewest), rate=rate, count=max(1, played - 1)),))


SOUND_MECHANISM = privacy.mechanism


def quieter_than_booked(*arguments):
    made = SOUND_MECHANISM(*arguments)
    return replace(made, noise_multiplier=made.noise_multiplier / 2)


def quiet_bits(self, state, bits, generator):
    share = 0.5 + float(bits.sum()) / self.expected_cohort
    return replace(state, clip=state.clip * float(torch.tensor(-self.rate * (share - self.quantile)).exp()))


SOUND_ADDING = aggregation.with_noise


def silent_appended(summed, mechanism, how, generator):
    total = SOUND_ADDING(summed, mechanism, how, generator)
    total[-1] = summed[-1]
    return total


def forgets_the_past(self, dim, generator):
    return self.deviation * torch.randn(dim, generator=generator, dtype=torch.float64)


NOISE = "its booked standard deviation"
FAULTS = {
    "central noise is zero": (CENTRAL, GaussianMechanism, "noise", no_noise, NOISE),
    "central noise is halved": (CENTRAL, GaussianMechanism, "noise", half_noise, NOISE),
    "central noise is a tenth too small": (CENTRAL, GaussianMechanism, "noise", a_little_less, NOISE),
    "central noise is the same every round": (CENTRAL, GaussianMechanism, "noise", same_noise, "correlation"),
    "nothing is added": (CENTRAL, aggregation, "with_noise", lambda summed, *_: summed, NOISE),
    "shares are zero": (SHARES, DiscreteMechanism, "share", no_share, NOISE),
    "shares are halved": (SHARES, DiscreteMechanism, "share", half_share, NOISE),
    "half of the shares": (SHARES, DiscreteMechanism, "share", every_second_share(), NOISE),
    "shares of secure sums are zero": (SECURE, DiscreteMechanism, "share", no_share, NOISE),
    "the clip is forgotten": (CENTRAL, aggregation, "clip_factors", no_clip, "a client moves the sum by"),
    "the clip is on the largest number": (
        CENTRAL,
        aggregation,
        "clip_factors",
        clip_on_the_largest_number,
        "a client moves the sum by",
    ),
    "the clip is per layer": (
        CENTRAL,
        aggregation,
        "clip_factors",
        clip_by_halves,
        "a client moves the sum by",
    ),
    "weights are above 1": (CENTRAL, waves, "client_weights", heavy, "a client moves the sum by"),
    "everybody takes part": (CENTRAL, rounds, "choose_cohort", everybody, "booked at rate 0.4"),
    "the ledger is a round short": (
        CENTRAL,
        RunMechanism,
        "booked",
        one_round_short,
        "the ledger books 3 rounds",
    ),
    "less noise than is booked": (CENTRAL, privacy, "mechanism", quieter_than_booked, NOISE),
    "fewer shares than are booked": (SHARES, privacy, "mechanism", quieter_than_booked, NOISE),
    "clipped bits are told exactly": (
        ADAPTIVE,
        AdaptiveClipping,
        "after",
        quiet_bits,
        "the sum of clipped bits",
    ),
    "the weights' sum is told exactly": (
        APPENDED,
        aggregation,
        "with_noise",
        silent_appended,
        "the sum of weights",
    ),
    "correlated noise forgets the past": (CYCLIC, CorrelatedRound, "noise", forgets_the_past, "ledger"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_the_run(run, monkeypatch, capsys, fault):
    settings, place, name, planted, said = FAULTS[fault]
    monkeypatch.setattr(place, name, planted)
    code, folder = run(settings)
    assert code == command.FAILED
    assert not list(RunStore(folder))
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed fedavg")]
    assert said in line


SOUND_LEAVING = DiscreteMechanism.leave


def shared_by_a_wave(self, vectors, numbers, cohort, stream, round_):
    return SOUND_LEAVING(self, vectors, numbers, len(numbers), stream, round_)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [CENTRAL, SHARES, SECURE, ADAPTIVE])
def test_rounds_of_several_waves_are_as_booked(run, monkeypatch, settings):
    monkeypatch.setattr(waves, "STACKS", 1)
    code, folder = run((*settings, "federation.chunk=2"))
    assert code == command.OK
    [record] = RunStore(folder)
    assert record.federation.checks.deviation_ratio == pytest.approx(1.0, abs=0.08)


def test_noise_that_each_wave_makes_anew_fails_the_run(run, monkeypatch, capsys):
    monkeypatch.setattr(waves, "STACKS", 1)
    monkeypatch.setattr(DiscreteMechanism, "leave", shared_by_a_wave)
    code, _ = run((*SHARES, "federation.chunk=2"))
    assert code == command.FAILED
    assert NOISE in capsys.readouterr().err
