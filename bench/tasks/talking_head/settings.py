"""The settings of federated talking heads, and the cell that they make: all that can change its figures, and nothing
else (no path, device or worker count)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from privtalk.bench import task
from privtalk.bench.corpus.spec import MOST, MOST_PEOPLE, CorpusSpec, PartitionSpec
from privtalk.bench.networks import BackboneSpec
from privtalk.core.frozen import Frozen
from privtalk.core.upgrade import tier_of
from privtalk.methods.config import AdapterConfig, FederationConfig, PersonalisationConfig
from privtalk.methods.registry import METHODS, REFERENCES
from privtalk.methods.registry import options as method_options

PERSONAL = "personal"
"""The axis of private steps; no suite plans it."""


def trains_alone(row: str) -> bool:
    """Whether a row trains each client by itself.

    >>> trains_alone("local_only"), trains_alone("fedavg")
    (True, False)
    """
    return row in REFERENCES and REFERENCES[row].trains == "each client"


def may_take_private_steps(row: str) -> bool:
    """Whether a row's clients go on by themselves where steps are asked for: of a federated row, or each alone.

    >>> may_take_private_steps("fedavg"), may_take_private_steps("centralised")
    (True, False)
    """
    return row in METHODS or trains_alone(row)


class PrivacySpec(Frozen):
    """Client-level differential privacy of one tier."""

    epsilon: float | None = Field(None, gt=0)
    """Target; None: neither clipping nor noise."""
    delta: float | None = Field(None, gt=0, lt=1)
    """None: N^-1.1 for N clients, which lies below 1/N."""
    noise_multiplier: float | None = Field(None, gt=0)
    """None: calibrated so that all rounds cost epsilon. Otherwise training stops before the round that exceeds it."""
    clip: float = Field(1.0, gt=0)
    """L2 bound of a client's update, where epsilon is given."""
    clipping: Literal["fixed", "adaptive"] = "fixed"
    """`adaptive`: the clip follows a quantile of the updates' norms, starting from `clip`."""
    quantile: float = Field(0.5, gt=0, lt=1)
    """Share of updates that adaptive clipping leaves whole."""
    placement: Literal["central", "distributed"] = "central"
    """`central`: Gaussian, by whoever sums. `distributed`: Skellam on the integer grid, a share a client."""
    honest: float = Field(0.5, gt=0, le=1)
    """Share of a cohort's clients that are taken not to collude with the server, where noise is distributed."""

    @property
    def at(self) -> dict[str, str]:
        """The place on the axis `eps`; none without a target.

        >>> PrivacySpec(epsilon=8).at, PrivacySpec().at
        ({'eps': '8'}, {})
        """
        return {} if self.epsilon is None else {"eps": f"{self.epsilon:g}"}

    @property
    def tier(self) -> str:
        """The same as text.

        >>> PrivacySpec(epsilon=8).tier, PrivacySpec().tier
        ('eps=8', 'none')
        """
        return tier_of(self.at)


class EvaluationSpec(Frozen):
    """How test clips are generated."""

    steps: int = Field(10, ge=1, le=MOST)
    """DDIM steps."""
    track: Literal["reenact", "inpaint"] = "reenact"
    progressive: bool = False
    """The frame just generated is the reference of the next (DiffTalk)."""
    evaluators: dict[str, str] = Field(default_factory=dict)
    """Network that scores -> sha256 of its weights. Filled in when a suite is expanded, from those at hand."""


Reconstruction = Literal[
    "learned_inversion", "prior_guided", "inverting_gradients", "dlg", "gidm", "gidm_plus"
]
"""Keys of `attacks.reconstruction.catalogue.ATTACKS`."""


FEWEST_WORLDS = 3
"""Shadow worlds below which the spread of a person's loss over worlds that never met them is not known."""


class AttackSpec(Frozen):
    """The footage that attackers hold of a person, and how much they compute."""

    timesteps: tuple[int, ...] = Field((200, 500), min_length=1, max_length=1_000)
    """At which the denoising loss is measured; the same for every person and cell."""
    draws: int = Field(1, ge=1, le=MOST)
    """Noise draws a window and timestep."""
    window: int = Field(4, ge=1, le=MOST)
    """Frames a window of fresh footage."""
    windows: int = Field(2, ge=1, le=MOST)
    """Fresh windows a person, at most."""
    frames: int = Field(1, ge=1, le=MOST)
    """Frames of a fresh window, from its first, that a released adapter is asked about."""
    exact: int = Field(1, ge=1, le=MOST)
    """Frames of a window of exact footage, what a member's device trained on; one window a person."""
    rounds: int = Field(8, ge=1, le=MOST)
    """Last rounds whose messages and sums are attacked and audited."""
    clients: int = Field(96, ge=1, le=MOST_PEOPLE)
    """Clients whose messages are attacked, at most."""
    leaked: int = Field(4, ge=0, le=MOST_PEOPLE)
    """Personal adapters that are asked about people who do not own them; 0: nobody is asked about."""
    worlds: int = Field(16, ge=0, le=MOST)
    """Shadow worlds, trained on corpus.shadows people; 0 leaves out the attacks that need them, and their strength."""
    world_steps: int = Field(48, ge=1, le=MOST)
    """Local steps of a shadow world."""
    canaries: int = Field(2000, ge=0, le=MOST_PEOPLE)
    """Canary clients of a run's audit, half of them in; 0: no audit."""
    victims: int = Field(8, ge=0, le=MOST)
    """Clients whose footage is reconstructed; 0: none."""
    reconstructions: tuple[Reconstruction, ...] = ("learned_inversion", "prior_guided")
    """By which attacks. `gidm` needs the clients' noise, which no server sees; the others guess what they lack."""
    inversion_steps: int = Field(30, ge=1, le=1_000_000)
    """The steps of the search for a face that explains a message."""

    @field_validator("worlds")
    @classmethod
    def _enough(cls, worlds: int) -> int:
        if 0 < worlds < FEWEST_WORLDS:
            raise ValueError(
                f"a world is told from {FEWEST_WORLDS - 1} others at least: give {FEWEST_WORLDS} or more, or 0 for none"
            )
        return worlds


class TalkingHeadSettings(Frozen):
    """The tree that suites, presets and `--set` write to: what all cells of a run share."""

    corpus: CorpusSpec
    partition: PartitionSpec = PartitionSpec()
    adapter: AdapterConfig = AdapterConfig()
    federation: FederationConfig = FederationConfig()
    personalisation: PersonalisationConfig = PersonalisationConfig()
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Method -> its own options, those that differ from the method's defaults or were written out."""
    privacy: PrivacySpec = PrivacySpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    attack: AttackSpec = AttackSpec()
    backbone: BackboneSpec = BackboneSpec()

    @field_validator("options")
    @classmethod
    def _known(cls, given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            name: method_options(name, own).model_dump(mode="json", exclude_unset=True)
            for name, own in given.items()
        }


class Training(Frozen):
    """The part of a cell that rows without training do not have."""

    adapter: AdapterConfig
    federation: FederationConfig
    personalisation: PersonalisationConfig
    """Those of federated rows, and of the row that trains each client alone; others have the defaults."""
    options: dict[str, Any]
    """The method's own, all of them; empty for reference rows. So another method's options leave the id alone."""
    privacy: PrivacySpec
    attack: AttackSpec

    def private_steps(self, row: str) -> tuple[int, ...]:
        """Counts of private steps after which a row's clients are scored, rising; none for rows without such.

        A row that trains each client alone takes as many as rounds would, where no count is given.
        """
        if trains_alone(row) and not self.personalisation.steps:
            return (self.federation.rounds * self.federation.local_steps,)
        return self.personalisation.steps if may_take_private_steps(row) else ()

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # options are a mapping, which has no hash of its own


class TalkingHeadCell(task.Cell):
    """One run."""

    task: Literal["talking_head"] = "talking_head"
    corpus: CorpusSpec
    partition: PartitionSpec
    """Also of rows without training: scores are clustered by client."""
    evaluation: EvaluationSpec
    backbone: BackboneSpec
    training: Training | None
    """None for rows that train nothing."""


class PlannedTalkingHead(task.Planned):
    """A planned cell of this task."""

    cell: TalkingHeadCell
