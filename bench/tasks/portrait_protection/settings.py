"""The settings of portrait protection, and the cell that they make: all that can change its figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from privtalk.attacks.purification.registry import ATTACKERS, find_attacker
from privtalk.bench import task
from privtalk.bench.corpus.spec import MOST, CorpusSpec
from privtalk.bench.networks import BackboneSpec
from privtalk.core.frozen import Frozen
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.registry import find_protection

BUDGET, ATTACKER = "budget", "attacker"
"""The axes: levels of 255 that a pixel may change, and who animates the portrait."""
DIRECT = "direct"
"""The attacker who changes nothing: a row as such."""


class AnimationSpec(Frozen):
    """How portraits are made to speak, and by whom."""

    steps: int = Field(2, ge=1, le=MOST)
    """DDIM steps."""
    attackers: tuple[str, ...] = tuple(name for name in ATTACKERS if name != DIRECT)
    """Who attacks rows at the main budget, beside the direct animation that every row has."""
    elsewhere: tuple[str, ...] = ("jpeg_and_half_size",)
    """Who attacks rows at other budgets."""
    main_budget: float = Field(8, ge=1, le=255)
    frames: int = Field(3, ge=1, le=MOST)
    """Frames of a clip that are animated with two speeches: those at which the true mouths are furthest apart.
    Attackers animate these alone; the direct animation has all frames with the portrait's own speech."""
    training_steps: int = Field(100, ge=1, le=MOST)
    """Steps of attackers who train: of a purifier and an encoder on the attacker's own pairs, of an owner's adapter."""
    evaluators: dict[str, str] = Field(default_factory=dict)
    """Network that scores -> sha256 of its weights. Filled in when a suite is expanded, from those at hand."""

    @field_validator("attackers", "elsewhere")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            find_attacker(name)
        if DIRECT in names or len(set(names)) < len(names):
            raise ValueError(f"name each attacker once, and leave out {DIRECT}, which every row has")
        return tuple(name for name in ATTACKERS if name in names)


class PortraitProtectionSettings(Frozen):
    """The tree that suites, presets and `--set` write to: what all cells of a run share."""

    corpus: CorpusSpec
    """Clients own portraits; held-out people's speech and movement are the public that protections are made with."""
    protection: ProtectionConfig = ProtectionConfig()
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Protection -> its own options, those that differ from the defaults."""
    animation: AnimationSpec = AnimationSpec()
    purifier: str = ""
    """The hash of the pixel diffusion model's weights. Filled in when a suite is expanded."""
    backbone: BackboneSpec = BackboneSpec()

    @field_validator("options")
    @classmethod
    def _of_protections(cls, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in options:
            find_protection(name)
        return options


class PortraitProtectionCell(task.Cell):
    """One run: a protection at a budget, and everybody who attacks it."""

    task: Literal["portrait_protection"] = "portrait_protection"
    corpus: CorpusSpec
    animation: AnimationSpec
    backbone: BackboneSpec
    purifier: str
    """Empty where nobody purifies with it."""
    attackers: tuple[str, ...]
    """Beside the direct one."""
    protection: ProtectionConfig | None
    """None for the clean portrait."""
    options: dict[str, Any]
    pairs: ProtectionConfig | None = None
    """How attackers protect the people whom they train on; None where nobody trains on such pairs."""

    @property
    def budget(self) -> float | None:
        """Levels of 255; None for the clean portrait."""
        return float(self.at[BUDGET]) if BUDGET in self.at else None

    @property
    def at_main_budget(self) -> bool:
        """Whether it protects at the budget at which everybody attacks, and controls are run."""
        return self.budget == self.animation.main_budget
