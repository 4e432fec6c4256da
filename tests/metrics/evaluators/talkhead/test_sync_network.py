"""Windows of frames beside windows of sound, and encoders that learn which brightness sounds how."""

import numpy as np
import pytest
import torch

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.crops.mouth_crop import COLUMNS, ROWS
from privtalk.metrics.evaluators.fitting.sync_fitting import SyncConfig, SyncProblem, matching
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.speech_features import BINS
from privtalk.metrics.evaluators.talkhead.storage import save_network
from privtalk.metrics.evaluators.talkhead.sync_network import (
    DIM,
    LENGTH,
    SPAN,
    SyncEncoders,
    TalkheadSync,
    stacked,
)
from tests.metrics.evaluators.faces68 import face
from tests.metrics.evaluators.problems import check_named_draws, losses, stream


def test_windows_are_five_successive_images_each():
    images = torch.randn(9, 3, 4, 6, generator=stream("images"))
    windows = stacked(images)
    assert windows.shape == (9 - SPAN + 1, 3 * SPAN, 4, 6)
    for w in range(len(windows)):
        assert torch.equal(windows[w], torch.cat(list(images[w : w + SPAN])))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Random weights, as good as any for shapes and invariances."""
    path = tmp_path_factory.mktemp("sync") / "sync.safetensors"
    save_network(initialised(SyncEncoders(), stream("weights")), path, {})
    return TalkheadSync(path)


def clip(count=30):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (count, 64, 64, 3), np.uint8)
    return frames, np.stack([face()] * count), rng.normal(0, 0.1, count * 640).astype(np.float32)


def test_as_many_windows_are_seen_as_heard(network):
    frames, landmarks, audio = clip()
    seen, heard = network.video(frames, landmarks), network.audio(audio, 30, 25.0)
    assert seen.shape == heard.shape == (26, DIM)
    for rows in (seen, heard):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_window_is_read_alike_wherever_it_stands(network):
    frames, landmarks, audio = clip()
    seen, heard = network.video(frames, landmarks), network.audio(audio, 30, 25.0)
    np.testing.assert_allclose(network.video(frames[6:20], landmarks[6:20]), seen[6:16], atol=1e-4)
    inside = network.audio(audio[6 * 640 : 20 * 640], 14, 25.0)
    np.testing.assert_allclose(inside[3:7], heard[9:13], atol=1e-4)


def test_light_does_not_change_what_is_seen(network):
    frames, landmarks, _ = clip()
    dim = frames // 2 + 20
    np.testing.assert_allclose(
        network.video(dim, landmarks), network.video(2 * (dim - 20) + 0, landmarks), atol=0.02
    )


def test_other_rates_have_no_value(network):
    with pytest.raises(Undefined, match="reads 25 frames a second, the clip has 30"):
        network.audio(np.zeros(16_000, np.float32), 30, 30.0)


def test_matching_is_the_cross_entropy_of_the_diagonal():
    scores = torch.randn(5, 5, generator=stream("scores"), dtype=torch.float64)
    rows = scores.diagonal() - scores.logsumexp(1)
    columns = scores.diagonal() - scores.logsumexp(0)
    assert matching(scores).item() == pytest.approx(-(rows + columns).mean().item() / 2)
    assert matching(torch.zeros(8, 8)).item() == pytest.approx(np.log(8))


def flashing(clips=4, count=10, margin=4):
    """Mouths whose left half is as bright as their sound is loud; [K, T, ...] and [K, T - 4, L, M]."""
    rng = np.random.default_rng(0)
    loud = rng.random((clips, count))
    mouths = np.full((clips, count, ROWS + margin, COLUMNS + margin, 3), 60, np.uint8)
    mouths[..., : COLUMNS // 2, :] = (60 + 180 * loud)[..., None, None, None].astype(np.uint8)
    heard = np.repeat(np.lib.stride_tricks.sliding_window_view(loud, SPAN, axis=1), 7, axis=-1)[..., :LENGTH]
    sounds = -14 + 8 * heard[..., None] * np.ones(BINS)
    return mouths, sounds.astype(np.float32)


def build(given):
    return SyncProblem(*flashing(), SyncConfig(clips=3), given)


def test_draws_are_named():
    check_named_draws(build)


def test_a_few_steps_match_sounds_to_mouths():
    found = losses(build(stream), 40, rate=1e-3)
    assert np.mean(found[-5:]) < 0.75 * np.mean(found[:5])


def test_other_times_of_the_own_clip_count_by_themselves():
    """Where all embeddings are one, each window is one of all of the batch, and one of its own clip."""
    problem = build(stream)
    same = torch.nn.functional.normalize(torch.ones(3 * 6, DIM), dim=1)
    problem._seen = lambda chosen, draw: same
    problem._heard = lambda chosen, draw: same
    assert problem.loss(0).item() == pytest.approx(np.log(18) + np.log(6), rel=1e-5)
