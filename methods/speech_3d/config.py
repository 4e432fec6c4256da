"""How networks from speech to motion are built and trained: what is equal for all of them, so that they compare."""

from __future__ import annotations

from pydantic import Field

from privtalk.core.frozen import Frozen


class SpeechTraining(Frozen):
    """Training that all rows share."""

    steps: int = Field(1200, ge=1)
    """Steps of a network that learns from the corpus."""
    distillation_steps: int = Field(300, ge=1)
    """Steps of each halving of a student's steps."""
    encoder_steps: int = Field(600, ge=1)
    """Steps of the frozen speech encoder, which learns visemes from public voices."""
    batch: int = Field(32, ge=2)
    frames: int = Field(50, ge=8)
    """Frames of a training window."""
    rate: float = Field(1.5e-3, gt=0)
    """Adam's largest rate, after a short rise and before a cosine fall to 0."""


class SpeechNetwork(Frozen):
    """Widths that all rows share."""

    width: int = Field(96, ge=16, multiple_of=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    content: int = Field(96, ge=8)
    """Numbers a frame of the frozen speech encoder."""
    small: int = Field(48, ge=8)
    """Width of the student's own encoder."""
    embedding: int = Field(32, ge=4)
    """Width of identity and emotion embeddings."""
