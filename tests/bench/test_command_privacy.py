"""`bench privacy`: figures are the accountants', mistakes are one line, nothing is trained."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from privtalk.bench import cli
from privtalk.bench.commands import privacy as command
from privtalk.core.records import Epsilons
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import (
    participation_bound,
    threshold_delta,
)

ASKED = command.Request(
    clients=1000,
    rate=0.1,
    rounds=40,
    noise=1.0,
    epsilon=None,
    delta=1e-5,
    dim=None,
    clip=0.5,
    honest=75,
    sampling="poisson",
)
LINE = ["privacy", "--clients", "1000", "--rate", "0.1", "--rounds", "3"]


@pytest.fixture(scope="module")
def found():
    return command.forecast(ASKED)


def test_figures_are_the_accountants(found):
    assert found.distributed.outsider.epsilon == accounting.epsilon(1.0, 0.1, 40, 1e-5)
    assert found.central.outsider.epsilon == found.distributed.outsider.epsilon
    assert found.central.server.figure is found.central.secure_aggregation.figure is None
    sums = accounting.gaussian_epsilon(math.sqrt(0.75), participation_bound(1000, 0.1, 40), 1e-5)
    assert found.distributed.secure_aggregation.epsilon == pytest.approx(sums)
    assert found.checks == accounting.checks(1.0, 0.1, 40, 1e-5)


def test_figures_fit_the_record(found):
    kept = Epsilons(**found.central.figures())
    assert (kept.server, kept.secure_aggregation) == (None, None)
    assert kept.outsider == found.central.outsider.epsilon
    adversaries = set(Epsilons.model_fields) - {"assumptions", "reasons"}
    assert set(found.distributed.assumptions()) == adversaries
    assert set(found.central.reasons()) == adversaries - {"outsider"}


def test_the_curve_grows_to_the_whole_run(found):
    rounds = [count for count, _ in found.curve]
    assert rounds[-1] == 40
    assert found.curve[-1][1] == found.distributed
    for name in ("server", "secure_aggregation", "outsider"):
        values = [getattr(eps, name).epsilon for _, eps in found.curve]
        assert values == sorted(values)
        assert values[0] < values[-1]


def test_the_cost_is_the_noise_on_the_mean(found):
    assert found.noise_ratio(10_000) == pytest.approx(1.0 * 100 / 100)
    assert found.noise_ratio(round(found.break_even)) == pytest.approx(1)
    assert command.forecast(replace(ASKED, noise=0.0)).break_even == math.inf


def test_a_target_is_kept():
    found = command.forecast(replace(ASKED, noise=None, epsilon=1.0, rounds=2, delta=None))
    assert 0.99 < found.distributed.outsider.epsilon <= 1.0
    assert found.delta == accounting.default_delta(1000)


def test_fixed_size_cohorts_have_their_own_relation(capsys):
    assert cli.guarded([*LINE, "--noise", "2", "--sampling", "fixed"]) == 0
    out = capsys.readouterr().out
    assert "replace one client" in out
    expected = accounting.epsilon(2.0, 0.1, 3, accounting.default_delta(1000), "fixed")
    assert f"{expected:.3f}" in out


def test_all_is_printed_and_drawn(capsys, tmp_path):
    picture = tmp_path / "new" / "curve.svg"
    assert cli.guarded([*LINE, "--noise", "1", "--dim", "4096", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    for word in (
        "Server",
        "Behind secure aggregation",
        "Outsider",
        "50 of 100",
        "rdp[dp-accounting]",
        "█",
        "4,096",
    ):
        assert word in out, word
    assert "0.64" in out  # √4096 / 100
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    texts = " ".join(element.text or "" for element in drawn.iter())
    assert "Outsider" in texts
    assert "rounds" in texts


def test_a_delta_that_is_too_large_is_pointed_out(capsys):
    assert cli.guarded([*LINE, "--noise", "2", "--delta", "0.01"]) == 0
    assert "not below 1/N" in capsys.readouterr().out


def test_judgements_are_those_of_runs():
    """The one judge of δ, and the δ that dropped rounds cost, which runs are refused for."""
    few = replace(ASKED, clients=16, rate=0.05, rounds=40, delta=0.07, honest=1)
    void, dropped = command.forecast(few).judgements
    assert void == accounting.void_delta(0.07, 16)
    assert f"{threshold_delta(16, 0.05, 40, 2):.2g}" in dropped
    assert "secure aggregation" in dropped
    assert command.forecast(ASKED).judgements == ()


def test_a_large_target_is_kept_with_the_least_noise():
    found = command.forecast(replace(ASKED, rounds=1, noise=None, epsilon=100.0, delta=1e-4))
    assert 99 < found.distributed.outsider.epsilon <= 100
    assert found.judgements == ()


def test_an_infinite_target_needs_no_noise(capsys):
    assert cli.guarded([*LINE, "--epsilon", "inf"]) == 0
    out = capsys.readouterr().out
    assert "noise multiplier 0.0000" in out
    assert "kept without noise: nothing is guaranteed" in out


def test_a_target_that_the_search_does_not_reach_is_said(capsys):
    assert cli.guarded([*LINE[:-1], "1", "--epsilon", "1e9"]) == 0
    out = capsys.readouterr().out
    assert "and not 1e+09: noise below 0.000976562 is not searched" in out


def test_without_noise_nothing_holds(capsys):
    assert cli.guarded([*LINE, "--noise", "0"]) == 0
    out = capsys.readouterr().out
    assert out.count("none") >= 6
    assert "█" not in out


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ([], "give either --noise or --epsilon"),
        (["--noise", "1", "--epsilon", "8"], "give either --noise or --epsilon"),
        (["--noise", "-1"], "noise multiplier is -1.0, it must be finite"),
        (["--epsilon", "0"], "epsilon is 0.0, it must be positive"),
        (["--epsilon", "nan"], "epsilon is nan, it must be positive"),
        (["--noise", "1e-6"], "noise multiplier is 1e-06, too little to account for"),
        (["--noise", "1", "--rate", "1.5"], "rate is 1.5, it must lie in (0, 1]"),
        (["--epsilon", "1", "--delta", "2"], "delta is 2.0, it must lie in (0, 1)"),
        (["--noise", "1", "--sampling", "fixd"], "unknown sampling 'fixd' (did you mean fixed?)"),
        (["--noise", "1", "--honest", "101"], "101 honest of 100: at least 1 and at most all must be honest"),
        (["--noise", "1", "--rounds", "1000000"], "--rounds 1000000: at most 100000"),
        (["--noise", "1", "--clip", "0"], "--clip 0: it must be positive and finite"),
        (["--noise", "1", "--dim", "0"], "--dim 0: it must be at least 1"),
        (["--noise", "1", "--plot", "curve.png"], "--plot curve.png: name a file that ends in .svg"),
        (["--noise", "0", "--plot", "curve.svg"], "without noise there is no curve to draw"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(more, line, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.guarded([*LINE, *more]) == 2
    captured = capsys.readouterr()
    err = captured.err
    assert err.strip().startswith(f"bench: {line}")
    assert err.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())
    assert captured.out == ""


def test_no_torch_is_needed():
    code = (
        "import sys; from privtalk.bench import cli\n"
        f"assert cli.guarded({[*LINE, '--noise', '1', '--sampling', 'fixed']!r}) == 0\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
