"""Speech models as ears, read from small folders that the tests write in transformers' own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from privtalk.core import torchvision_guard as torchvision_guard  # before transformers

import transformers  # isort: skip

from privtalk.core.errors import UserError
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.listener import FOLDER, describe, keep, open_listener, states

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def model(kind: str) -> transformers.PreTrainedModel:
    if kind == "whisper":
        config = transformers.WhisperConfig(
            d_model=16,
            encoder_layers=2,
            encoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=32,
            vocab_size=64,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
        return transformers.WhisperModel(config)
    made = {"wav2vec2": transformers.Wav2Vec2Model, "hubert": transformers.HubertModel}[kind]
    return made(made.config_class(**SMALL))


@pytest.fixture(params=["wav2vec2", "hubert", "whisper"])
def folder(request, tmp_path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(request.param).save_pretrained(tmp_path)
    return Path(tmp_path)


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(round(16_000 * seconds))
    return (0.1 * noise).astype(np.float32)


def test_there_are_fifty_states_a_second_each_of_mean_nought_and_deviation_one(folder):
    found = states(open_listener(folder, describe(folder)), sound(1.3))
    assert found.shape == (65, 16)
    np.testing.assert_allclose(found.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(1), 1, atol=1e-2)


def test_a_state_is_of_its_own_moment(folder):
    """Sound that changes late leaves early states nearer to what they were than late ones."""
    ears, first, other = open_listener(folder, describe(folder)), sound(2.0), sound(2.0, 1)
    mixed = np.concatenate([first[:24_000], other[24_000:]])
    moved = np.abs(states(ears, mixed) - states(ears, first)).mean(1)
    assert moved[:60].mean() < 0.7 * moved[80:].mean()


def test_long_sound_is_heard_whole(folder):
    assert len(states(open_listener(folder, describe(folder)), sound(31.0))) == 31 * 50


def test_a_backbone_hears_through_it_from_its_own_folder(folder, tmp_path_factory):
    beside = tmp_path_factory.mktemp("weights")
    keep(folder, beside)
    toy = Backbone.tiny().config
    audio = toy.audio.model_copy(update={"listener": describe(folder), "window": 8})
    backbone = Backbone.initial(BackboneConfig(**toy.model_dump(exclude={"audio"}), audio=audio), 0)
    with pytest.raises(ValueError, match="speech model"):
        backbone.speech_features(sound(1.0), 25, 25.0)
    backbone.listener_folder = beside / FOLDER
    assert backbone.speech_features(sound(1.0), 25, 25.0).shape == (25, audio.width)


def test_another_model_than_it_was_trained_with_is_refused(folder):
    config = describe(folder).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(UserError, match="another speech model"):
        open_listener(folder, config)


@pytest.mark.parametrize("fault", ["empty", "kind", "no weights"])
def test_a_folder_that_holds_none_is_refused_in_a_line(folder, fault):
    if fault == "kind":
        (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    elif fault == "no weights":
        (folder / "model.safetensors").unlink()
    else:
        (folder / "config.json").unlink()
    with pytest.raises(UserError) as error:
        describe(folder)
    assert "\n" not in str(error.value)
