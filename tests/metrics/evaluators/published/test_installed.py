"""Evaluators by name: built from installed weights, or a reason with the way out."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest
import torch

from privtalk.metrics.evaluators.published import installed
from privtalk.metrics.evaluators.published.installed import LOADERS, Unavailable, load
from privtalk.metrics.weights import CATALOGUE, add
from privtalk.metrics.weights import catalogue as listed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def unpinned(monkeypatch):
    """Let a file of the tests be installed under a published name."""

    def make(name):
        monkeypatch.setitem(
            listed.CATALOGUE, name, replace(CATALOGUE[name], sha256=None, size=None, interface=None)
        )

    return make


@pytest.fixture
def squeeze(tmp_path, unpinned):
    """Random weights of the smallest trunk, installed."""
    from privtalk.core import torchvision_guard as torchvision_guard

    import torchvision  # isort: skip

    unpinned("lpips-squeeze")
    path = tmp_path / "squeeze.pth"
    with torch.random.fork_rng(devices=[]):
        torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return add("lpips-squeeze", path).path


def test_loaders_are_the_catalogues_evaluators():
    bearers = [entry.name for entry in CATALOGUE.values() if entry.metrics]
    assert sorted(loader.weights for loader in LOADERS.values()) == sorted(bearers)
    for name, loader in LOADERS.items():
        assert CATALOGUE[loader.weights].evaluator == name.removesuffix("-68")


@pytest.mark.parametrize("name", LOADERS)
def test_absent_weights_are_a_reason_with_the_command(name):
    with pytest.raises(Unavailable) as missing:
        load(name)
    entry = CATALOGUE[LOADERS[name].weights]
    assert str(missing.value) == f"no weights of {entry.evaluator}: {entry.way_out}"
    assert f"bench weights {'fetch' if entry.fetchable else 'add'} {entry.name}" in str(missing.value)


def test_installed_weights_are_an_evaluator(squeeze):
    from privtalk.metrics.evaluators.published.lpips_network import Lpips

    assert isinstance(load("squeeze"), Lpips)


@pytest.mark.parametrize("name", LOADERS)
def test_every_loader_names_a_class(name):
    module = installed.import_module(f"privtalk.metrics.evaluators.published.{LOADERS[name].module}")
    assert isinstance(getattr(module, LOADERS[name].build), type)


def test_changed_weights_are_not_opened(squeeze):
    content = bytearray(squeeze.read_bytes())
    content[len(content) // 2] ^= 1
    squeeze.write_bytes(content)
    with pytest.raises(Unavailable, match=r"damaged, sha256 .*; run: bench weights fetch lpips-squeeze"):
        load("squeeze")


def test_weights_of_another_network_are_a_reason(tmp_path, unpinned):
    unpinned("syncnet")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.model")
    add("syncnet", tmp_path / "other.model")
    with pytest.raises(Unavailable, match=r"syncnet_v2\.model: no weights of SyncNet"):
        load("syncnet")


@pytest.mark.parametrize(
    ("name", "module", "package", "extra"),
    [
        ("squeeze", "lpips_network", "lpips", ""),
        ("pfld", "onnx_landmarks", "onnxruntime", "[faces]"),
        ("dlib", "dlib_faces", "dlib", "[faces]"),
    ],
)
def test_an_absent_package_is_a_reason_with_the_command(
    tmp_path, monkeypatch, unpinned, name, module, package, extra
):
    weights = LOADERS[name].weights
    unpinned(weights)
    (tmp_path / "any").write_bytes(b"any")
    add(weights, tmp_path / "any")
    monkeypatch.delitem(sys.modules, f"privtalk.metrics.evaluators.published.{module}", raising=False)
    monkeypatch.delitem(sys.modules, "privtalk.metrics.evaluators.published.onnx_files", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    way_out = f"python3 -m pip install 'privtalk-bench{extra}'"
    with pytest.raises(Unavailable, match=re.escape(f"{name} needs the package {package}: {way_out}") + "$"):
        load(name)


def test_weights_that_a_package_holds_will_do_where_they_are_asked_for(tmp_path, monkeypatch):
    pytest.importorskip("dlib", reason="needs the extra [faces]: dlib-bin")
    from privtalk.metrics.weights import store

    (tmp_path / "model.dat").write_bytes(b"no model of dlib")
    monkeypatch.setattr(store, "locate", lambda packaged: tmp_path / "model.dat")
    with pytest.raises(Unavailable, match="no weights of dlib: bench weights fetch dlib"):
        load("dlib")
    with pytest.raises(
        Unavailable, match=r"model\.dat: damaged, it has not 22466066 bytes; run: python3 -m pip"
    ):
        load("dlib", in_package=True)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"^unknown evaluator 'alexnet'; valid: alex, vgg, ") as unknown:
        load("alexnet")
    assert not isinstance(unknown.value, Unavailable)
