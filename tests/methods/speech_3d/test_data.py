"""Speech and motion as tensors: windows, scales, and spectrograms that keep time with frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.methods.speech_3d.data import MELS_PER_FRAME, mel_of, motion_scale, stacked
from tests.methods.speech_3d.clips import clips

RATE = 16_000


@given(st.integers(1, 12), st.integers(0, 11), st.integers(0, 5))
def test_a_window_is_a_slice_of_everything(frames, start, clip):
    whole, start = clips(), min(start, 12 - frames)
    cut = whole.windows(torch.tensor([clip]), torch.tensor([start]), frames)
    now, mels = slice(start, start + frames), slice(4 * start, 4 * (start + frames))
    assert torch.equal(cut.codes[0], whole.codes[clip, now])
    assert torch.equal(cut.visemes[0], whole.visemes[clip, now])
    assert torch.equal(cut.speech.content[0], whole.speech.content[clip, now])
    assert torch.equal(cut.speech.mel[0], whole.speech.mel[clip, mels])
    for name in ("emotion", "level"):
        assert torch.equal(getattr(cut, name)[0], getattr(whole, name)[clip])
    assert cut.speech.speaker[0] == whole.speech.speaker[clip]
    assert cut.speech.frames == frames


def test_draws_are_of_all_clips_and_all_starts_and_follow_the_generator():
    whole = clips(3, 12)
    first, again = (whole.draw(400, 10, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first.codes, again.codes)
    windows = whole.codes.unfold(1, 10, 1).transpose(2, 3).flatten(0, 1)
    found = {int((windows == one).all((1, 2)).nonzero()[0, 0]) for one in first.codes}
    assert found == set(range(9))


def test_a_window_longer_than_the_clip_is_the_clip():
    assert clips(3, 12).draw(5, 50, torch.Generator()).codes.shape[1] == 12


def test_utterances_stacked_are_those_taken_apart():
    whole = clips()
    apart = [whole.windows(torch.tensor([k]), torch.tensor([0]), 12).speech for k in range(6)]
    again = stacked(apart)
    assert torch.equal(again.mel, whole.speech.mel)
    assert torch.equal(again.content, whole.speech.content)
    assert torch.equal(again.speaker, whole.speech.speaker)


def scale(codes, seed=0):
    basis = np.random.default_rng(seed).normal(size=(codes.shape[1], 8, 3)).astype(np.float32)
    return motion_scale(codes, basis, np.arange(4), np.arange(4, 8))


def test_standard_codes_have_mean_0_and_variance_1_and_come_back():
    codes = (np.random.default_rng(0).normal(size=(500, 3)) * [1, 4, 0.2] + [0, 3, -1]).astype(np.float32)
    made, plain = scale(codes), torch.from_numpy(codes)
    standard = made.standard(plain)
    assert standard.mean(0).numpy() == pytest.approx(0, abs=1e-4)
    assert standard.std(0, correction=0).numpy() == pytest.approx(1, abs=1e-4)
    assert torch.allclose(made.codes(standard), plain, atol=1e-5)


def test_a_channel_that_never_moves_stays_finite_and_still_counts_a_little():
    codes = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    codes[:, 1] = 0.5
    made = scale(codes)
    assert torch.isfinite(made.standard(torch.from_numpy(codes))).all()
    step = torch.zeros(1, 3)
    step[0, 1] = 1
    assert float(made.distance(step, torch.zeros(1, 3))) > 0


def test_a_rig_without_vertices_weighs_all_channels_alike():
    codes = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    nothing = np.zeros(0, np.intp)
    made = motion_scale(codes, np.zeros((4, 0, 3), np.float32), nothing, nothing)
    found = made.distance(torch.eye(4), torch.zeros(4, 4))
    assert found.numpy() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("fps", [25.0, 30.0])
@pytest.mark.parametrize("frame", [3, 20, 36])
def test_a_sound_at_a_frame_lights_up_the_columns_of_that_frame(fps, frame):
    audio = np.zeros(round(40 / fps * RATE), np.float32)
    first, last = (round(k / fps * RATE) for k in (frame, frame + 1))
    audio[first:last] = np.sin(2 * np.pi * 500 * np.arange(last - first) / RATE)
    loud = mel_of(audio, 40, fps).max(1)
    assert abs((int(loud.argmax()) + 0.5) / MELS_PER_FRAME - (frame + 0.5)) < 0.75
    quiet = np.ones(160, bool)
    quiet[4 * (frame - 2) : 4 * (frame + 3)] = False
    assert loud[quiet].max() < loud.max() - 1


def test_loudness_is_kept():
    audio = np.random.default_rng(0).normal(size=RATE).astype(np.float32) * 0.01
    soft, loud = mel_of(audio, 25, 25), mel_of(audio * 10, 25, 25)
    assert (loud > soft).all()
    assert (loud - soft).mean() > 1


@given(st.integers(1, 60))
def test_sound_that_ends_early_still_fills_its_frames(frames):
    mel = mel_of(np.zeros(RATE // 5, np.float32), frames, 25.0)
    assert mel.shape == (4 * frames, 32)
    assert np.isfinite(mel).all()
