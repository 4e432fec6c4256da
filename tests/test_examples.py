"""The examples run, and print what they are about."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "tests" / "baselines" / "smoke"


def printed(name, capsys, *arguments):
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(*arguments)
    return capsys.readouterr().out.splitlines()


def test_table_has_a_line_a_record(capsys):
    lines = printed("table", capsys, BASELINE)
    assert len(lines) == len(list((BASELINE / "records").iterdir()))
    assert all("| psnr " in line and " dB" in line for line in lines)
    assert any("AUC" in line for line in lines)


def test_a_metric_that_there_is_not_is_said(capsys):
    assert all("| no such" in line for line in printed("table", capsys, BASELINE, "such"))


def test_scores_are_the_same_by_function_and_by_clip(capsys):
    first, *lines = printed("score", capsys)
    by_clip = {line.split()[0]: float(line.split()[1]) for line in lines[:4]}
    assert first == f"psnr {by_clip['psnr']:.2f} dB, ssim {by_clip['ssim']:.3f}"
    assert lines[-1].endswith("no talkhead network: this example loads none")


def test_the_account_keeps_its_target_and_is_checked_by_three(capsys):
    first, *checks, void = printed("privacy", capsys)
    epsilon = float(first.partition("ε = ")[2].split()[0])
    assert 7.9 < epsilon <= 8.0
    figures = {line.split()[0]: float(line.split()[1]) for line in checks}
    assert figures.keys() == {"rdp[dp-accounting]", "prv[opacus]", "rdp[opacus]"}
    assert figures["prv[opacus]"] == pytest.approx(epsilon, abs=0.02)
    assert "void" in void


def test_the_attack_finds_what_is_there_and_nothing_else(capsys):
    there, absent = (line.partition("AUC ")[2].split(",")[0] for line in printed("attack", capsys))
    low = float(there.partition("[")[2])
    assert low > 0.5 > float(absent.partition("[")[2])


def test_a_tiny_data_set_goes_from_disk_to_a_board(capsys, tmp_path, monkeypatch):
    pytest.importorskip("dlib", reason="faces are found by the extra `faces`")
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    lines = printed("own_data", capsys, str(tmp_path), "grid")
    assert [line.split()[2] for line in lines if line.startswith("$ bench")] == ["data", "pretrain", "run"]
    assert (tmp_path / "runs" / "grid" / "run.json").is_file()
    assert len(list((tmp_path / "runs" / "grid" / "records").iterdir())) == 3


def test_every_example_is_tested():
    source = Path(__file__).read_text(encoding="utf-8")
    examples = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert [name for name in examples if f'printed("{name}"' not in source] == []


def test_trees_are_of_their_layouts(tmp_path, capsys):
    from privtalk.bench.corpus.prepared.laid_out import find_laid_out
    from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS

    lines = printed("layout_trees", capsys, str(tmp_path), 4, 2, "", 4)
    assert [line.split()[5] for line in lines] == list(FILM_LAYOUTS)
    for name, layout in FILM_LAYOUTS.items():
        films = find_laid_out(tmp_path / name, layout, lambda line: None)
        assert len(films) == 8, name
        assert len({film.source.identity for film in films}) == 4, name
        assert all(film.fault is None for film in films), name
