"""Published speech models as the ears of the backbone: their hidden states in place of log-mel frames.

wav2vec 2.0, HuBERT and WavLM read the waveform; Whisper's encoder reads its own log-mel frames. The model is read by
transformers from a local folder, and is frozen.
"""

from __future__ import annotations

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.core import torchvision_guard as torchvision_guard  # before transformers
from privtalk.core.errors import UserError, unknown
from privtalk.core.files import file_hash
from privtalk.methods.backbone.config import ListenerConfig

FOLDER = "listener"
"""Folder of the model's files, beside the backbone's weights."""
WEIGHTS = "model.safetensors"
FILES = ("config.json", WEIGHTS, "preprocessor_config.json")
WAVEFORM = ("wav2vec2", "hubert", "wavlm")
KINDS = (*WAVEFORM, "whisper")
SAMPLE_RATE = 16_000
RATE = 50
"""States a second: all of these models fold 320 samples into one."""


class Listener(NamedTuple):
    """A loaded model."""

    config: ListenerConfig
    model: Any
    extractor: Any
    """Whisper's own log-mel frames; None for models that read the waveform."""


def describe(folder: Path, layer: int = -1) -> ListenerConfig:
    """Returns what a folder's speech model is; a `UserError` in one line where it is none that can be read."""
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        kind = str(raw["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: no speech model in transformers' format ({error}); name its folder"
        ) from error
    if kind not in KINDS:
        raise unknown("speech model", kind, KINDS)
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"{folder}: no {WEIGHTS} there; save the model as safetensors")
    dim = int(raw["d_model"] if kind == "whisper" else raw["hidden_size"])
    return ListenerConfig(
        model_type=kind, sha256=file_hash(folder / WEIGHTS), layer=layer, dim=dim, rate=RATE
    )


def keep(folder: Path, beside: Path) -> None:
    """Copies the model's files into the folder of the backbone's weights, so that these are whole."""
    (beside / FOLDER).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, beside / FOLDER / name)


@lru_cache(maxsize=1)
def open_listener(folder: Path, config: ListenerConfig) -> Listener:
    """Returns the model of a folder, which must be the one that the backbone was trained with."""
    found = describe(folder, config.layer)
    if found.sha256 != config.sha256:
        raise UserError(
            f"{folder}: another speech model than the backbone was trained with; restore its files"
        )
    import transformers

    quiet = transformers.utils.logging
    level = quiet.get_verbosity()
    quiet.set_verbosity_error()
    try:
        extractor = None
        if config.model_type == "whisper":
            model = transformers.WhisperModel.from_pretrained(str(folder), local_files_only=True).encoder
            bins = model.config.num_mel_bins
            extractor = transformers.WhisperFeatureExtractor(feature_size=bins)
        else:
            model = transformers.AutoModel.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{folder}: its speech model cannot be read ({line}); fetch it again") from error
    finally:
        quiet.set_verbosity(level)
    return Listener(config, model.eval().requires_grad_(False), extractor)


@torch.no_grad()
def states(listener: Listener, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns hidden states [round(S / 320), D] of `audio` [S] at 16 kHz, each of mean 0 and deviation 1."""
    count = max(1, round(len(audio) * listener.config.rate / SAMPLE_RATE))
    hidden = _heard_by_whisper(listener, audio) if listener.extractor is not None else _heard(listener, audio)
    chosen = hidden[listener.config.layer][0]
    standard = torch.nn.functional.layer_norm(chosen, chosen.shape[-1:])
    return _fitted(standard.numpy(), count)


def _heard(listener: Listener, audio: NDArray[np.float32]) -> tuple[Tensor, ...]:
    """States of every layer, of a waveform of mean 0 and deviation 1; padded so that the last frame has its window."""
    wave = torch.from_numpy(np.pad(audio, (40, 40 + SAMPLE_RATE // listener.config.rate)))
    wave = (wave - wave.mean()) / (wave.std() + 1e-7)
    found = listener.model(wave[None], output_hidden_states=True)
    return tuple(found.hidden_states)


def _heard_by_whisper(listener: Listener, audio: NDArray[np.float32]) -> tuple[Tensor, ...]:
    """States of every layer; Whisper hears half a minute at once, so longer sound is heard in pieces."""
    span = 30 * SAMPLE_RATE
    pieces: list[tuple[Tensor, ...]] = []
    for start in range(0, len(audio), span):
        piece = audio[start : start + span]
        frames = listener.extractor(piece, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        every = listener.model(frames, output_hidden_states=True).hidden_states
        kept = max(1, round(len(piece) * listener.config.rate / SAMPLE_RATE))
        pieces.append(tuple(states[:, :kept] for states in every))
    return tuple(torch.cat(layer, dim=1) for layer in zip(*pieces, strict=True))


def _fitted(found: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The states as many as asked for: cut, or the last one repeated."""
    return found[np.clip(np.arange(count), 0, len(found) - 1)].astype(np.float32)
