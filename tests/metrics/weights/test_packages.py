"""Weights inside packages: found without importing anything, and installed from there when asked for."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import pytest

from privtalk.metrics import weights as store
from privtalk.metrics.weights import CATALOGUE, Packaged, WeightsError, WeightsMissing, catalogue
from privtalk.metrics.weights.errors import LicenceNotAccepted
from privtalk.metrics.weights.packages import locate

CONTENT = b"weights"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that must not be imported, and its entry under the name of dlib's recogniser."""
    site = tmp_path / "site"
    (site / "held").mkdir(parents=True)
    (site / "held" / "__init__.py").write_text("raise SystemExit('imported')")
    (site / "held" / "model.dat").write_bytes(CONTENT)
    (site / "held_models-1.0.dist-info").mkdir()
    (site / "held_models-1.0.dist-info" / "METADATA").write_text("Name: held-models\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(site)
    held = Packaged(distribution="held-models", member="held/model.dat", extra="faces")
    entry = replace(
        CATALOGUE["dlib"], package=held, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
    )
    monkeypatch.setitem(catalogue.CATALOGUE, "dlib", entry)
    return site / "held" / "model.dat"


def test_a_file_is_found_without_importing_its_package(package):
    assert locate(catalogue.CATALOGUE["dlib"].package) == package
    assert "held" not in sys.modules
    package.unlink()
    assert locate(catalogue.CATALOGUE["dlib"].package) is None


def test_it_is_used_where_packages_will_do_and_not_otherwise(package):
    assert store.installed("dlib") is None
    assert store.packaged("dlib").path == store.verify("dlib", in_package=True).path == package
    assert store.packaged("dlib").note.origin == "package held-models"
    with pytest.raises(WeightsMissing, match="no weights of dlib: bench weights fetch dlib"):
        store.verify("dlib")


def test_fetching_copies_it_and_touches_no_network(package, monkeypatch):
    monkeypatch.setattr("privtalk.metrics.weights.store.download", None)
    (found,) = store.fetch("dlib")
    assert found.path.read_bytes() == CONTENT
    assert found.note.origin == "package held-models"
    assert store.verify("dlib") == found


def test_another_file_under_its_name_is_refused(package):
    package.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsError, match="not the weights dlib: its sha256 is"):
        store.fetch("dlib")
    with pytest.raises(WeightsError, match="damaged, sha256"):
        store.verify("dlib", in_package=True)
    package.write_bytes(CONTENT * 2)
    with pytest.raises(WeightsError, match=f"damaged, it has not {len(CONTENT)} bytes; run: python3 -m pip"):
        store.packaged("dlib")


def test_without_the_package_the_extra_is_named(package, monkeypatch):
    monkeypatch.setattr(store.store, "locate", lambda packaged: None)
    assert store.packaged("dlib") is None
    with pytest.raises(
        WeightsMissing, match=r"dlib: comes with the package held-models: .*privtalk-bench\[faces\]'$"
    ):
        store.fetch("dlib")


def test_points_trained_for_research_have_to_be_agreed_to():
    with pytest.raises(LicenceNotAccepted, match="dlib-68: licence non-commercial research only"):
        store.fetch("dlib-68")
