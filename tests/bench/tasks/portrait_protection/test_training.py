"""The training of attackers: made once for all rows of a seed, kept by all that it depends on, and then used."""

from __future__ import annotations

import av
import pytest
import torch

from privtalk.attacks.purification.registry import find_attacker
from privtalk.attacks.purification.training import KINDS, TrainedAttacker
from privtalk.bench.commands import run as command
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.tasks.portrait_protection import training
from privtalk.bench.tasks.portrait_protection.cast import gather
from privtalk.bench.tasks.portrait_protection.training import Lesson, open_attacker
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.methods.backbone.backbone import Backbone

WHO = ("several_photos", "learned_purifier", "realignment", "federated_adapter", "personal_adapter")
TRAINED = [f"animation.attackers=[{', '.join(WHO)}]", "animation.training_steps=2", "corpus.shadows=4"]
FIVE = "corpus.train={clips: 1, frames: 5}"


@pytest.fixture(scope="module")
def attacked(owners_request, tmp_path_factory):
    """A run of the clean portrait and a protection, before everybody who trains."""
    request = owners_request(
        "unprotected", "silencer", out=tmp_path_factory.mktemp("trained") / "run", changes=(*TRAINED, FIVE)
    )
    assert command.run(request) == command.OK
    return request


def test_everybody_attacks_every_row(attacked):
    for record in RunStore(attacked.out):
        assert [variant.at["attacker"] for variant in record.variants] == list(WHO)
        assert all(v.metrics["audio_control"].estimate.value is not None for v in record.variants)


def test_what_attackers_make_of_the_first_owner_is_kept_with_its_sound(attacked):
    """Whole clips are kept of the attackers in `exhibits.HEARD` alone: here the learned purifier."""
    for record in RunStore(attacked.out):
        kept = {name: path for name, path in record.artifacts.items() if name.startswith("attacked/")}
        assert list(kept) == ["attacked/learned_purifier/clients-00000.mp4"]
        with av.open(str(attacked.out / kept["attacked/learned_purifier/clients-00000.mp4"])) as container:
            assert container.streams.video[0].frames == 20
            assert len(container.streams.audio) == 1


def test_another_row_trains_nobody_again(attacked, owners_request, tmp_path, monkeypatch, capsys):
    def never(*arguments):
        raise AssertionError("an attacker was trained again")

    monkeypatch.setattr(training, "study", never)
    request = owners_request("mist", out=tmp_path / "run", changes=(*TRAINED, FIVE))
    assert command.run(request) == command.OK
    assert "attackers' training" not in capsys.readouterr().err


@pytest.fixture
def planned(attacked):
    _, plan, _ = command.prepare(attacked)
    return {planned.cell.method: planned.cell for planned in plan.cells}


def test_rows_share_what_attackers_learned_and_seeds_do_not(planned):
    clean, protected = planned["unprotected"], planned["silencer"]
    for name in WHO[1:]:
        assert Lesson(clean, name).path == Lesson(protected, name).path
        other = protected.model_copy(update={"seed": 1})
        assert Lesson(other, name).path != Lesson(protected, name).path


CHANGES = {
    "steps": {"animation.training_steps": 3},
    "protection": {"protection.iterations": 3},
    "budget": {"animation.main_budget": 4},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_training_depends_on_is_in_its_name(what, planned, owners_request, tmp_path):
    changes = [f"{name}={value}" for name, value in CHANGES[what].items()]
    tiers = ("budget=4",) if what == "budget" else ("budget=8",)
    request = owners_request(
        "silencer", out=tmp_path / "run", changes=(*TRAINED, FIVE, *changes), tiers=tiers
    )
    _, plan, _ = command.prepare(request)
    [other] = [planned.cell for planned in plan.cells]
    on_pairs = {name for name in WHO[1:] if find_attacker(name).pairs}
    moved = {name for name in WHO[1:] if Lesson(other, name).path != Lesson(planned["silencer"], name).path}
    assert moved == (set(WHO[1:]) if what == "steps" else on_pairs)


def test_pairs_are_shared_by_those_who_train_on_them_and_told_apart_by_kind(planned):
    cell = planned["silencer"]
    paths = {
        kind: {Lesson(cell, name, kind).path for name in ("learned_purifier", "realignment")}
        for kind in KINDS
    }
    assert all(len(found) == 1 for found in paths.values())
    assert len(set.union(*paths.values())) == len(KINDS)


def test_an_attacker_holds_what_was_trained(planned):
    cell = planned["silencer"]
    who = open_attacker("personal_adapter", cell)
    assert isinstance(who, TrainedAttacker)
    assert who.learned["adapters"].shape[0] == 3
    assert not isinstance(open_attacker("jpeg_75", cell), TrainedAttacker)


LACKING = {
    "pairs": (
        ("animation.attackers=[blur, learned_purifier, realignment, federated_adapter]", "corpus.shadows=3"),
        "attackers learned_purifier, realignment need shadow people (4 to make pairs of, else 1), and the corpus has "
        "3; raise corpus.shadows, or leave them out: --set 'animation.attackers=[blur, federated_adapter]'",
    ),
    "anybody": (
        ("animation.attackers=[personal_adapter]", "corpus.shadows=0"),
        "attackers personal_adapter need shadow people",
    ),
    "frames": (
        ("animation.attackers=[jpeg_75, learned_purifier, personal_adapter]", "corpus.shadows=4"),
        "attackers personal_adapter train on windows of 3 frames, and corpus.train has 2; raise corpus.train.frames",
    ),
}


@pytest.mark.parametrize("what", LACKING)
def test_what_attackers_cannot_train_on_is_said_before_anything_is_made(what, owners_request, tmp_path):
    changes, said = LACKING[what]
    request = owners_request("silencer", out=tmp_path / "run", changes=changes)
    with pytest.raises(UserError) as caught:
        command.run(request)
    assert said in str(caught.value)
    assert not list(RunStore(request.out))


def test_a_single_owner_has_no_other_speech(owners_request, tmp_path):
    request = owners_request("silencer", out=tmp_path / "run", changes=("corpus.tested=1",))
    with pytest.raises(UserError, match="the other speech of an owner is another owner's; test at least 2"):
        command.run(request)


def test_the_encoders_training_is_nobodys_purifiers(planned):
    cell = planned["silencer"]
    other = cell.model_copy(update={"purifier": ""})
    assert Lesson(cell, "realignment").path == Lesson(other, "realignment").path
    assert Lesson(cell, "learned_purifier").path != Lesson(other, "learned_purifier").path


def test_further_photos_are_of_the_same_clip_and_protected_alike(planned):
    cell = planned["silencer"]
    population = open_population(cell.corpus, None)
    cast = gather(cell, population, Backbone.tiny())
    [more] = cast.further
    assert more.names == tuple(f"{name}/1" for name in cast.people)
    for k, person in enumerate(population.people("clients")[:3]):
        last = population.clips(person, "train")[0].frames[-1]
        assert torch.equal(more.photos[k], torch.from_numpy(last))
    published = cast.published(cast.photos, 1, 8.0, cast.further)
    assert torch.equal(published.others[0].photos, more.photos)
    assert torch.equal(published.others[0].landmarks, more.points)
    alone = cell.model_copy(update={"attackers": ("jpeg_75",)})
    assert gather(alone, population, Backbone.tiny()).further == ()
