"""The towers against the reference's way of reading them: window by window, on random weights."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from privtalk.metrics import Undefined
from privtalk.metrics.evaluators.crops.face_box import face_boxes
from privtalk.metrics.evaluators.published.mfcc import mfcc
from privtalk.metrics.evaluators.published.syncnet import SyncNet, SyncNetModel, face_crops, mfcc_windows
from tests.metrics.evaluators.faces68 import face

PUBLISHED = {
    "netcnnaud.0.weight": (64, 1, 3, 3),
    "netcnnaud.4.weight": (192, 64, 3, 3),
    "netcnnaud.8.weight": (384, 192, 3, 3),
    "netcnnaud.11.weight": (256, 384, 3, 3),
    "netcnnaud.14.weight": (256, 256, 3, 3),
    "netcnnaud.18.weight": (512, 256, 5, 4),
    "netcnnaud.19.running_mean": (512,),
    "netfcaud.0.weight": (512, 512),
    "netfcaud.1.running_var": (512,),
    "netfcaud.3.weight": (1024, 512),
    "netfclip.3.bias": (1024,),
    "netcnnlip.0.weight": (96, 3, 5, 7, 7),
    "netcnnlip.4.weight": (256, 96, 1, 5, 5),
    "netcnnlip.8.weight": (256, 256, 1, 3, 3),
    "netcnnlip.11.weight": (256, 256, 1, 3, 3),
    "netcnnlip.14.weight": (256, 256, 1, 3, 3),
    "netcnnlip.18.weight": (512, 256, 1, 6, 6),
    "netcnnlip.19.running_var": (512,),
}
"""Names and shapes in SyncNetModel.py of joonson/syncnet_python."""
PUBLISHED_BYTES = 54_573_114
"""Size of syncnet_v2.model."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    generator = torch.Generator().manual_seed(0)
    state = SyncNetModel().state_dict()
    for name, value in state.items():
        if value.ndim > 1:
            value.copy_((2 / value[0].numel()) ** 0.5 * torch.randn(value.shape, generator=generator))
        elif name.endswith(("bias", "running_mean")):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        elif name.endswith("running_var"):
            value.fill_(4.0)
    path = tmp_path_factory.mktemp("syncnet") / "syncnet.model"
    # The published file is of the format before zip archives.
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def network(weights):
    return SyncNet(weights)


@pytest.fixture(scope="module")
def model(weights):
    model = SyncNetModel().eval()
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model


def clip(frames, seed=0):
    draw = np.random.default_rng(seed)
    landmarks = np.stack([face((30 + 0.3 * t, 34), 22) for t in range(frames)])
    return draw.integers(0, 256, (frames, 64, 64, 3), np.uint8), landmarks


def sound(frames, seed=0):
    return (0.2 * np.random.default_rng(seed).standard_normal(frames * 640)).astype(np.float32)


def test_names_shapes_and_size_are_the_published_ones(weights):
    state = SyncNetModel().state_dict()
    assert {name: tuple(state[name].shape) for name in PUBLISHED} == PUBLISHED
    assert abs(weights.stat().st_size - PUBLISHED_BYTES) < 20_000


def test_one_pass_over_a_clip_is_the_references_over_each_window(network, model, monkeypatch):
    frames, landmarks = clip(9)
    monkeypatch.setattr("privtalk.metrics.evaluators.published.syncnet.BATCH", 2)
    ours = network.video(frames, landmarks)
    assert ours.shape == (5, 1024)
    crops = torch.from_numpy(face_crops(frames, landmarks)).float().permute(3, 0, 1, 2)
    with torch.no_grad():
        for w in range(5):
            features = model.netcnnlip(crops[None, :, w : w + 5])
            assert features.shape == (1, 512, 1, 1, 1)
            theirs = model.netfclip(features.view(1, -1))[0].numpy()
            np.testing.assert_allclose(ours[w], theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())
    assert np.abs(ours[0] - ours[4]).max() > 0.01 * np.abs(ours).max()


def test_audio_windows_are_the_references(network, model):
    audio = sound(12)
    ours = network.audio(audio, 12, 25.0)
    assert ours.shape == (8, 1024)
    cepstra = torch.from_numpy(mfcc(np.rint(audio.astype(np.float64) * 32768)).T).float()
    for w in range(12 - 5):  # where the reference ends
        with torch.no_grad():
            theirs = model.netfcaud(model.netcnnaud(cepstra[None, None, :, 4 * w : 4 * w + 20]).view(1, -1))
        np.testing.assert_allclose(ours[w], theirs[0].numpy(), rtol=1e-3, atol=1e-3)
    assert np.abs(ours[0] - ours[4]).max() > 0.01 * np.abs(ours).max()


def test_rows_of_sound_and_video_are_as_many(network):
    for count in (4, 5, 9):
        frames, landmarks = clip(count)
        rows = max(0, count - network.window + 1)
        assert network.video(frames, landmarks).shape == (rows, 1024)
        assert network.audio(sound(count), count, 25.0).shape == (rows, 1024)


def test_a_later_sound_moves_the_rows(network):
    audio = sound(20)
    np.testing.assert_allclose(mfcc_windows(audio[3 * 640 :], 17)[1], mfcc_windows(audio, 20)[4], atol=1e-5)
    assert np.abs(mfcc_windows(audio, 20)[0] - mfcc_windows(audio, 20)[4]).max() > 1


def test_it_is_undefined_at_other_rates_and_for_short_sound(network):
    with pytest.raises(Undefined, match="SyncNet reads 25 frames a second, the clip has 30"):
        network.audio(sound(10), 10, 30.0)
    with pytest.raises(Undefined, match="the sound is 410 ms shorter than its 20 frames"):
        network.audio(sound(10), 20, 25.0)
    with pytest.raises(Undefined, match="shorter"):
        network.audio(np.zeros(0, np.float32), 8, 25.0)


def test_crops_are_the_pipelines():
    """Its slices of whole pixels, padded with grey and resized, at a place where both are whole."""
    frames = np.random.default_rng(0).integers(0, 256, (1, 120, 120, 3), np.uint8)
    frames = np.stack([cv2.GaussianBlur(frames[0], (0, 0), 2)])
    landmarks = face((60, 70), 50 / 1.32)[None]
    boxes = face_boxes(landmarks)
    half, (x, y), margin = boxes.side[0] / 2, boxes.centre[0], 0.4
    padded = np.pad(frames[0][..., ::-1], ((35, 35), (35, 35), (0, 0)), constant_values=110)
    top, bottom = y + 35 - half, y + 35 + half * (1 + 2 * margin)
    left, right = x + 35 - half * (1 + margin), x + 35 + half * (1 + margin)
    whole = [round(edge) for edge in (top, bottom, left, right)]
    np.testing.assert_allclose((top, bottom, left, right), whole, atol=0.3)
    theirs = cv2.resize(padded[whole[0] : whole[1], whole[2] : whole[3]], (224, 224))
    ours = face_crops(frames, landmarks)[0]
    assert np.abs(ours.astype(float) - theirs).mean() < 2
    assert np.abs(ours.astype(float) - theirs[..., ::-1]).mean() > 5, "BGR"


def test_outside_the_picture_is_grey():
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    crop = face_crops(frames, face((2, 32), 30)[None])[0]
    assert (crop[:, :40] == 110).all()
    assert (crop[100, -40:] == 0).all()


def test_other_files_are_one_line(tmp_path):
    torch.save({"netcnnaud.0.weight": torch.zeros(1)}, tmp_path / "other.model")
    with pytest.raises(ValueError, match=r"other\.model: no weights of SyncNet \(") as refused:
        SyncNet(tmp_path / "other.model")
    assert "\n" not in str(refused.value)
