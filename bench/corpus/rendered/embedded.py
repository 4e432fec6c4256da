"""The embedded corpus: people who exist by their number alone.

Person `index` of a role under a corpus seed has a look, a voice and a style of moving from named streams, and
says sentences from a small grammar. The same numbers give the same bytes on every run. Clients and held-out
people are drawn from one world, so that nothing but training tells them apart; the public pool's is narrower.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from privtalk.bench.corpus.clip import FPS, SAMPLE_RATE, Clip, RenderedTruth
from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.population import Purpose, Role, identity_name
from privtalk.bench.corpus.rendered import figure as figures
from privtalk.bench.corpus.rendered import look as looks
from privtalk.bench.corpus.rendered import motion, renderer
from privtalk.bench.corpus.rendered.sensor import Sensor
from privtalk.bench.corpus.speech import sentences
from privtalk.bench.corpus.speech import voices as speech
from privtalk.core.seeds import Name, numpy_stream

WORLDS: dict[Role, speech.World] = {
    "public": "public",
    "clients": "broad",
    "heldout": "broad",
    "shadow": "broad",
}

FRAME_SAMPLES = round(SAMPLE_RATE / FPS)


@dataclass(frozen=True, slots=True)
class Character:
    """An embedded person: everything that stays the same from clip to clip."""

    seed: int
    role: Role
    index: int
    look: looks.Look
    voice: speech.Voice
    style: motion.Style

    @property
    def name(self) -> str:
        return identity_name(self.role, self.index)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {**self.look.attributes(), **self.voice.attributes()}

    def stream(self, *names: Name) -> np.random.Generator:
        """A stream of this person's own."""
        return numpy_stream(self.seed, "corpus", self.role, self.index, *names)


@lru_cache(maxsize=4096)
def character(seed: int, role: Role, index: int) -> Character:
    """Person `index` of a role."""

    def stream(name: str) -> np.random.Generator:
        return numpy_stream(seed, "corpus", role, index, name)

    world = WORLDS[role]
    return Character(
        seed=seed,
        role=role,
        index=index,
        look=looks.sample_look(stream("look"), world),
        voice=speech.sample_voice(stream("voice"), world),
        style=motion.sample_style(stream("style")),
    )


def film_all(
    person: Character, purpose: Purpose, clips: int, frames: int, size: int, sensor: Sensor | None = None
) -> Iterator[Clip]:
    """The first clips of a purpose."""
    figure = figures.build(person.look)
    for number in range(clips):
        yield film(person, purpose, number, frames, size, figure, sensor)


def film(
    person: Character,
    purpose: Purpose,
    number: int,
    frames: int,
    size: int,
    figure: figures.FigureMesh | None = None,
    sensor: Sensor | None = None,
) -> Clip:
    """Clip `number` of a purpose: `frames` frames of `size` x `size` pixels, cut so that speech fills them.

    `figure`: of the person's look, where it is at hand. `sensor`: the kind of camera.
    """
    utterance, start = say(person, purpose, number, frames)
    whole = motion.perform(
        utterance,
        math.floor(utterance.duration * FPS),
        person.stream(purpose, number, "motion"),
        person.style,
    )
    performance = cut(whole, start, frames)
    noise = person.stream(purpose, number, "render")
    rendered = renderer.render(person.look, performance, size, rng=noise, figure=figure, sensor=sensor)
    truth = {field.name: getattr(performance, field.name) for field in fields(Performance)}
    return Clip(
        frames=rendered.frames,
        audio=utterance.audio[start * FRAME_SAMPLES : (start + frames) * FRAME_SAMPLES],
        fps=FPS,
        landmarks=rendered.landmarks,
        identity=person.name,
        utterance=utterance.text,
        attributes=person.attributes,
        truth=RenderedTruth(**truth, masks=rendered.masks),
    )


def say(person: Character, purpose: Purpose, number: int, frames: int) -> tuple[speech.Utterance, int]:
    """An utterance long enough for the clip, and the frame at which the clip starts inside its speech."""
    rng = person.stream(purpose, number, "words")
    text = ""
    while True:
        text = f"{text} {sentences.sentence(rng)}".strip()
        utterance = speech.speak(text, person.voice)
        spoken = [phoneme for phoneme in utterance.phonemes if phoneme.symbol != speech.SILENCE]
        first = math.floor(spoken[0].start * FPS)
        last = min(math.ceil(spoken[-1].end * FPS), math.floor(utterance.duration * FPS)) - frames
        if last >= first:
            return utterance, int(rng.integers(first, last + 1))


def cut(performance: Performance, start: int, frames: int) -> Performance:
    """`frames` frames of a performance from `start` on."""
    piece = slice(start, start + frames)
    return Performance(
        **{field.name: getattr(performance, field.name)[piece] for field in fields(Performance)}
    )
