"""Clips for tests: speech whose loudness is the jaw, three speakers, two emotions."""

from __future__ import annotations

import torch

from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.method import MotionShape, SpeechToMotion
from privtalk.methods.speech_3d.registry import find_speech_method

CHANNELS, CONTENT, VISEMES = 5, 16, 4
NETWORK = SpeechNetwork(width=16, layers=1, heads=2, content=CONTENT, small=8, embedding=8)
SHAPE = MotionShape(CHANNELS, 3, 2, VISEMES)
SCALE = MotionScale(
    mean=torch.zeros(CHANNELS),
    spread=torch.ones(CHANNELS),
    root=torch.eye(CHANNELS) / CHANNELS**0.5,
    upper=torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0]),
)


def clips(count: int = 6, frames: int = 12, seed: int = 0) -> MotionClips:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(count, frames, CHANNELS, generator=generator)
    mel = codes.repeat_interleave(4, 1).repeat(1, 1, 7)[..., :32].contiguous()
    content = torch.randn(count, frames, CONTENT, generator=generator)
    content[..., :CHANNELS] = codes
    return MotionClips(
        speech=Speech(mel=mel, content=content, speaker=torch.arange(count) % 3),
        codes=codes,
        emotion=torch.arange(count) % 2,
        level=torch.arange(count) % 2,
        visemes=torch.randint(VISEMES, (count, frames), generator=generator),
    )


def network(name: str, seed: int = 0, **options: bool) -> SpeechToMotion:
    cls = find_speech_method(name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls(SHAPE, NETWORK, cls.Options(**options))
