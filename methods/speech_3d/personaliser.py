"""DiffusionTalker's personaliser: libraries of identity and emotion embeddings that are looked up from sound alone.

Shapes: N clips, T frames, D width, E embedding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips
from privtalk.methods.speech_3d.layers import FrameStem, TemporalBlock
from privtalk.methods.speech_3d.speech_encoder import MELS

TEMPERATURE = 0.1
LEVELS = 3
"""Levels of an emotion: 0 is neutral's."""
CONTRASTIVE = 0.05
"""Weight of the contrastive loss."""


class Looked(NamedTuple):
    """Embeddings of who speaks and how."""

    identity: Tensor
    """[N, E]."""
    emotion: Tensor
    """[N, E]."""


class VoiceQuery(nn.Module):
    """Sound -> a query for a library: convolutions over the spectrogram, and its mean and spread over time."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.stem = FrameStem(MELS, width)
        self.block = TemporalBlock(width, 1)
        self.out = nn.Linear(2 * width, out)

    def forward(self, mel: Tensor) -> Tensor:
        """[N, 4 T, M] -> [N, E]."""
        hidden = self.block(self.stem(mel))
        pooled = torch.cat([hidden.mean(1), hidden.std(1)], -1)
        query: Tensor = self.out(pooled)
        return query


class Library(nn.Module):
    """Learnt embeddings, each tied to the sound of those whom it stands for by contrast with all others."""

    def __init__(self, entries: int, network: SpeechNetwork) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.randn(entries, network.embedding) * network.embedding**-0.5)
        self.query = VoiceQuery(network.small, network.embedding)

    def scores(self, mel: Tensor) -> Tensor:
        """Returns how well each entry fits the sound [N, entries]."""
        unit = nn.functional.normalize
        return unit(self.query(mel), dim=-1) @ unit(self.entries, dim=-1).T / TEMPERATURE

    def look_up(self, mel: Tensor) -> Tensor:
        """Returns the embedding [N, E] that the sound calls for: the entries' mean, weighted by how well they fit."""
        found: Tensor = self.scores(mel).softmax(-1) @ self.entries
        return found


class Personaliser(nn.Module):
    """Who speaks and how, from the libraries, fused with what is said by cross-attention."""

    def __init__(
        self, speakers: int, emotions: int, network: SpeechNetwork, *, identity: bool, emotion: bool
    ) -> None:
        super().__init__()
        self.identity = Library(speakers, network) if identity else None
        self.emotion = Library(emotions * LEVELS, network) if emotion else None
        self.tokens = nn.Linear(network.embedding, network.width)
        self.query = nn.Linear(network.content, network.width)
        self.answer = nn.Linear(network.width, network.width)

    def look_up(self, mel: Tensor) -> Looked:
        """Returns the embeddings that the sound alone calls for; zeros where a library is left out."""
        found = [self._nothing(mel) if library is None else library.look_up(mel) for library in self._both()]
        return Looked(*found)

    def given(self, batch: MotionClips) -> tuple[Looked, Tensor]:
        """Returns the true embeddings of a batch, and the loss that ties them to its sound.

        Half of the clips have what is looked up instead, which is all that there is when nothing is known.
        """
        loss = batch.codes.new_zeros(())
        chosen = (batch.speech.speaker, batch.emotion * LEVELS + batch.level)
        found = []
        for library, number in zip(self._both(), chosen, strict=True):
            if library is None:
                found.append(self._nothing(batch.speech.mel))
                continue
            scores = library.scores(batch.speech.mel)
            loss = loss + CONTRASTIVE * nn.functional.cross_entropy(scores, number)
            heard = scores.softmax(-1) @ library.entries
            odd = (torch.arange(len(number)) % 2 == 1)[:, None]
            found.append(torch.where(odd, heard, library.entries[number]))
        return Looked(*found), loss

    def fuse(self, content: Tensor, looked: Looked) -> Tensor:
        """Returns personalised features [N, T, D]: each frame's content asks the embeddings."""
        keys = self.tokens(torch.stack([looked.identity, looked.emotion], 1))
        weights = (self.query(content) @ keys.transpose(1, 2) / keys.shape[-1] ** 0.5).softmax(-1)
        fused: Tensor = self.answer(weights @ keys)
        return fused

    def _both(self) -> tuple[Library | None, Library | None]:
        return self.identity, self.emotion

    def _nothing(self, mel: Tensor) -> Tensor:
        return mel.new_zeros(len(mel), self.tokens.in_features)
