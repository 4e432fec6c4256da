"""`bench pretrain` on a prepared corpus: mistakes in a line, and the path from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from privtalk.bench.commands.pretrain import PretrainRequest, pretrain, recipe_of, validation_table
from privtalk.bench.corpus.prepared.provenance import Provenance, write_provenance
from privtalk.bench.corpus.prepared.store import save_identity
from privtalk.bench.networks import find_network
from privtalk.bench.pretraining.ranks import joined, processes
from privtalk.core.errors import UserError
from privtalk.methods.backbone import weights
from tests.bench.pretraining.test_recorded_pool import filmed

PEOPLE = ("ann", "bob", "cyd")


def asked(tmp_path: Path, **changes: object) -> PretrainRequest:
    return PretrainRequest(
        **{"part": "all", "out": tmp_path / "weights", "size": 64, "preset": "tiny", **changes}
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    root: Path = tmp_path_factory.mktemp("corpus")
    for name in PEOPLE:
        save_identity(root / name, [filmed(name, n) for n in range(2)])
    write_provenance(root, Provenance(public=("ann", "bob")))
    return root


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"part": "decoder"}, "unknown part 'decoder'"),
        ({"preset": "large"}, "unknown preset 'large'"),
        ({"part": "sync", "start": Path("embedded")}, "--from is of the backbone, sync is none"),
        ({"part": "autoencoder", "start": Path("embedded")}, "--from brings an autoencoder"),
        ({"corpus": Path("x"), "people": 4}, "--people counts rendered people"),
        ({"held_back": ("ann",)}, "--hold-back is for people of a prepared corpus"),
        ({"guises": 2}, "--guises is for people of a prepared corpus"),
        ({"rehearse": 2}, "--rehearse is for people of a prepared corpus"),
        ({"preset": "difftalk"}, "--preset difftalk takes a published autoencoder"),
        ({"size": 72}, "multiple of"),
        ({"changes": ("denoiser.steps=3",)}, "unknown setting 'denoiser'"),
        ({"changes": ("recipe.denoiser.step=3",)}, "denoiser.step: Extra inputs"),
        ({"changes": ("config.size=128",), "start": Path("embedded")}, "--from keeps the network"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"memory": "8"}, "--memory 8: write a number"),
        ({"memory": "300MiB"}, "the stage autoencoder takes .* MiB, the bound is 300; give more"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_trained(tmp_path, changes, line):
    with pytest.raises(UserError, match=line) as error:
        pretrain(asked(tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_folder_without_public_people_says_how_to_deal_them(tmp_path, corpus):
    write_provenance(corpus, Provenance())
    try:
        with pytest.raises(UserError, match="bench data prepare SRC -o DST --public N"):
            pretrain(asked(tmp_path, corpus=corpus))
    finally:
        write_provenance(corpus, Provenance(public=("ann", "bob")))


def test_settings_change_network_and_recipe(tmp_path):
    changes = ("config.denoiser.heads=1", "recipe.denoiser.steps=7")
    config, recipe = recipe_of(asked(tmp_path, changes=changes))
    assert (config.denoiser.heads, recipe.denoiser.steps) == (1, 7)


def test_on_a_prepared_corpus_the_autoencoder_goes_on_too(tmp_path):
    def steps(**changes: object) -> int:
        return recipe_of(asked(tmp_path, **changes))[1].further_autoencoder.steps

    assert steps(start=Path("embedded")) == 0
    assert steps(corpus=Path("x")) == 0
    assert steps(start=Path("embedded"), corpus=Path("x")) > 0


def test_processes_are_what_torchrun_says(monkeypatch):
    assert processes() == (0, 1, 0)
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert processes() == (1, 4, 1)
    monkeypatch.setenv("RANK", "4")
    with pytest.raises(UserError, match="RANK 4 is not among 4 processes"):
        processes()


def test_alone_it_computes_as_it_is_told():
    with joined("cpu", "bfloat16", True) as compute:
        assert (compute.precision, compute.recomputes, compute.ranks) == ("bfloat16", True, 1)


def test_from_a_corpus_to_weights_that_go_on(tmp_path, corpus, monkeypatch, capsys):
    """The weights say whom they know, what they were, and pictures show them; a second call goes on from them."""
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    short = tuple(f"recipe.{stage}.steps=20" for stage in ("autoencoder", "denoiser", "further"))
    first = asked(tmp_path, corpus=corpus, guises=2, changes=short)
    pretrain(first)
    manifest = weights.load_manifest(first.out)
    assert set(manifest.data["people"]) | set(manifest.data["held_back"]) == {"ann", "bob"}
    assert find_network(str(first.out)).seen == set(manifest.data["people"])
    assert (manifest.before, set(manifest.curves)) == (None, {"autoencoder", "denoiser"})
    assert (first.out / "pictures" / "denoiser-000020.jpg").is_file()
    assert not (first.out / "checkpoints" / "frames.u8").exists()
    on = (*short, "recipe.further_autoencoder.steps=5", "recipe.further.learning_rate=0.1")
    second = asked(tmp_path / "next", corpus=corpus, start=first.out, changes=on)
    pretrain(second)
    later = weights.load_manifest(second.out)
    assert later.before is not None
    first_psnr = manifest.validation["zero_shot/psnr"]
    assert later.before["zero_shot/psnr"] == pytest.approx(first_psnr, abs=0.05)
    assert abs(later.validation["zero_shot/psnr"] - first_psnr) > 0.1, (
        "it did not move: the test says nothing"
    )
    assert set(later.curves) == {"further_autoencoder", "further"}
    assert len(validation_table(later).rows) > 3
    assert "use it with: bench run" in capsys.readouterr().out.replace("\n", " ")


def test_a_folder_of_another_training_is_refused(tmp_path, corpus, monkeypatch):
    """Checkpoints of other people, of another size or recipe are nobody else's: the manifest would tell a lie."""
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    short = tuple(f"recipe.{stage}.steps=2" for stage in ("autoencoder", "denoiser"))
    first = asked(tmp_path, corpus=corpus, changes=short)
    pretrain(first)
    for other, name in (
        ({"held_back": ("cyd",)}, "people"),
        ({"size": 32}, "network, people|network"),
        ({"changes": (*short, "recipe.denoiser.batch=4")}, "recipe"),
    ):
        with pytest.raises(UserError, match=f"holds another training .another ({name})") as error:
            pretrain(replace(first, **other))
        assert "\n" not in str(error.value)
    pretrain(first)
    (first.out / "checkpoints" / "training.json").unlink()
    with pytest.raises(UserError, match="checkpoints that do not say of what"):
        pretrain(first)


def test_clips_are_not_enlarged(tmp_path, corpus):
    with pytest.raises(UserError, match="clips are 64 pixels a side, --size 128 asks for more"):
        pretrain(asked(tmp_path, corpus=corpus, size=128))
