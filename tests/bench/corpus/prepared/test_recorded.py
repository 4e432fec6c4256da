"""Prepared videos play the same roles as the embedded corpus, within what they have."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip
from privtalk.bench.corpus.opening import open_population, recorded_settings
from privtalk.bench.corpus.partition import partition
from privtalk.bench.corpus.population import check_disjoint
from privtalk.bench.corpus.prepared.provenance import Provenance, write_provenance
from privtalk.bench.corpus.prepared.recorded import RecordedPopulation, deal, survey
from privtalk.bench.corpus.prepared.store import Index, read_index, save_identity, write_index
from privtalk.bench.corpus.spec import CorpusSpec, PartitionSpec
from privtalk.core.errors import UserError

SPEC = CorpusSpec.model_validate(
    {
        "name": "recorded-x",
        "version": 0,
        "size": 32,
        "clients": 4,
        "heldout": 2,
        "tested": 4,
        "attacked": 4,
        "train": {"clips": 3, "frames": 8},
        "test": {"clips": 1, "frames": 12},
        "fresh": {"clips": 2, "frames": 4},
    }
)


def clip(identity: str, utterance: str, frames: int) -> Clip:
    """Frame t is grey level t, sample s of its sound is s, landmark i lies at (t, i): cuts can be recognised."""
    times = np.arange(frames)
    pixels = np.broadcast_to(times[:, None, None, None], (frames, 64, 64, 3)).astype(np.uint8)
    points = np.stack(np.broadcast_arrays(times[:, None], np.arange(68)), -1).astype(np.float32)
    samples = round(frames * SAMPLE_RATE / 25)
    return Clip(
        frames=pixels.copy(),
        audio=(np.arange(samples) / samples).astype(np.float32),
        fps=25.0,
        landmarks=points,
        identity=identity,
        utterance=utterance,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six people with footage enough, one with too little."""
    root = tmp_path_factory.mktemp("prepared")
    for k in range(6):
        save_identity(root / f"person {k}", [clip(f"person {k}", "a", 40), clip(f"person {k}", "b", 25)])
    save_identity(root / "brief", [clip("brief", "a", 20)])
    return root


@pytest.fixture
def population(folder):
    return RecordedPopulation(folder, SPEC)


def test_roles_are_filled_and_disjoint(population):
    groups = {role: population.people(role) for role in ("public", "clients", "heldout")}
    assert {role: len(people) for role, people in groups.items()} == {"public": 0, "clients": 4, "heldout": 2}
    check_disjoint(groups)
    assert "brief" not in {person.name for people in groups.values() for person in people}


def test_windows_never_overlap(folder):
    dealt = deal(read_index(folder / "person 0"), SPEC)
    assert {purpose: len(windows) for purpose, windows in dealt.items()} == {
        "train": 3,
        "test": 1,
        "fresh": 2,
    }
    used = [
        (w.file, frame)
        for windows in dealt.values()
        for w in windows
        for frame in range(w.start, w.start + w.frames)
    ]
    assert len(used) == len(set(used)) == 3 * 8 + 12 + 2 * 4


def test_clips_are_cut_where_the_windows_say(population, folder):
    person = population.people("clients")[0]
    for purpose, windows in deal(read_index(folder / person.name), SPEC).items():
        clips = population.clips(person, purpose)
        assert len(clips) == len(windows)
        for cut, window in zip(clips, windows, strict=True):
            assert cut.frames.shape == (window.frames, 32, 32, 3)
            assert cut.frames[:, 0, 0, 0].tolist() == list(range(window.start, window.start + window.frames))
            assert np.allclose(
                cut.landmarks[:, 7], [[t / 2, 3.5] for t in range(window.start, window.start + window.frames)]
            )
            length = read_index(folder / person.name).clips[window.file].length
            assert len(cut.audio) == window.frames * 640
            assert cut.audio[0] == pytest.approx(window.start / length, abs=1e-3)


def test_groups_cover_every_use_once(population):
    uses = [(person.name, group.purpose) for group in population.groups() for person in group.people]
    assert len(uses) == len(set(uses)) == 3 * 4 + 2 * 2


def test_survey_tells_what_there_is_and_why_some_are_left_out(folder):
    wanted = SPEC.model_copy(update={"clients": 100, "heldout": 50})
    found = survey(folder, wanted)
    assert (found.clients, found.heldout) == (4, 2)
    assert found.refused == {"brief": "20 frames (longest clip 20), 28 needed"}
    assert survey(folder, wanted).digest == found.digest


def test_too_few_people_are_refused_with_reasons(tmp_path):
    for k in range(3):
        save_identity(tmp_path / f"p{k}", [clip(f"p{k}", "a", 60)])
    save_identity(tmp_path / "brief", [clip("brief", "a", 5)])
    with pytest.raises(
        ValueError, match=r"3 people with enough footage, at least 4 are needed.*brief: 5 frames"
    ):
        survey(tmp_path, SPEC)


def test_a_damaged_clip_is_named_with_the_way_out(tmp_path):
    for k in range(4):
        save_identity(tmp_path / f"p{k}", [clip(f"p{k}", "a", 60)])
    (tmp_path / "p2" / "a.npz").write_bytes(b"cut")
    population = RecordedPopulation(
        tmp_path, SPEC.model_copy(update={"clients": 2, "tested": 2, "attacked": 2})
    )
    people = [*population.people("clients"), *population.people("heldout")]
    with pytest.raises(ValueError, match=r"p2/a\.npz: its sha256 is not.*run bench data prepare again"):
        population.clips(next(person for person in people if person.name == "p2"), "fresh")


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(ValueError, match=r"no prepared clips there; make them with: bench data prepare"):
        survey(tmp_path, SPEC)


def test_the_least_is_dealt_before_anybody_has_more():
    index = Index.model_validate(
        {"identity": "x", "clips": {"a.npz": {"sha256": "", "length": 29, "size": 64, "fps": 25.0}}}
    )
    assert {p: len(w) for p, w in deal(index, SPEC).items()} == {"train": 1, "test": 1, "fresh": 2}


# A run starts from people who are who they are said to be, and from no footage twice


def grain(identity: str, utterance: str, frames: int = 40, grain_of: str | None = None) -> Clip:
    """A clip whose pictures are its own, or those of `grain_of` whatever it is called."""
    seed = int.from_bytes((grain_of or identity + utterance).encode())
    plain = clip(identity, utterance, frames)
    return replace(plain, frames=np.random.default_rng(seed).integers(0, 255, (frames, 16, 16, 3), np.uint8))


@pytest.fixture
def crowd(tmp_path):
    """Eight people with footage enough."""
    for k in range(8):
        save_identity(tmp_path / f"p{k}", [grain(f"p{k}", "a"), grain(f"p{k}", "b")])
    return tmp_path


def settled(folder) -> CorpusSpec:
    """The settings that a folder determines."""
    return SPEC.model_copy(update=recorded_settings(folder, SPEC.model_copy(update={"clients": 100})))


def test_survey_and_population_count_the_same_people(crowd):
    spec = settled(crowd)
    population = open_population(spec, crowd)
    assert (spec.clients, spec.heldout) == (6, 2)
    assert [len(population.people(role)) for role in ("clients", "heldout")] == [6, 2]


def test_folders_that_claim_one_identity_are_refused_by_name(crowd):
    for k in range(1, 8):
        index = read_index(crowd / f"p{k}")
        write_index(crowd / f"p{k}", "p0", index.clips)
    with pytest.raises(ValueError, match=r"p1: its index\.json says that it is identity 'p0'"):
        settled(crowd)
    with pytest.raises(ValueError, match=r"p1: its index"):
        RecordedPopulation(crowd, SPEC).people("clients")


def test_a_folder_copied_by_hand_is_refused_by_name(crowd):
    shutil.copytree(crowd / "p3", crowd / "p3 (copy)")
    with pytest.raises(ValueError, match=r"p3 \(copy\): its index\.json says that it is identity 'p3'"):
        settled(crowd)


@pytest.mark.parametrize(
    ("identity", "harm"), [("p2", "trained on and tested on"), ("p9", "a member and a non-member")]
)
def test_pictures_that_stand_twice_are_refused_by_name(crowd, identity, harm):
    again = grain(identity, "z", grain_of="p2a")
    known = [grain(identity, "a"), grain(identity, "b"), again]
    save_identity(crowd / identity, known)
    with pytest.raises(
        UserError, match=rf"p2/a\.npz and .*{identity}/z\.npz show the same pictures.*{harm}.*delete"
    ):
        settled(crowd)


def test_people_without_a_role_may_show_anything(crowd):
    save_identity(
        crowd / "brief", [grain("brief", "a", 15, grain_of="x"), grain("brief", "b", 15, grain_of="x")]
    )
    assert settled(crowd).clients == 6


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_clips_that_are_gone_or_cut_are_named_before_the_run(crowd, damage):
    damage(crowd / "p4" / "b.npz")
    with pytest.raises(UserError, match=r"p4/b\.npz: not a readable clip .*run bench data prepare again"):
        settled(crowd)


def test_a_folder_that_changed_is_not_gone_on_with(crowd):
    spec = settled(crowd)
    save_identity(crowd / "p9", [grain("p9", "a"), grain("p9", "b")])
    with pytest.raises(UserError, match="has changed since the run began"):
        open_population(spec, crowd)


def test_settings_cannot_count_people_who_are_not_there(crowd):
    spec = settled(crowd)
    more = spec.model_copy(update={"heldout": 3})
    with pytest.raises(UserError, match="2 people for the role heldout, the settings count 3"):
        open_population(more, crowd)


def test_an_index_that_promises_more_frames_than_there_are_is_found_out(crowd):
    index = read_index(crowd / "p0")
    lies = {name: entry.model_copy(update={"length": 400}) for name, entry in index.clips.items()}
    write_index(crowd / "p0", "p0", lies)
    population = RecordedPopulation(crowd, SPEC.model_copy(update={"clients": 6}))
    people = [*population.people("clients"), *population.people("heldout")]
    with pytest.raises(ValueError, match=r"p0/a\.npz: it is a of p0, 40 frames .* says otherwise"):
        population.clips(next(person for person in people if person.name == "p0"), "train")


def test_recordings_keep_their_own_camera(crowd):
    phone = SPEC.model_copy(update={"camera": "phone"})
    assert phone.model_copy(update=recorded_settings(crowd, phone)).camera == "studio"


# ---- roles and attributes


def told(folder, **people):
    """Writes (role, attributes) of people into their indices."""
    for name, (role, attributes) in people.items():
        index = read_index(folder / name)
        write_index(folder / name, name, index.clips, attributes, role)


def named(population, role):
    return {person.name for person in population.people(role)}


def test_official_test_people_are_held_out_and_public_ones_are_nothing_else(crowd):
    before = settled(crowd)
    told(crowd, p1=("heldout", {}), p4=("public", {}), p6=("heldout", {}))
    spec = settled(crowd)
    population = open_population(spec, crowd)
    assert named(population, "heldout") == {"p1", "p6"}
    assert named(population, "public") == {"p4"}
    assert named(population, "clients") == {"p0", "p2", "p3", "p5", "p7"}
    assert (spec.clients, spec.heldout) == (5, 2)
    assert spec.name != before.name
    check_disjoint({role: population.people(role) for role in ("public", "clients", "heldout", "shadow")})


def test_others_fill_up_too_small_a_test(crowd):
    drawn = named(open_population(settled(crowd), crowd), "heldout")
    (other, *_) = sorted(set(map("p{}".format, range(8))) - drawn)
    told(crowd, **{other: ("heldout", {})})
    population = open_population(settled(crowd), crowd)
    assert other in named(population, "heldout")
    assert len(named(population, "heldout")) == 2


def test_more_test_people_than_are_held_out_never_train(crowd):
    told(crowd, **{f"p{k}": ("heldout", {}) for k in range(5)})
    population = open_population(settled(crowd), crowd)
    assert named(population, "clients") == {"p5", "p6", "p7"}
    assert len(named(population, "heldout")) == 2


def test_too_few_beside_those_apart_are_said(crowd):
    told(crowd, **{f"p{k}": ("public", {}) for k in range(5)})
    with pytest.raises(
        ValueError, match=r"3 people with enough footage \(5 are public beside these.*at least 4"
    ):
        settled(crowd)
    told(crowd, **{f"p{k}": ("heldout", {}) for k in range(7)})
    with pytest.raises(
        ValueError, match=r"8 people with enough footage \(7 are of the official test.*at least 4"
    ):
        settled(crowd)


def test_dealt_people_are_public_and_another_deal_is_another_corpus(crowd):
    before = settled(crowd)
    write_provenance(crowd, Provenance(public=("p2", "p5")))
    spec = settled(crowd)
    assert named(open_population(spec, crowd), "public") == {"p2", "p5"}
    assert spec.name != before.name
    write_provenance(crowd, Provenance())
    assert settled(crowd) == before


def test_attributes_split_recorded_people(crowd):
    told(crowd, **{f"p{k}": ("", {"sex": ("male", "female")[k % 2]}) for k in range(8)})
    population = open_population(settled(crowd), crowd)
    people = population.people("clients")
    assert {p.name: p.attributes["sex"] for p in people} == {
        p.name: ("male", "female")[int(p.name[1]) % 2] for p in people
    }
    spec = PartitionSpec(kind="dirichlet", attribute="sex", alpha=1e-3, people=2)
    clients = partition(spec, people, {p.name: 2 for p in people}, seed=0)
    sexes = [{int(name[1]) % 2 for name in client.people} for client in clients]
    assert sum(len(found) == 1 for found in sexes) >= 2
    assert population.clips(people[0], "train")[0].attributes["sex"] == people[0].attributes["sex"]
    with pytest.raises(ValueError, match="no attribute 'accent'; attributes: sex"):
        partition(spec.model_copy(update={"attribute": "accent"}), people, {p.name: 2 for p in people}, 0)
