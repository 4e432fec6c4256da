"""The corpus `embedded_3d`: embedded people who speak in seven moods, as motion codes and exact vertices.

Speakers are the clients of the embedded corpus and strangers its held-out people, with the same voices and habits of
moving; nothing is rendered.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from privtalk.bench.corpus.clip import FPS, SAMPLE_RATE
from privtalk.bench.corpus.mesh.clip import MeshClip, MeshRole
from privtalk.bench.corpus.population import Role, identity_name
from privtalk.bench.corpus.rendered import motion
from privtalk.bench.corpus.rendered.embedded import FRAME_SAMPLES, Character, character, cut
from privtalk.bench.corpus.rendered.emotion import EMOTIONS, NEUTRAL, Mood
from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS, codes_of
from privtalk.bench.corpus.speech import sentences
from privtalk.bench.corpus.speech import voices as speech
from privtalk.core.frozen import Frozen

NAME = "embedded_3d"
VERSION = 1
"""Raise it whenever clips of the same spec change."""
CONDITIONS: tuple[tuple[str, int], ...] = (
    (NEUTRAL, 0),
    *((emotion, level) for emotion in EMOTIONS if emotion != NEUTRAL for level in (1, 2)),
)
"""Neutral, and six emotions at two levels: 13 conditions."""


class MeshCorpusSpec(Frozen):
    """How much of the corpus there is."""

    name: str = NAME
    seed: int = 0
    speakers: int = Field(200, ge=2, le=4096)
    """People in training; their first `tested` are tested with new sentences."""
    clips: int = Field(4, ge=1, le=1000)
    """Training clips of each speaker."""
    tested: int = Field(40, ge=1, le=4096)
    test_clips: int = Field(2, ge=1, le=1000)
    strangers: int = Field(10, ge=0, le=4096)
    """Speakers whom nobody trained on, tested with as many clips."""
    frames: int = Field(100, ge=25, le=2000)
    """Frames of a clip, at 25 a second."""
    streams: int = Field(12, ge=2, le=200)
    """Motion streams of a test sentence whose mean is the conditional mean: the best answer that speech allows."""
    hash: str = ""
    """The hash of a prepared corpus; empty for the embedded one."""


def condition(index: int, purpose: str, number: int, clips: int) -> tuple[str, int]:
    """Returns the emotion and level of a person's clip: neutral and all emotions take turns, over clips and people.

    >>> [condition(0, "train", k, 4) for k in range(3)]
    [('neutral', 0), ('happy', 1), ('happy', 2)]
    """
    first = index * clips + (0 if purpose == "train" else 5)
    return CONDITIONS[(first + number) % len(CONDITIONS)]


def mood_of(person: Character, emotion: str, level: int) -> Mood:
    """Returns a feeling as a person shows it: some show more than others."""
    factor = float(person.stream("expressiveness").uniform(0.7, 1.3))
    return Mood(emotion, level, factor)


def speakers(spec: MeshCorpusSpec, role: MeshRole) -> list[Character]:
    """Returns who speaks in a role's clips."""
    who: Role = "heldout" if role == "strangers" else "clients"
    count = {"train": spec.speakers, "test": min(spec.tested, spec.speakers), "strangers": spec.strangers}[
        role
    ]
    return [character(spec.seed, who, index) for index in range(count)]


def clips_of(spec: MeshCorpusSpec, role: MeshRole, person: Character) -> list[MeshClip]:
    """Returns a person's clips in a role."""
    purpose, count = ("train", spec.clips) if role == "train" else ("test", spec.test_clips)
    moods = [condition(person.index, purpose, number, count) for number in range(count)]
    return [speak(person, purpose, k, spec.frames, *mood)[0] for k, mood in enumerate(moods)]


def speak(
    person: Character, purpose: str, number: int, frames: int, emotion: str, level: int, streams: int = 0
) -> tuple[MeshClip, NDArray[np.float32]]:
    """Returns a person's clip of a sentence, and the motion codes [streams, T, 21] of the same sentence said again
    with other blinks, glances and raises of the brows.
    """
    mood = mood_of(person, emotion, level)
    utterance, start = _say(person, purpose, number, frames, mood)
    style = replace(person.style, articulation=person.style.articulation * mood.articulation)
    made = []
    for take in range(1 + streams):
        whole = motion.perform(
            utterance,
            math.floor(utterance.duration * FPS),
            person.stream("mesh", purpose, number, "motion", take),
            style,
        )
        lifted = replace(whole, brows=np.clip(whole.brows + np.float32(mood.brow), -1, 1))
        made.append(cut(lifted, start, frames))
    samples = slice(start * FRAME_SAMPLES, (start + frames) * FRAME_SAMPLES)
    clip = MeshClip(
        codes=codes_of(made[0], mood),
        audio=utterance.audio[samples],
        fps=FPS,
        identity=person.name,
        sentence=utterance.text,
        visemes=made[0].visemes.argmax(1).astype(np.int64),
        emotion=emotion,
        level=level,
    )
    again = [codes_of(performance, mood) for performance in made[1:]]
    return clip, np.stack(again) if again else np.zeros((0, frames, len(CHANNELS)), np.float32)


def _say(
    person: Character, purpose: str, number: int, frames: int, mood: Mood
) -> tuple[speech.Utterance, int]:
    """An utterance in a mood that is long enough for the clip, and the frame at which the clip starts."""
    rng = person.stream("mesh", purpose, number, "words")
    voice, text = mood.voice(person.voice), ""
    while True:
        text = f"{text} {sentences.sentence(rng)}".strip()
        utterance = speech.speak(text, voice)
        spoken = [phoneme for phoneme in utterance.phonemes if phoneme.symbol != speech.SILENCE]
        first = math.floor(spoken[0].start * FPS)
        last = min(math.ceil(spoken[-1].end * FPS), math.floor(utterance.duration * FPS)) - frames
        if last >= first:
            louder = np.float32(10 ** (mood.decibels / 20))
            start = int(rng.integers(first, last + 1))
            return replace(utterance, audio=np.clip(utterance.audio * louder, -1, 1)), start


__all__ = ["CHANNELS", "CONDITIONS", "NAME", "SAMPLE_RATE", "MeshCorpusSpec", "clips_of", "condition",
           "identity_name", "mood_of", "speak", "speakers"]  # fmt: skip
