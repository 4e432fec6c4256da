"""Weights on disk: half precision there and back, a manifest that names their hash, and one line about damage."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import nn

from privtalk.core.files import file_hash
from privtalk.metrics.evaluators.talkhead.storage import load_network, save_network, to_images


class Little(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(3, width)
        self.register_buffer("centre", torch.arange(4.0))


def little(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Little()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "deep" / "little.safetensors"
    save_network(little(), path, {"fitted": "by hand", "heldout": {"auc": 0.5}})
    return path


def test_what_was_saved_is_loaded_to_half_precision(saved):
    found = load_network(little(1), saved)
    for name, tensor in little().state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor.half().float())
        assert found.state_dict()[name].dtype == torch.float32


def test_a_loaded_network_is_frozen(saved):
    found = load_network(little(1), saved)
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())


def test_saving_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    save_network(load_network(little(1), saved), tmp_path / "again.safetensors", {})
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_the_manifest_names_the_weights_and_how_they_came_about(saved):
    manifest = json.loads(saved.with_suffix(".json").read_text())
    assert manifest == {
        "weights": "little.safetensors",
        "sha256": hashlib.sha256(saved.read_bytes()).hexdigest(),
        "fitted": "by hand",
        "heldout": {"auc": 0.5},
    }
    assert file_hash(saved) == manifest["sha256"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(b"\xff" * 64),
        lambda path: path.write_bytes(b"PK\x03\x04 no tensors"),
    ],
    ids=["absent", "empty", "cut", "noise", "another format"],
)
def test_damage_is_one_line_with_the_way_out(saved, damage):
    damage(saved)
    with pytest.raises(
        ValueError, match=r"no Little \(.*\); make it with: bench pretrain evaluators$"
    ) as told:
        load_network(Little(), saved)
    assert str(told.value).startswith(f"{saved}: ")
    assert "\n" not in str(told.value)


def test_weights_of_another_shape_are_refused_in_one_line(saved):
    with pytest.raises(ValueError, match="no Little") as told:
        load_network(Little(width=5), saved)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pictures_become_images_channel_first(kind):
    crops = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(kind)
    images = to_images(crops[:, ::-1])
    assert images.shape == (2, 3, 4, 5)
    assert images.dtype == torch.float32
    assert images[1, 2, 0, 4] == crops[1, 3, 4, 2]
