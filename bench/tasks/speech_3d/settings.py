"""The settings of speech-driven 3-D faces, and the cell that they make: all that can change its figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from privtalk.bench import task
from privtalk.bench.corpus.mesh.embedded import MeshCorpusSpec
from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork, SpeechTraining
from privtalk.methods.speech_3d.federated import SpeechFederation
from privtalk.methods.speech_3d.registry import find_speech_method

STEPS, EPS, SPEAKERS = "steps", "eps", "speakers"
"""The axes: denoising steps, the ε of a federation, and whose speech it is."""
BASE, FEDERATED = "federated_base", "federated"
"""The rows of a federation."""
STRANGERS = "strangers"
TEACHER_STEPS = 16
"""Steps of the teacher, as published."""
STUDENT_STEPS = 2


class MeshEvaluation(Frozen):
    """How animations are scored."""

    samples: int = Field(3, ge=2, le=50)
    """Animations of the same speech whose diversity is measured, of rows that draw."""
    many_steps: int = Field(50, ge=1, le=1000)
    """Denoising steps of FaceDiffuser (published: 500 or 1,000)."""
    timings: int = Field(20, ge=1, le=1000)
    """Runs of which the speed is the median."""
    seconds: float = Field(10.0, gt=0, le=120)
    """Speech that is animated to measure speed."""


class Speech3dSettings(Frozen):
    """The tree that suites, presets and `--set` write to: what all cells of a run share."""

    corpus: MeshCorpusSpec = MeshCorpusSpec()
    network: SpeechNetwork = SpeechNetwork()
    training: SpeechTraining = SpeechTraining()
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Method -> its own options, those that differ from the defaults."""
    federation: SpeechFederation = SpeechFederation()
    evaluation: MeshEvaluation = MeshEvaluation()

    @field_validator("options")
    @classmethod
    def _of_methods(cls, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in options:
            find_speech_method(name)
        return options


class Speech3dCell(task.Cell):
    """One run: a system at a number of steps, on the speech of those whom it knows and of strangers."""

    task: Literal["speech_3d"] = "speech_3d"
    corpus: MeshCorpusSpec
    network: SpeechNetwork
    training: SpeechTraining | None
    """None for floors and ceilings, which learn nothing."""
    options: dict[str, Any]
    federation: SpeechFederation | None = None
    """None for rows that are neither trained by devices nor what these start from."""
    evaluation: MeshEvaluation

    @property
    def trains(self) -> bool:
        """Whether it is a network."""
        return self.training is not None

    @property
    def public(self) -> bool:
        """Whether it may know nothing of the speakers but what devices send."""
        return self.method in (BASE, FEDERATED)

    @property
    def faces(self) -> int | None:
        """Public people of whose motion it may know; None where it knows the speakers'."""
        return None if self.federation is None else self.federation.faces

    @property
    def steps(self) -> int:
        """Denoising steps."""
        if STEPS in self.at:
            return int(self.at[STEPS])
        if self.method.startswith("facediffuser"):
            return self.evaluation.many_steps
        return STUDENT_STEPS if self.method in ("diffusiontalker", "scratch") else TEACHER_STEPS
