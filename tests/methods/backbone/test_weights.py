from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from privtalk.core.files import file_hash
from privtalk.core.tensor_files import tensor_bytes
from privtalk.methods.backbone import weights
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

PROVENANCE = {"data": {}, "recipe": {}, "curves": {"denoiser": [(50, 0.5)]}, "validation": {}}


def test_saved_weights_come_back_in_half_precision(backbone: Backbone, tmp_path: Path) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    loaded = weights.load(tmp_path)
    assert loaded.config == backbone.config
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in backbone.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


def test_a_damaged_file_is_refused_by_name(backbone: Backbone, tmp_path: Path) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    path = tmp_path / weights.WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"backbone\.safetensors: sha256 differs"):
        weights.load(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json there; name a folder"):
        weights.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"config": 1}', "\udcff"])
def test_a_manifest_that_is_none_is_refused_in_one_line(
    backbone: Backbone, tmp_path: Path, text: str
) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    (tmp_path / weights.MANIFEST).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"manifest\.json: not a manifest") as caught:
        weights.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_manifest_alone_and_weights_of_another_network_are_refused(
    backbone: Backbone, tmp_path: Path
) -> None:
    manifest = weights.save(backbone, tmp_path, **PROVENANCE)
    assert {path.name for path in tmp_path.iterdir()} == {weights.WEIGHTS, weights.MANIFEST}
    path = tmp_path / weights.WEIGHTS
    path.write_bytes(b"no tensors")
    said = manifest.model_copy(update={"sha256": file_hash(path)})
    (tmp_path / weights.MANIFEST).write_text(said.model_dump_json())
    with pytest.raises(ValueError, match=r"safetensors: not the weights of its manifest") as caught:
        weights.load(tmp_path)
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(ValueError, match="no such file"):
        weights.load(tmp_path)


def test_weights_from_before_alignment_load_without_it_and_give_what_they_gave(tmp_path: Path) -> None:
    tiny = Backbone.tiny(alignment="spline").config
    old = Backbone.initial(tiny.model_copy(update={"alignment": "none"}), 1).freeze()
    manifest = weights.save(old, tmp_path, **PROVENANCE)
    tensors = {
        name: t for name, t in weights.read_tensors(tmp_path, manifest).items() if "synchrony" not in name
    }
    written = tensor_bytes({name: t.half() for name, t in tensors.items()})
    (tmp_path / weights.WEIGHTS).write_bytes(written)
    raw = manifest.model_dump(mode="json", exclude={"start"})
    del raw["config"]["alignment"]
    raw["sha256"] = hashlib.sha256(written).hexdigest()
    (tmp_path / weights.MANIFEST).write_text(json.dumps(raw))
    loaded = weights.load(tmp_path)
    assert loaded.aligner is None
    for name, tensor in tensors.items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor)


def test_a_widened_network_gives_what_the_narrow_one_gave(batch: Batch, tmp_path: Path) -> None:
    tiny = Backbone.tiny(alignment="spline").config
    old = Backbone.initial(tiny.model_copy(update={"alignment": "none"}), 1)
    weights.save(old, tmp_path, **PROVENANCE)
    wide = weights.widened(tmp_path, tiny, 0).freeze()
    assert wide.aligner is not None
    noisy, t = torch.randn_like(batch.latents), torch.full((len(batch),), 300)
    given = weights.load(tmp_path).predict(noisy, t, batch)
    torch.testing.assert_close(wide.predict(noisy, t, batch), given)
    with torch.no_grad():
        wide.denoiser.conv_in.weight[:, -1] += 0.1
    assert not torch.allclose(wide.predict(noisy, t, batch), given)


def test_weights_of_another_network_are_not_gone_on_from(backbone: Backbone, tmp_path: Path) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    other = backbone.config.model_copy(
        update={"autoencoder": backbone.config.autoencoder.model_copy(update={"latent_channels": 8})}
    )
    with pytest.raises(ValueError, match=r"weights of another network") as caught:
        weights.widened(tmp_path, other, 0)
    assert "\n" not in str(caught.value)


def test_weights_for_another_size_are_not_gone_on_from(backbone: Backbone, tmp_path: Path) -> None:
    """A convolution takes any size: only the manifest tells."""
    weights.save(backbone, tmp_path, **PROVENANCE)
    with pytest.raises(ValueError, match="weights for 32 pixels, not 64"):
        weights.widened(tmp_path, backbone.config.model_copy(update={"size": 64}), 0)
