"""The command line: instant help, one-line mistakes, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from privtalk.bench import cli
from privtalk.core import cache


def bench(*arguments, capsys):
    code = cli.guarded(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_imports_no_torch():
    code = (
        "import sys; from privtalk.bench import cli\n"
        "assert cli.guarded(['--help']) == 0\n"
        "assert cli.guarded(['run', '--help']) == 0\n"
        "assert cli.guarded(['weights', '--help']) == 0\n"
        "heavy = {'torch', 'diffusers', 'numba', 'cv2', 'altair'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "go on" in done.stdout


def test_suites_are_listed(capsys):
    code, out, _ = bench("suites", capsys=capsys)
    assert code == 0
    assert "privacy_utility" in out
    assert "ablation" in out
    assert "smoke" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["run", "--suite", "nope"],
            "bench: unknown suite 'nope'; valid: ablation, methods, portrait_gradients, portrait_protection, "
            "privacy_utility, speech_3d, speech_3d_ablation, speech_3d_federated",
        ),
        (
            ["run", "--suite", "ablation", "--preset", "tiny"],
            "bench: unknown preset 'tiny'; valid: smoke, small, paper",
        ),
        (["run", "--suite", "ablation", "--seeds", "a"], "bench: --seeds a: write whole numbers with commas"),
        (["run", "--suite", "ablation", "--set", "x=1"], "bench: unknown key 'x'; valid: corpus, partition"),
        (
            ["run", "--suite", "ablation", "--set", "backbone=/nowhere"],
            "bench: /nowhere: no backbone weights there",
        ),
        (
            ["run", "--suite", "ablation", "--device", "tpu"],
            "bench: unknown device 'tpu' (did you mean cpu?); valid: auto, cpu, cuda",
        ),
        (["show", "/nowhere"], "bench: /nowhere: no such folder; name one that `bench run` wrote"),
        (["compare", "/nowhere", "/nowhere"], "bench: /nowhere: no such folder"),
        (["publish", "/nowhere"], "bench: /nowhere: no such folder"),
        (["pretrain", "everything"], "bench: unknown part 'everything'; valid: autoencoder, denoiser, "),
        (["data", "prepare", "/nowhere", "-o", "/nowhere2"], "bench: /nowhere: not a folder"),
        (["data", "build", "--preset", "odd"], "bench: unknown preset 'odd'"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments, line, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "run" and not any(a.startswith("backbone=") for a in arguments):
        arguments = [*arguments, "--set", "backbone=tiny"]
    code, out, err = bench(*arguments, capsys=capsys)
    assert code == 2
    assert out == ""
    assert err.strip().startswith(line)
    assert err.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["runn"], ["run"], ["run", "--nope"], ["publish"]])
def test_usage_mistakes_exit_2_without_traceback(arguments, capsys):
    code, _, err = bench(*arguments, capsys=capsys)
    assert code == 2
    assert "Traceback" not in err


def test_an_interrupt_says_how_to_go_on(capsys, monkeypatch):
    from privtalk.bench.commands import run

    def interrupt(request):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", interrupt)
    monkeypatch.setattr("sys.argv", ["bench", "run", "--suite", "ablation"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv(cli.DEBUG, "1")
    _, _, err = bench("show", "/nowhere", capsys=capsys)
    assert "Traceback" in err
    assert cache.VARIABLE != cli.DEBUG


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("suites", ["privacy_utility", "ablation"]),
        ("methods", ["privfedtalk", "fedavg", "local_only"]),
        ("attacks", ["lira", "fedmia", "prior_guided", "distinguishing"]),
        ("metrics", ["psnr", "fid[talkhead]"]),
        ("weights", ["lpips-alex", "syncnet"]),
    ],
)
def test_what_there_is_can_be_listed(kind, names, capsys):
    assert cli.guarded(["list", kind]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)


def test_a_kind_that_there_is_not_is_a_line(capsys):
    assert cli.guarded(["list", "metric"]) == cli.MISTAKE
    assert "unknown kind 'metric' (did you mean metrics?); valid: tasks, suites, " in capsys.readouterr().err
