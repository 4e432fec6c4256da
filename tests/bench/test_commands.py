"""Commands hand their options on, and tell what they did."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from privtalk.bench import cli


def test_pretrain_hands_its_options_on(monkeypatch, capsys, tmp_path):
    from privtalk.bench.pretraining import backbone as pretraining

    seen = {}

    def pretrain(out, stage, config, recipe, pool, workers, tell, sources, compute, watch, mapped):
        seen.update(out=out, stage=stage, size=config.size, pool=pool, workers=workers, start=sources.start)
        tell("autoencoder", 1, 2, 0.5)
        tell("corpus", 2, 2, None)
        return SimpleNamespace(validation={"autoencoder/psnr": 30.25}, before=None)

    monkeypatch.setattr(pretraining, "pretrain", pretrain)
    options = ["--size", "128", "--people", "8", "--workers", "3", "-o", str(tmp_path / "w"), "--from", "old"]
    assert cli.guarded(["pretrain", "all", *options]) == 0
    assert (seen["stage"], seen["size"], seen["pool"].size, seen["pool"].people) == ("all", 128, 128, 8)
    assert (seen["workers"], str(seen["start"])) == (3, "old")
    out = capsys.readouterr().out
    assert "30.250" in out
    assert f"--set backbone={tmp_path / 'w'}" in out.replace("\n", "")


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("autoencoder", "--from brings an autoencoder, so there is none to train"),
        ("sync", "--from is of the backbone, sync is none"),
        ("evaluators", "--from is of the backbone, evaluators is none"),
    ],
)
def test_the_backbone_alone_goes_on_from_weights(part, line, capsys, tmp_path):
    assert cli.guarded(["pretrain", part, "--from", str(tmp_path), "-o", str(tmp_path / "w")]) == 2
    assert line in capsys.readouterr().err


def test_weights_to_go_on_from_are_looked_for_before_anything_is_filmed(monkeypatch, capsys, tmp_path):
    from privtalk.bench.pretraining import pools

    monkeypatch.setattr(pools, "film", lambda *_: pytest.fail("filmed first"))
    assert cli.guarded(["pretrain", "denoiser", "--from", str(tmp_path), "-o", str(tmp_path / "w")]) == 2
    assert "no manifest.json there" in capsys.readouterr().err


@pytest.mark.parametrize(("suite", "clients"), [("privacy_utility", 16), ("portrait_protection", 5)])
def test_build_films_the_corpus_of_a_preset(suite, clients, monkeypatch, capsys, tmp_path):
    from privtalk.bench.commands import data
    from privtalk.bench.corpus import filming

    seen = []
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path))
    monkeypatch.setattr(filming, "footage", seen.append)
    monkeypatch.setattr(data, "make", lambda wanted, workers: 7)
    assert cli.guarded(["data", "build", "--suite", suite, "--preset", "smoke", "--workers", "1"]) == 0
    assert seen[0].spec.clients == clients
    assert "7 files made" in capsys.readouterr().out


def test_prepare_says_what_next_and_fails_where_nothing_was_taken(monkeypatch, capsys, tmp_path):
    from privtalk.bench.corpus.prepared import prepare, summary

    outcome = summary.VideoOutcome(video="a/b.mp4", identity="a", utterance="b", key="k", reason="no face")
    monkeypatch.setattr(prepare, "prepare", lambda *_: summary.Summary(outcomes=[outcome]))
    assert cli.guarded(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "no face" in capsys.readouterr().out
    taken = outcome.model_copy(update={"reason": None})
    monkeypatch.setattr(prepare, "prepare", lambda *_: summary.Summary(outcomes=[taken]))
    assert cli.guarded(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert f"--corpus {tmp_path / 'out'}" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("option", [["--size", "100"], ["--min-seconds", "9"]])
def test_prepare_refuses_bad_options_in_one_line(option, capsys, tmp_path):
    assert cli.guarded(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "out"), *option]) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
