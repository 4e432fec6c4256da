"""Inception features against pytorch-fid's own reading of PNG files, on the same random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from privtalk.metrics.evaluators.published.inception import Inception

from pytorch_fid import fid_score, inception  # isort: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of pytorch-fid's names and shapes; the weights keep the signal's size through the depth."""
    generator = torch.Generator().manual_seed(0)
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = inception.fid_inception_v3()
    state = network.state_dict()
    for name, value in state.items():
        if value.ndim == 4:
            value.copy_((2 / value[0].numel()) ** 0.5 * torch.randn(value.shape, generator=generator))
        elif name.endswith(("bn.bias", "running_mean")):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def network(weights):
    return Inception(weights)


@pytest.fixture(scope="module")
def frames():
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (3, 12, 9, 3))
    return (coarse.repeat(8, 1).repeat(8, 2) // 2 + draw.integers(0, 128, (3, 96, 72, 3))).astype(np.uint8)


def test_features_are_pytorch_fids(network, weights, frames, tmp_path, monkeypatch):
    state = torch.load(weights, weights_only=True)
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: state)
    files = [tmp_path / f"{index}.png" for index in range(len(frames))]
    for file, frame in zip(files, frames, strict=True):
        Image.fromarray(frame).save(file)
    with torch.random.fork_rng(devices=[]):
        oracle = inception.InceptionV3([3])
    theirs = fid_score.get_activations(files, oracle, batch_size=3, num_workers=0)
    ours = network(frames)
    assert ours.shape == (3, network.dim) == (3, 2048)
    assert ours.dtype == np.float32
    assert np.abs(theirs[0] - theirs[1]).mean() > 0.005, "the oracle tells these frames apart"
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_batches_do_not_matter(network, frames, monkeypatch):
    whole = network(frames)
    monkeypatch.setattr("privtalk.metrics.evaluators.published.inception.BATCH", 2)
    np.testing.assert_allclose(network(frames), whole, rtol=1e-4, atol=1e-5)


def test_nothing_is_downloaded_and_the_package_is_left_as_it_was(weights, monkeypatch):
    def download(*_, **__):
        raise AssertionError("asked for the network")

    monkeypatch.setattr(inception, "load_state_dict_from_url", download)
    before = torch.get_rng_state()
    Inception(weights)
    assert inception.load_state_dict_from_url is download
    assert torch.equal(torch.get_rng_state(), before)


def test_other_files_are_one_line(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"other\.pth: no weights of pytorch-fid's Inception \(") as refused:
        Inception(path)
    assert "\n" not in str(refused.value)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"other\.pth: no state dict of tensors"):
        Inception(path)
