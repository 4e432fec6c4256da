"""Where metrics get their networks: built when asked for and kept, or a reason with the way out."""

import shutil
from pathlib import Path

import pytest
import torch

from privtalk.metrics import Undefined
from privtalk.metrics.evaluators import bundle
from privtalk.metrics.evaluators.bundle import (
    EMBEDDED,
    LOADED,
    NAMES,
    STRANGERS,
    TALKHEAD,
    Given,
    InstalledEvaluators,
    fingerprint,
)
from privtalk.metrics.evaluators.published.installed import LOADERS
from privtalk.metrics.evaluators.talkhead import feature_network, identity_network, storage, sync_network
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.feature_network import FeatureNetwork
from privtalk.metrics.evaluators.talkhead.storage import save_network
from privtalk.metrics.weights import CATALOGUE, add, store

PUBLISHED = [(kind, name) for kind, names in NAMES.items() for name in names if name != TALKHEAD]


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(store, "locate", lambda packaged: None)


@pytest.fixture
def features(tmp_path, monkeypatch):
    """Features of random weights in the place of the embedded ones; how often they were loaded."""
    path = tmp_path / "features.safetensors"
    save_network(initialised(FeatureNetwork(), torch.Generator().manual_seed(0)), path, {})
    loaded, load = [], feature_network.load_features

    def counted():
        loaded.append(path)
        return load(path)

    monkeypatch.setattr(feature_network, "load_features", counted)
    return loaded


def test_given_networks_are_those_given():
    reader = object()
    given = Given({("mouth", TALKHEAD): reader}, "left at home")
    assert given.get("mouth", TALKHEAD) is reader
    with pytest.raises(Undefined, match=r"^no talkhead network: left at home$"):
        given.get("sync", TALKHEAD)
    with pytest.raises(Undefined, match="no alex network: not given"):
        Given().get("perceptual", "alex")


@pytest.mark.parametrize("kind", NAMES)
def test_talkhead_networks_do_not_judge_strangers(kind):
    with pytest.raises(Undefined) as reason:
        InstalledEvaluators(embedded=False).get(kind, TALKHEAD)
    assert (
        str(reason.value) == STRANGERS == "the talkhead networks know the faces of the embedded corpus only"
    )


@pytest.mark.parametrize(("kind", "name"), PUBLISHED)
@pytest.mark.parametrize("embedded", [True, False])
def test_an_absent_published_network_names_the_command(kind, name, embedded):
    using = InstalledEvaluators(embedded)
    for _ in range(2):
        with pytest.raises(Undefined) as reason:
            using.get(kind, name)
        loader = LOADERS[LOADED.get((kind, name), name)]
        how = "add pfld FILE" if name == "pfld" else f"fetch {loader.weights}"
        assert str(reason.value).endswith(f": bench weights {how}")


def test_a_reason_is_found_once(monkeypatch):
    tried = []

    def absent(name, in_package):
        tried.append(name)
        raise Undefined("gone fishing")

    monkeypatch.setattr(bundle, "_published", absent)
    using = InstalledEvaluators(embedded=False)
    for _ in range(3):
        with pytest.raises(Undefined, match="gone fishing"):
            using.get("perceptual", "alex")
    assert tried == ["alex"]


def test_published_networks_serve_any_corpus(monkeypatch):
    monkeypatch.setattr(bundle, "_published", lambda name, in_package: f"the {name} network")
    for embedded in (True, False):
        using = InstalledEvaluators(embedded)
        assert using.get("sync", "syncnet") == "the syncnet network"
        assert using.get("sync", "syncnet") is using.get("sync", "syncnet")


def test_one_feature_network_serves_three_kinds(features):
    using = InstalledEvaluators(embedded=True)
    found = [using.get(kind, TALKHEAD) for kind in ("video", "perceptual", "frames")]
    assert len(features) == 1
    assert found[0].network is found[1].network is found[2].network
    assert [type(network).__name__ for network in found] == [
        "TalkheadVideo",
        "TalkheadPerceptual",
        "TalkheadFrames",
    ]


def test_networks_are_built_when_asked_for_and_kept(monkeypatch):
    built = []
    monkeypatch.setitem(EMBEDDED, "identity", lambda: built.append("identity") or object())
    using = InstalledEvaluators(embedded=True)
    assert built == []
    assert using.get("identity", TALKHEAD) is using.get("identity", TALKHEAD)
    assert built == ["identity"]


def test_every_kind_has_its_embedded_network():
    assert set(EMBEDDED) | {"perceptual", "frames", "video"} == set(NAMES)
    assert all(names[0] == TALKHEAD for names in NAMES.values())


def test_a_published_network_is_known_by_one_name_of_one_kind():
    names = [LOADED.get(key, key[1]) for key in PUBLISHED]
    assert len(names) == len(set(names))
    assert set(names) == set(LOADERS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the in-domain weights' folder, of files that are short."""
    copy = tmp_path / "talkhead"
    copy.mkdir()
    for module in (feature_network, identity_network, sync_network):
        (copy / module.WEIGHTS.name).write_bytes(module.WEIGHTS.name.encode())
    monkeypatch.setattr(storage, "FOLDER", copy)
    return copy


def changed(folder: Path) -> str:
    return fingerprint(embedded=True)[TALKHEAD]


def test_the_fingerprint_changes_with_any_weights(folder):
    before = changed(folder)
    assert len(before) == 64
    seen = {before}
    for path in sorted(folder.iterdir()):
        kept = path.read_bytes()
        path.write_bytes(kept + b"!")
        seen.add(changed(folder))
        path.write_bytes(kept)
    assert len(seen) == 4
    assert changed(folder) == before


def test_the_fingerprint_changes_with_a_name_and_not_with_a_manifest(folder):
    before = changed(folder)
    (folder / "sync.json").write_text("{}")
    assert changed(folder) == before
    shutil.move(folder / "sync.safetensors", folder / "other.safetensors")
    assert changed(folder) != before


def test_the_fingerprint_changes_with_the_mouth_reader(folder, tmp_path, monkeypatch):
    from privtalk.metrics.evaluators.talkhead import mouth_opening

    before = changed(folder)
    other = tmp_path / mouth_opening.WEIGHTS.name
    other.write_bytes(mouth_opening.WEIGHTS.read_bytes() + b"!")
    monkeypatch.setattr(mouth_opening, "WEIGHTS", other)
    assert changed(folder) != before


def test_other_corpora_are_judged_by_what_is_installed(folder, tmp_path, monkeypatch):
    from dataclasses import replace

    from privtalk.metrics.weights import catalogue

    assert fingerprint(embedded=False) == {}
    entry = replace(CATALOGUE["syncnet"], sha256=None, size=None)
    monkeypatch.setitem(catalogue.CATALOGUE, "syncnet", entry)
    (tmp_path / "file").write_bytes(b"weights")
    note = add("syncnet", tmp_path / "file").note
    assert fingerprint(embedded=False) == {"syncnet": note.sha256}
    assert set(fingerprint(embedded=True)) == {TALKHEAD, "syncnet"}


def test_recorded_people_are_judged_by_what_a_package_holds_and_embedded_ones_only_when_asked(
    folder, tmp_path, monkeypatch
):
    held = tmp_path / "model.dat"
    held.write_bytes(bytes(CATALOGUE["dlib"].size))
    monkeypatch.setattr(
        store, "locate", lambda packaged: held if "recognition" in packaged.member[24:] else None
    )
    assert fingerprint(embedded=False) == {"dlib": CATALOGUE["dlib"].sha256}
    assert set(fingerprint(embedded=True)) == {TALKHEAD}
    with pytest.raises(Undefined, match="no weights of dlib: bench weights fetch dlib"):
        InstalledEvaluators(embedded=True).get("identity", "dlib")
    with pytest.raises(Undefined, match=r"model\.dat: damaged, sha256 "):
        InstalledEvaluators(embedded=False).get("identity", "dlib")
