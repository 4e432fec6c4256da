"""`bench weights`: what is listed, fetched after which question, verified and added."""

from __future__ import annotations

import hashlib
import sys

import pytest
import typer

from privtalk.bench import cli
from privtalk.metrics import weights as store
from privtalk.metrics.weights import catalogue
from privtalk.metrics.weights.catalogue import CATALOGUE, Weights

CONTENT = b"weights"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "weights"


@pytest.fixture
def free(tmp_path, monkeypatch):
    """An entry that can be fetched from a file address."""
    return entry(tmp_path, monkeypatch, "free", "MIT", True)


@pytest.fixture
def restricted(tmp_path, monkeypatch):
    """The same under a licence that has to be accepted."""
    return entry(tmp_path, monkeypatch, "restricted", "non-commercial research only", False)


def entry(tmp_path, monkeypatch, name, licence, commercial):
    path = tmp_path / f"{name}.bin"
    path.write_bytes(CONTENT)
    made = Weights(
        name=name,
        file=f"{name}.pth",
        evaluator=name,
        metrics=("lpips",),
        about="",
        licence=licence,
        commercial=commercial,
        homepage="https://example.org",
        urls=(path.as_uri(),),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
    )
    monkeypatch.setitem(catalogue.CATALOGUE, name, made)
    return path


def bench(*arguments, capsys):
    code = cli.guarded(["weights", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def row(out, name):
    return next(line for line in out.splitlines() if f" {name} " in line)


def test_all_are_listed_with_licence_size_hash_and_state(capsys, free):
    bench("add", "free", free, capsys=capsys)
    code, out, _ = bench("list", capsys=capsys)
    assert code == 0
    for known in CATALOGUE:
        assert row(out, known)
    alex = row(out, "lpips-alex")
    for said in ("lpips[alex]", "BSD-3-Clause", "244.4 MB", "7be5be791159", " no "):
        assert said in alex
    assert "non-commercial" in row(out, "arcface")
    assert "yes: local file free.bin" in row(out, "free")
    assert str(store.folder()) in out.splitlines()[-1]


def test_weights_in_a_package_are_listed_as_such(capsys, monkeypatch, free):
    held = store.InstalledWeights(
        free, store.store.Note(name="dlib", sha256="0", size=1, origin="package models")
    )
    monkeypatch.setattr(store, "packaged", lambda name: held if name == "dlib" else None)
    out = bench("list", capsys=capsys)[1]
    assert "no, in package models" in row(out, "dlib")
    assert "package" not in row(out, "arcface")
    assert "non-commercial research only (trained on" in row(out, "dlib-68")


def test_fetch_installs_and_says_the_licence(capsys, free):
    code, out, err = bench("fetch", "free", capsys=capsys)
    assert code == 0
    assert out.startswith("free: installed, 0.0 MB, sha256 ")
    assert err.splitlines()[0] == "free: licence MIT; https://example.org"
    assert store.verify("free")


def test_a_restricting_licence_is_said_and_needs_the_option_where_nobody_can_answer(capsys, restricted):
    code, out, err = bench("fetch", "restricted", capsys=capsys)
    assert code == 2
    assert out == ""
    said, told = err.splitlines()
    assert said == "restricted: licence non-commercial research only; https://example.org"
    assert told.startswith("bench: restricted: non-commercial research only; add --accept-licence")
    assert store.installed("restricted") is None


def test_the_option_accepts_it(capsys, restricted):
    code, _, err = bench("fetch", "restricted", "--accept-licence", capsys=capsys)
    assert code == 0
    assert "restricted: licence non-commercial research only" in err, "said before it is fetched all the same"
    assert store.verify("restricted")


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 2)])
def test_on_a_terminal_it_is_asked(capsys, monkeypatch, restricted, answer, code):
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda text, err: asked.append(text) or answer)
    assert bench("fetch", "restricted", capsys=capsys)[0] == code
    assert asked == ["Fetch restricted under this licence?"]
    assert (store.installed("restricted") is not None) == answer


def test_one_refusal_fetches_nothing(capsys, free, restricted):
    assert bench("fetch", "free", "restricted", capsys=capsys)[0] == 2
    assert store.installed("free") is None


def test_verify_tells_whole_from_damaged(capsys, free):
    bench("fetch", "free", capsys=capsys)
    code, out, _ = bench("verify", capsys=capsys)
    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith("free: whole, sha256 ")
    store.find("free").write_bytes(CONTENT[::-1])
    code, out, _ = bench("verify", capsys=capsys)
    assert code == 2
    assert "damaged" in out
    (store.folder() / "free.pth").write_bytes(b"")
    assert " damaged " in row(bench("list", capsys=capsys)[1], "free")


def test_verify_of_absent_weights_says_how_to_get_them(capsys):
    code, out, _ = bench("verify", "syncnet", capsys=capsys)
    assert code == 2
    assert out.startswith("syncnet: no weights of syncnet: bench weights fetch syncnet\n")
    assert bench("verify", capsys=capsys) == (0, "", ""), "nothing is installed, nothing is wrong"


def test_add_refuses_another_file(capsys, free):
    free.write_bytes(b"another")
    code, out, err = bench("add", "free", free, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"bench: {free}: not the weights free: its sha256 is ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("fetch", "nope"), ("verify", "nope"), ("add", "nope", "x")])
def test_unknown_names_are_one_line(arguments, capsys):
    code, out, err = bench(*arguments, capsys=capsys)
    assert code == 2
    assert (out + err).count("\n") == 1
    assert "unknown weights 'nope'; valid: lpips-alex, " in out + err
