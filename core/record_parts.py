"""The parts of a record: estimates, scores, attacks, guarantees, audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from privtalk.core.frozen import Frozen

Direction = Literal["higher", "lower", "reference"]
"""The way that is better; `reference` for a value that is only to be compared with ground truth's."""


class Estimate(Frozen):
    """A value with its 95 % interval, or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Samples behind the value."""
    clusters: int = 0
    """Independent clusters (clients) behind the interval."""
    missing: str | None = None
    """Reason, where `value` is None."""


class Score(Frozen):
    """A metric over the evaluated clips."""

    estimate: Estimate
    unit: str
    direction: Direction
    ground_truth: float | None = None
    """The same metric of the true clips, where it is not trivially perfect (temporal jitter, sync offset)."""
    family: str = ""
    """The group of columns that it stands in (`metrics.declaration.Family`); empty in records of schema 1."""
    about: str = ""
    """The meaning of the metric, in a line."""
    level: Literal["clip", "set"] = "clip"
    """`set`: of all clips together; a sample then holds its clip's share, and the mean of the shares is the value."""


class OperatingPoint(Frozen):
    """True-positive rate at a false-positive rate."""

    fpr_target: float
    fpr_realised: float | None = None
    threshold: float | None = None
    tpr: Estimate


class Control(Frozen):
    """A run of the attack that must be at chance."""

    auc: Estimate
    passed: bool
    """Chance (.5) lies inside the interval."""


class Measure(Frozen):
    """A figure of an attack beside its ROC: a rank-1 rate, decibels over the prior."""

    estimate: Estimate
    chance: float
    """The value that an attacker who knows nothing gets in expectation."""
    unit: str
    direction: Literal["higher", "lower"] = "higher"
    """The direction in which the attacker gains."""
    about: str = ""


class Strength(Frozen):
    """The attack's headline where there is something to find: a weak attack must never be read as privacy."""

    estimate: Estimate
    planted: str
    """The planted thing, in a line."""


class AttackResult(Frozen):
    """An attack, n positives against m negatives."""

    view: str
    """The view of the adversary: `release`, `server` (each client's message), `sums` or `client`."""
    statistic: str
    positives: int
    negatives: int
    auc: Estimate
    advantage: Estimate
    """max over thresholds of TPR - FPR, at the threshold chosen on the same scores (optimistic; for the eye only)."""
    points: tuple[OperatingPoint, ...]
    roc: tuple[tuple[float, float], ...]
    """(FPR, TPR) corners of the empirical curve."""
    controls: dict[str, Control]
    valid: bool
    """All controls passed; false where the attack was not run."""
    seconds: float
    """The time of this attack and of those that share its passes over people: the attacks of one view."""
    family: str = "membership"
    """`membership`, `identity`, `reconstruction` or `aggregation` (`attacks.declaration.Family`)."""
    source: str = ""
    """Paper."""
    footage: str = "fresh"
    """The footage that the attacker holds of a person: `fresh` windows, or the `exact` clips of a member's device."""
    headline: str = "auc"
    """The measure that a board shows: `auc`, or a key of `measures`."""
    measures: dict[str, Measure] = Field(default_factory=dict)
    curves: dict[str, tuple[tuple[float, float], ...]] = Field(default_factory=dict)
    """Series -> (x, y) points, such as the AUC by the number of clients in a sum."""
    strength: Strength | None = None


class Epsilons(Frozen):
    """ε at the ledger's δ for three adversaries; None where nothing is guaranteed."""

    server: float | None = None
    """Sees each client's message."""
    secure_aggregation: float | None = None
    """Sees sums only."""
    outsider: float | None = None
    """Sees the released adapter only."""
    assumptions: dict[str, str] = Field(default_factory=dict)
    """Adversary -> what the figure rests on."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Adversary -> why nothing is guaranteed."""


class Privacy(Frozen):
    """The guarantee, and the mechanism that gives it."""

    mechanism: str
    """`none`, `central-gaussian` or `distributed-skellam`."""
    guarantee: bool
    reason: str | None = None
    """Why there is no guarantee."""
    target_epsilon: float | None = None
    delta: float | None = None
    noise_multiplier: float | None = None
    clip: float | None = None
    sampling: str | None = None
    sampling_rate: float | None = None
    rounds: int | None = None
    neighbouring: str | None = None
    participations: int | None = None
    """Most rounds that one client took part in."""
    ledger: list[dict[str, Any]] = Field(default_factory=list)
    """Every release (`methods.privacy.accounting.ledger`)."""
    quantisation_step: float | None = None
    """Distance of grid points, in units of an update, where sums are of integers."""
    secure_aggregation_bits: int | None = None
    """b of the sums mod 2^b; None without secure aggregation."""
    accountant: str | None = None
    """The accountant that composed the ledger: `PLD` or `RDP`."""
    epsilons: Epsilons = Field(default_factory=Epsilons)
    checks: dict[str, float] = Field(default_factory=dict)
    """The same guarantee under other accountants, by name."""


class RoundChecks(Frozen):
    """The findings of an observer of the code that trains, in every round; the cell fails where a test does."""

    rounds: int
    numbers: int
    """Numbers of noise that were looked at, of all rounds together."""
    level: float
    """Chance that any test of a correct run fails."""
    deviation_ratio: float | None = None
    """Standard deviation of all noise that was added, over the booked one; None where nothing was added."""
    smallest_p: dict[str, float] = Field(default_factory=dict)
    """Family of tests -> the smallest p of its tests."""


class UpperBound(Frozen):
    """ε is at most this, says the accountant."""

    accountant: str
    epsilon: float | None
    """None: no guarantee, so nothing is exceeded."""
    delta: float
    neighbouring: str


class LowerBound(Frozen):
    """ε is at least this, certified by an experiment, wrong with a chance of at most 1 - confidence."""

    name: str
    epsilon: float
    delta: float
    confidence: float
    n: int
    assumption: str | None = None


class EpsilonEstimate(Frozen):
    """A point estimate of ε: shown, never compared."""

    name: str
    epsilon: float
    low: float
    high: float
    delta: float


class Audit(Frozen):
    """The evidence of canary clients about a run's ε, seen by one adversary."""

    view: str
    """`sums`: every round's sum; `release`: the final adapter."""
    subject: str
    canaries: int
    norm: float
    """L2 norm of a canary: the clip, or the usual message's where nothing is clipped."""
    auc: Estimate
    """The AUC of telling canaries that are in from those that are out."""
    upper: tuple[UpperBound, ...]
    certified: tuple[LowerBound, ...]
    estimates: tuple[EpsilonEstimate, ...] = ()
    violations: tuple[str, ...] = ()
    seconds: float = 0.0
    missing: str | None = None
    """Why nothing was audited."""


class Variant(Frozen):
    """The same run's row at another place: what it made, used otherwise afterwards.

    It lies on an axis that no suite plans, such as the number of private steps that a device adds to what was
    released; a board shows it as a row of its own.
    """

    at: dict[str, str] = Field(min_length=1)
    """Axis -> value, put over the record's own place."""
    about: str = ""
    """The variant in a sentence: how it was made, and what is guaranteed to whom beside what the record says."""
    metrics: dict[str, Score]
    attacks: dict[str, AttackResult] = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    """Name -> path relative to the run folder."""

    def place(self, own: Mapping[str, str]) -> dict[str, str]:
        """The place of the variant of a record that is at `own`.

        >>> Variant(at={"personal": "16"}, metrics={}).place({"eps": "8"})
        {'eps': '8', 'personal': '16'}
        """
        return {**own, **self.at}


class ControlCheck(Frozen):
    """A control of a protection: what was published in its place, and what was retained."""

    estimate: Estimate
    about: str
    decides: bool
    """Whether the row is invalid where it fails; if not, it is only shown."""
    passed: bool


class ProtectionBlock(Frozen):
    """The block of rows that protect portraits."""

    budget: float
    """Levels of 255 that a pixel may change."""
    bounded: bool
    """Whether the protection keeps the budget."""
    largest: int
    """The largest change that was published, in levels."""
    controls: dict[str, ControlCheck] = Field(default_factory=dict)


class Speed(Frozen):
    """Frames a second of one clip at a time, and how they were taken."""

    threads: int
    audio: bool
    """Whether the encoding of the sound is in it."""
    frames_per_second: float
    """Median over runs."""


class EfficiencyBlock(Frozen):
    """The block of rows of which it is asked how fast and how large they are."""

    frames: int
    """Frames of the clip that was animated."""
    speeds: tuple[Speed, ...]
    reference: str = ""
    """The system that was run beside it, turn by turn in the same process."""
    times_reference: float | None = None
    """Frames a second, the sound's encoding included, over the reference's: the median of pairs on one thread."""
    passes: int
    """Times that a network runs over the clip, one after the other."""
    macs_per_frame: float
    """Multiplications and additions a frame, all passes and the encoding of the sound together."""
    parameters: int
    """All, the frozen encoder's among them where it is needed at inference."""
    trainable: int
    """Those that training changes."""
    needed: int
    """Those without which it cannot animate."""
    bytes_on_disk: int
    """Size of the file of what is needed, 4 bytes a parameter and its header."""
