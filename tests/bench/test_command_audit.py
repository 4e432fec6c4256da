"""`bench audit`: the mechanisms of a preset, bounds beside the account, and an exit code that CI can use."""

from __future__ import annotations

import pytest
import torch

from privtalk.bench import cli
from privtalk.bench.commands import audit as command
from privtalk.methods.federation import aggregate
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

GIVEN = ("privacy.noise_multiplier=2.0", "federation.secure_aggregation=false")
"""So that nothing is calibrated."""


def request(*changes, **fields):
    return command.Request(
        **{
            "suite": "privacy_utility",
            "preset": "smoke",
            "changes": (*GIVEN, *changes),
            "rounds": 400,
            "dim": 4,
            "confidence": 0.999,
            "seed": 0,
        }
        | fields
    )


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (("privacy.placement=central",), GaussianMechanism),
        (("privacy.placement=distributed",), DiscreteMechanism),
        (("privacy.placement=central", "privacy.clipping=adaptive"), AdaptiveClipping),
    ],
)
def test_audits_what_training_would_use(changes, kind):
    [subject] = command.subjects(request(*changes))
    assert type(subject.aggregator.mechanism) is kind
    assert subject.aggregator.mechanism.noise_multiplier == 2.0
    assert subject.aggregator.mechanism.private
    assert {"fedavg", "privfedtalk"} <= set(subject.rows)


def test_self_normalised_weights_claim_nothing(capsys):
    asked = request("privacy.placement=central", "federation.normalisation=cohort")
    assert command.run(asked) == 0
    assert "not audited" in capsys.readouterr().out


def test_sound_preset(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert command.run(request("privacy.placement=central")) == 0
    out = capsys.readouterr().out
    for word in ("at most", "PLD", "at least", "clopper_pearson", "gaussian_dp", "estimate", "no bound"):
        assert word in out
    assert "LEAK" not in out


def test_leak_exits_1(capsys, monkeypatch):
    def forgets(updates, clip):
        return torch.ones(len(updates), dtype=torch.float64)

    monkeypatch.setattr(aggregate, "clip_factors", forgets)
    assert command.run(request("privacy.placement=central")) == 1
    assert "LEAK" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (["--suite", "nothing"], "nothing"),
        (["--suite", "privacy_utility", "--confidence", "1"], "confidence"),
        (["--suite", "privacy_utility", "--preset", "huge"], "huge"),
    ],
)
def test_mistakes_are_one_line(line, word, capsys):
    assert cli.guarded(["audit", *line]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize("placement", ["central", "distributed"])
def test_a_round_of_a_population_of_a_million(placement, monkeypatch, capsys):
    """Noise for a million clients, one in five thousand of whom takes part, in rounds of as many as that."""
    asked = request(
        f"privacy.placement={placement}",
        "corpus.clients=1000000",
        "federation.rate=0.0002",
        rounds=40,
        crowd=199,
    )
    [subject] = command.subjects(asked)
    assert subject.aggregator.expected == 200
    assert command.run(asked) == 0
    assert "199 clients beside the canary" in " ".join(capsys.readouterr().out.split())
    monkeypatch.setattr(aggregate, "clip_factors", lambda updates, clip: torch.ones(len(updates)).double())
    assert command.run(request("privacy.placement=central", rounds=400, crowd=50)) == 1
