"""Training: a graph of lessons, each kept in the cache by all that it depends on and shared by rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privtalk.bench.corpus.mesh.embedded import MeshCorpusSpec
from privtalk.bench.execution import Job
from privtalk.bench.execution.task import Report
from privtalk.bench.task import Preparation
from privtalk.bench.tasks.speech_3d.federating import ROUND, federated, federation_of, of_faces, rounds_of
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus, Part, open_meshes, open_publicly, public_faces
from privtalk.bench.tasks.speech_3d.settings import BASE, EPS, FEDERATED, TEACHER_STEPS, Speech3dCell
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.core.seeds import stream_key, torch_stream
from privtalk.methods.speech_3d.data import MotionClips, Speech
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.federated import FederatedRound, FederatedTalker
from privtalk.methods.speech_3d.method import MotionShape, SpeechToMotion
from privtalk.methods.speech_3d.optimisation import descend
from privtalk.methods.speech_3d.registry import find_speech_method
from privtalk.methods.speech_3d.speech_encoder import ContentEncoder, SmallEncoder

VERSION = 1
"""Raise it whenever the training of the same lesson changes."""
ENCODER, SMALL_ENCODER = "speech_encoder", "small_encoder"
VISEMES = 15
ONLY_TESTED = ("tested", "test_clips", "strangers", "streams")
"""Parts of a corpus that no training reads."""
Learned = tuple[nn.Module, Mapping[str, NDArray[Any]]]
"""A network, and what else is kept of how it came about."""
NOISE = 0.2
"""Standard deviation of the noise on spectrograms from which encoders learn, so that they hear unknown voices."""


@dataclass(frozen=True, slots=True)
class SpeechLesson:
    """A network to be trained: an encoder, a method's network, or a student at a number of steps."""

    cell: Speech3dCell
    method: str
    steps: int = 0
    """Steps of a student; 0 for what has no teacher."""

    @property
    def parents(self) -> tuple[SpeechLesson, ...]:
        """The lessons that must come before it."""
        if self.method == ENCODER:
            return ()
        encoder = SpeechLesson(self.cell, ENCODER)
        if self.method == SMALL_ENCODER:
            return (encoder,)
        if self.method == FEDERATED:
            return (encoder, SpeechLesson(self.cell, BASE))
        cls = find_speech_method(self.method)
        small = (SpeechLesson(self.cell, SMALL_ENCODER),) if getattr(cls, "small", False) else ()
        return (encoder, *small, *((self.teacher,) if self.steps else ()))

    @property
    def teacher(self) -> SpeechLesson:
        """The network with twice as many steps: another student, or the teacher."""
        if 2 * self.steps >= TEACHER_STEPS:
            return SpeechLesson(self.cell, "teacher")
        return SpeechLesson(self.cell, self.method, 2 * self.steps)

    @property
    def depth(self) -> int:
        """Lessons that must be learned one after the other before it."""
        return max((1 + parent.depth for parent in self.parents), default=0)

    @property
    def options(self) -> dict[str, Any]:
        """The options of its network; a federation's base has its row's, a teacher shares the student's libraries."""
        own = dict(self.cell.options)
        if self.method in (self.cell.method, BASE):
            return own
        if self.method == "teacher" and "identity" in own:
            return {
                "identity": own["identity"],
                "emotion": own["emotion"],
                "enhancer": False,
                "distillation": False,
            }
        return {}

    @property
    def content(self) -> dict[str, Any]:
        """All that it depends on."""
        cell = self.cell
        assert cell.training is not None
        return {
            "version": VERSION,
            "method": "facediffuser" if self.method == "facediffuser_released" else self.method,
            "steps": self.steps,
            "options": self.options,
            "corpus": cell.corpus.model_dump(mode="json", exclude=set(ONLY_TESTED)),
            "network": cell.network.model_dump(mode="json"),
            "training": cell.training.model_dump(mode="json", exclude=self._unread),
            "public_scale": self.method in (BASE, FEDERATED),
            "seed": cell.seed,
            "federation": self._federation,
            "parents": [parent.content for parent in self.parents],
        }

    @property
    def _unread(self) -> set[str]:
        """The parts of the training that it does not read: what comes before it is among its parents."""
        every = {"steps", "distillation_steps", "encoder_steps"}
        if self.method in (ENCODER, SMALL_ENCODER):
            return every - {"encoder_steps"}
        return every - ({"distillation_steps"} if self.steps else {"steps"})

    @property
    def _federation(self) -> dict[str, Any] | None:
        if self.method not in (BASE, FEDERATED) or self.cell.federation is None:
            return None
        if self.method == BASE:
            return {"faces": self.cell.faces}
        return {**self.cell.federation.model_dump(mode="json"), "eps": self.cell.at.get(EPS)}

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return cache_folder() / "speech_3d" / f"{content_hash(self.content)}.safetensors"

    @property
    def key(self) -> str:
        """Its name in progress."""
        steps = f" {self.steps} steps" if self.steps else ""
        changed = "".join(f" {name}={value}" for name, value in self.options.items() if value is False)
        return f"{self.method}{steps}{changed} seed {self.cell.seed} {self.path.stem[:4]}"


def lesson_of(cell: Speech3dCell) -> SpeechLesson:
    """Returns the lesson of a row."""
    distilled = cell.method == "diffusiontalker" and cell.options.get("distillation", False)
    return SpeechLesson(cell, cell.method, cell.steps if distilled else 0)


def preparations(cells: Sequence[Speech3dCell]) -> Iterator[Preparation]:
    """Yields the lessons that are missing, one depth after the other."""
    wanted: dict[Path, SpeechLesson] = {}

    def add(lesson: SpeechLesson) -> None:
        for parent in lesson.parents:
            add(parent)
        wanted.setdefault(lesson.path, lesson)

    for cell in cells:
        if cell.trains:
            add(lesson_of(cell))
    for depth in range(max((lesson.depth for lesson in wanted.values()), default=-1) + 1):
        due = [one for path, one in wanted.items() if one.depth == depth and not verified(path)]
        costs = {one.key: _cost(one) for one in due}
        yield Preparation(title="training", jobs=[Job(one.key, learn, (one,)) for one in due], costs=costs)


def missing(cell: Speech3dCell) -> list[SpeechLesson]:
    """Returns the lessons of a cell that the cache does not hold whole, those that others rest on first."""
    found: dict[Path, SpeechLesson] = {}

    def add(lesson: SpeechLesson) -> None:
        for parent in lesson.parents:
            add(parent)
        if not verified(lesson.path):
            found.setdefault(lesson.path, lesson)

    if cell.trains:
        add(lesson_of(cell))
    return list(found.values())


def _cost(lesson: SpeechLesson) -> float:
    training = lesson.cell.training
    assert training is not None
    if lesson.method in (ENCODER, SMALL_ENCODER):
        return float(training.encoder_steps)
    share = find_speech_method(lesson.method).share
    return float(2 * training.distillation_steps if lesson.steps else share * training.steps)


def corpus_of(cell: Speech3dCell) -> MeshCorpus:
    """Returns the corpus as a row may know it."""
    return open_meshes(cell.corpus) if cell.faces is None else open_publicly(cell.corpus, cell.faces)


def learn(report: Report, lesson: SpeechLesson) -> None:
    """Trains a lesson's network and keeps it. Initial weights are torch's own draws, which no generator can be given
    to: they are drawn from a state of this lesson's, and the process's own is put back.
    """
    corpus = corpus_of(lesson.cell)
    teach = TEACHERS.get(lesson.method, _learn_to_move)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_key(lesson.cell.seed, "speech_3d", lesson.method, lesson.steps) % 2**63)
        network, kept = teach(report, lesson, corpus)
    learned = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    write_tensors(lesson.path, {**learned, **kept})


def _learn_together(report: Report, lesson: SpeechLesson, corpus: MeshCorpus) -> Learned:
    network = new_network(lesson, corpus)
    assert isinstance(network, FederatedTalker)
    _load(network, SpeechLesson(lesson.cell, BASE).path, strict=False)
    network.eval().requires_grad_(False)
    return network, federated(report, lesson.cell, corpus, network, heard(lesson.cell, "train"))


def _learn_to_hear(report: Report, lesson: SpeechLesson, corpus: MeshCorpus) -> Learned:
    training, part = lesson.cell.training, corpus.parts["public"]
    assert training is not None
    encoder = ContentEncoder(lesson.cell.network.content, VISEMES)
    batch = _batches(lesson, corpus, "public", torch.zeros(*part.visemes.shape, 1))

    def loss() -> Mapping[str, Tensor]:
        drawn, mel = batch()
        return {"visemes": encoder.loss(mel, drawn.visemes)}

    descend(encoder, loss, training.encoder_steps, training.rate, _tell(report, lesson))
    return encoder, {}


def _learn_to_hear_small(report: Report, lesson: SpeechLesson, corpus: MeshCorpus) -> Learned:
    training, network = lesson.cell.training, lesson.cell.network
    assert training is not None
    large = open_encoder(lesson.cell)
    small = SmallEncoder(network.small, network.content)
    with torch.no_grad():
        content = large(corpus.parts["public"].mel)
    batch = _batches(lesson, corpus, "public", content)

    def loss() -> Mapping[str, Tensor]:
        drawn, mel = batch()
        return {"audio": small.loss(mel, drawn.speech.content)}

    descend(small, loss, training.encoder_steps, training.rate, _tell(report, lesson))
    return small, {}


def _batches(
    lesson: SpeechLesson, corpus: MeshCorpus, part: Part, content: Tensor
) -> Callable[[], tuple[MotionClips, Tensor]]:
    """Draws windows and their spectrograms with noise."""
    training = lesson.cell.training
    assert training is not None
    clips = motion_of(corpus, part, content)
    generator = torch_stream(lesson.cell.seed, "speech_3d", lesson.method, "batches")

    def draw() -> tuple[MotionClips, Tensor]:
        drawn = clips.draw(training.batch, training.frames, generator)
        return drawn, drawn.speech.mel + NOISE * torch.randn(drawn.speech.mel.shape, generator=generator)

    return draw


def _learn_to_move(report: Report, lesson: SpeechLesson, corpus: MeshCorpus) -> Learned:
    cell = lesson.cell
    assert cell.training is not None
    network = new_network(lesson, corpus)
    clips = _lesson_clips(lesson, corpus)
    generator = torch_stream(cell.seed, "speech_3d", "training")
    if isinstance(network, DiffusionTalker) and network.encoder is not None:
        _load(network.encoder, SpeechLesson(cell, SMALL_ENCODER).path)
    teacher = None
    if lesson.steps:
        teacher = open_network(lesson.teacher, corpus)
        assert isinstance(teacher, DiffusionTalker)
        network.load_state_dict(teacher.state_dict(), strict=False)

    def loss() -> Mapping[str, Tensor]:
        batch = clips.draw(cell.training.batch, cell.training.frames, generator)  # type: ignore[union-attr]
        if teacher is None:
            return network.losses(batch, corpus.scale, generator)
        assert isinstance(network, DiffusionTalker)
        assert isinstance(teacher, DiffusionTalker)
        return network.distilled(teacher, batch, corpus.scale, lesson.steps, generator)

    steps = cell.training.distillation_steps if lesson.steps else round(cell.training.steps * network.share)
    rate = cell.training.rate * (0.7 if lesson.steps else 1.0)
    descend(network, loss, max(steps, 1), rate, _tell(report, lesson))
    return network, {}


TEACHERS: Mapping[str, Callable[[Report, SpeechLesson, MeshCorpus], Learned]] = {
    ENCODER: _learn_to_hear,
    SMALL_ENCODER: _learn_to_hear_small,
    FEDERATED: _learn_together,
}
"""How what is no plain network is learned."""


def _lesson_clips(lesson: SpeechLesson, corpus: MeshCorpus) -> MotionClips:
    """The clips that a network learns from: the speakers', or for the base of a federation the public's."""
    if lesson.method == BASE:
        return of_faces(corpus, heard(lesson.cell, "public"), federation_of(lesson.cell).faces)
    return heard(lesson.cell, "train")


def _tell(report: Report, lesson: SpeechLesson) -> Callable[[int, int], None]:
    return lambda done, total: report("training", done, total)


def opened(cell: Speech3dCell, corpus: MeshCorpus) -> SpeechToMotion:
    """Returns the trained network of a row."""
    return open_network(lesson_of(cell), corpus)


def new_network(lesson: SpeechLesson, corpus: MeshCorpus) -> SpeechToMotion:
    """Returns a lesson's network, untrained."""
    cls = find_speech_method(lesson.method)
    public = lesson.method in (BASE, FEDERATED)
    people = public_faces(corpus, federation_of(lesson.cell).faces) if public else corpus.speakers
    shape = MotionShape(len(corpus.rig.channels), len(people), len(corpus.emotions), VISEMES)
    options = cls.Options.model_validate(lesson.options)
    if issubclass(cls, FederatedTalker):
        assert lesson.cell.federation is not None
        return cls(shape, lesson.cell.network, options, lesson.cell.federation, len(corpus.speakers))
    return cls(shape, lesson.cell.network, options)


def kept_rounds(cell: Speech3dCell) -> list[FederatedRound]:
    """Returns the rounds of a federated row as its server saw them."""
    return rounds_of(read_tensors(lesson_of(cell).path))


def open_network(lesson: SpeechLesson, corpus: MeshCorpus) -> SpeechToMotion:
    """Returns a trained network, frozen."""
    network = new_network(lesson, corpus)
    _load(network, lesson.path)
    return network.eval().requires_grad_(False)


def open_encoder(cell: Speech3dCell) -> ContentEncoder:
    """Returns the frozen speech encoder."""
    return _encoder(SpeechLesson(cell, ENCODER).path, cell.network.content)


def _encoder(path: Path, width: int) -> ContentEncoder:
    encoder = ContentEncoder(width, VISEMES)
    _load(encoder, path)
    return encoder.eval().requires_grad_(False)


def _load(network: nn.Module, path: Path, *, strict: bool = True) -> None:
    found = {name: array for name, array in read_tensors(path).items() if not name.startswith(ROUND)}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in found.items()}, strict=strict)


def heard(cell: Speech3dCell, part: Part) -> MotionClips:
    """Returns a part's clips with what the frozen encoder hears in them; kept for the next task of this process."""
    path = SpeechLesson(cell, ENCODER).path
    return _heard(path, cell.network.content, cell.corpus, part, cell.faces)


@lru_cache(maxsize=6)
def _heard(encoder: Path, width: int, spec: MeshCorpusSpec, part: Part, faces: int | None) -> MotionClips:
    corpus = open_meshes(spec) if faces is None else open_publicly(spec, faces)
    listen = _encoder(encoder, width)
    with torch.no_grad():
        content = torch.cat([listen(mel) for mel in corpus.parts[part].mel.split(64)])
    return motion_of(corpus, part, content)


def motion_of(corpus: MeshCorpus, part: Part, content: Tensor) -> MotionClips:
    """Returns a part's clips as networks take them."""
    clips = corpus.parts[part]
    return MotionClips(
        speech=Speech(mel=clips.mel, content=content, speaker=corpus.numbers(part)),
        codes=corpus.scale.standard(torch.from_numpy(clips.codes)),
        emotion=clips.emotion,
        level=clips.level,
        visemes=torch.from_numpy(clips.visemes),
    )
