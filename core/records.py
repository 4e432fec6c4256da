"""The record: everything one run measured, in one JSON file, and its store.

A record is the only truth that boards are made from. Its per-sample scores lie beside it as JSON lines. Files are
written to a temporary name and renamed, so that a record either exists whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from privtalk.core.cache import content_hash
from privtalk.core.files import write_atomic
from privtalk.core.frozen import Frozen
from privtalk.core.json_files import LARGEST, read_json
from privtalk.core.record_parts import (
    AttackResult,
    Audit,
    Control,
    Direction,
    EfficiencyBlock,
    EpsilonEstimate,
    Epsilons,
    Estimate,
    LowerBound,
    Measure,
    OperatingPoint,
    Privacy,
    ProtectionBlock,
    RoundChecks,
    Score,
    Speed,
    Strength,
    UpperBound,
    Variant,
)
from privtalk.core.upgrade import tier_of, upgrade

__all__ = [
    "SCHEMA_VERSION",
    "AttackResult",
    "Audit",
    "Code",
    "Control",
    "Derived",
    "Direction",
    "EfficiencyBlock",
    "EpsilonEstimate",
    "Epsilons",
    "Estimate",
    "FederationBlock",
    "Kind",
    "LowerBound",
    "Measure",
    "NewerRecord",
    "OperatingPoint",
    "Privacy",
    "ProtectionBlock",
    "Record",
    "RoundChecks",
    "RunStore",
    "Sample",
    "Score",
    "Speed",
    "Strength",
    "UpperBound",
    "Variant",
    "load_record",
]

SCHEMA_VERSION = 9
"""1: before metrics said what they are (`Score.family` and what follows it). 2: before attacks did. 3: before a record
held the hash of its samples. 4: before a record named its task (`upgrade`). 5: before it held variants. 6: before it
held the block of a protection. 7: before it held that of efficiency. 8: before it told
operations."""
Kind = Literal["method", "floor", "ceiling", "reference"]
"""The part that a row plays on a board."""

LAST_UNSEALED = 3
"""Last schema whose records do not hold the hash of their samples."""
AGAIN = "delete it and run the suite again"


class Code(Frozen):
    """The code that a record was made by."""

    version: str
    commit: str | None = None
    dirty: bool | None = None
    plugins: dict[str, str] = Field(default_factory=dict)
    """Reference of a plugin (`my.py:MyMethod`, or a package's entry point) -> sha256 of its file."""


class FederationBlock(Frozen):
    """The block of rows that train on clients' data."""

    privacy: Privacy
    training: dict[str, list[float | None]] = Field(default_factory=dict)
    """Curves by round: loss, cohort size, norms (empty for rows that do not train); None: an empty cohort has none."""
    communication_bytes: dict[str, int] = Field(default_factory=lambda: {"up": 0, "down": 0})
    """`up` and `down`, summed over the run."""
    checks: RoundChecks | None = None
    """The checks of every round of a private row, at the code that trained it."""


NOT_FEDERATED = FederationBlock(
    privacy=Privacy(mechanism="none", guarantee=False, reason="the task trains on nobody's data")
)
"""The block that stands for a missing one."""


class Derived(Frozen):
    """The record that another was made from, without training again."""

    cell_id: str
    record_sha256: str
    """The hash of its file."""
    anew: Literal["metrics", "attacks"]
    """The part that was computed again; all else is the old record's."""
    version: str
    """The version of the package that wrote the old one."""


class Record(Frozen):
    """One cell's run. `cell` is its semantic configuration, whose hash is `cell_id`."""

    schema_version: int = SCHEMA_VERSION
    upgraded_from: int | None = None
    """Schema that its file was written in, where that is an older one."""
    task: str
    """The kind of run that it is of (`bench.task`)."""
    cell_id: str
    cell: dict[str, Any]
    suite: str
    preset: str
    row: str
    """Row of the board: a method's or a reference row's name."""
    at: dict[str, str] = Field(default_factory=dict)
    """Axis -> value, such as `{"eps": "8"}`; an axis that is not named is at its default."""
    seed: int
    kind: Kind
    code: Code
    environment: dict[str, str]
    started: str
    """UTC, ISO 8601."""
    timings: dict[str, float]
    """Seconds by stage."""
    operations: dict[str, float] = Field(default_factory=dict)
    """Floating-point operations by stage, of the stages whose network passes are counted."""
    peak_memory_mib: float
    metrics: dict[str, Score]
    federation: FederationBlock | None = None
    """Guarantee, curves and communication, of tasks that train on clients' data."""
    attacks: dict[str, AttackResult] = Field(default_factory=dict)
    audits: tuple[Audit, ...] = ()
    protection: ProtectionBlock | None = None
    """Budget and controls, of tasks that protect portraits."""
    efficiency: EfficiencyBlock | None = None
    """Speed and size, of tasks that time their rows."""
    variants: tuple[Variant, ...] = ()
    """The same run at other places on axes that no suite plans; their samples stand among its own."""
    artifacts: dict[str, str] = Field(default_factory=dict)
    """Name -> path relative to the run folder (adapter, clips, sample strips)."""
    derived_from: Derived | None = None
    """The record that this one was made from; None for a cell that was run."""
    samples_sha256: str | None = None
    """The hash of its samples' file, by which samples that were cut or changed are told; filled in when written."""

    @model_validator(mode="after")
    def _places_differ(self) -> Record:
        places = [self.at, *(variant.place(self.at) for variant in self.variants)]
        for number, place in enumerate(places):
            if place in places[:number]:
                raise ValueError(f"two variants are at {tier_of(place)}; give each a place of its own")
        return self

    @property
    def tier(self) -> str:
        """The place on the axes as text: `none`, or such as `eps=8`."""
        return tier_of(self.at)

    @property
    def method(self) -> str:
        """The row's name."""
        return self.row

    @property
    def privacy(self) -> Privacy:
        """The guarantee; none where nothing is federated."""
        return (self.federation or NOT_FEDERATED).privacy

    @property
    def training(self) -> dict[str, list[float | None]]:
        """The curves by round; none where nothing is federated."""
        return (self.federation or NOT_FEDERATED).training

    @property
    def communication_bytes(self) -> dict[str, int]:
        """The bytes `up` and `down`; zero where nothing is federated."""
        return (self.federation or NOT_FEDERATED).communication_bytes


class Sample(Frozen):
    """Scores of one clip."""

    client: str
    clip: str
    at: dict[str, str] = Field(default_factory=dict)
    """The `at` of the variant that it is of; empty for the record's own."""
    scores: dict[str, float | None]
    """Metric -> value; None where it cannot be computed for this clip."""


class NewerRecord(ValueError):
    """A record that a newer version of this program wrote: not damaged, and not to be made again."""


class RunStore:
    """Folder of a run: ``records/<cell>.json``, ``samples/<cell>.jsonl``, ``artifacts/<cell>/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record_path(self, cell_id: str) -> Path:
        return self.folder / "records" / f"{cell_id}.json"

    def samples_path(self, cell_id: str) -> Path:
        return self.folder / "samples" / f"{cell_id}.jsonl"

    def artifacts(self, cell_id: str) -> Path:
        return self.folder / "artifacts" / cell_id

    def has(self, cell_id: str) -> bool:
        """Whether the cell is finished: its record and its samples are what was written.

        Raises `NewerRecord` for one that this version cannot judge, lest it be made again over it.
        """
        try:
            self.whole(cell_id)
        except NewerRecord:
            raise
        except ValueError:
            return False
        return True

    def write(self, record: Record, samples: Iterable[Sample]) -> None:
        """Samples first: a record that exists has its samples, and holds their hash.

        Raises `ValueError` for a sample of a variant that the record does not have.
        """
        found = list(samples)
        _check_places(record, found)
        lines = "".join(sample.model_dump_json() + "\n" for sample in found)
        digest = hashlib.sha256(lines.encode("utf-8")).hexdigest()
        sealed = record.model_copy(update={"samples_sha256": digest})
        write_atomic(self.samples_path(record.cell_id), lines)
        write_atomic(self.record_path(record.cell_id), sealed.model_dump_json(indent=1) + "\n")

    def read(self, cell_id: str) -> Record:
        return load_record(self.record_path(cell_id))

    def samples(self, cell_id: str) -> list[Sample]:
        path = self.samples_path(cell_id)
        return parse_samples(path, path.read_bytes()) if path.exists() else []

    def whole(self, cell_id: str) -> tuple[Record, list[Sample]]:
        """A record and its samples, if both are what was written under this name.

        Raises `ValueError`, in one line that names the file, for what was cut, changed, emptied or moved.
        """
        path = self.record_path(cell_id)
        record = load_record(path)
        if record.cell_id != cell_id:
            raise ValueError(f"{path}: holds the record of cell {record.cell_id!r:.80}; {AGAIN}")
        if content_hash(record.cell) != cell_id:
            raise ValueError(f"{path}: its cell was changed after it was written; {AGAIN}")
        return record, self._own_samples(record)

    def _own_samples(self, record: Record) -> list[Sample]:
        path = self.samples_path(record.cell_id)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: the record's samples are missing; run the suite again") from error
        sealed = record.samples_sha256 is not None
        if sealed and hashlib.sha256(content).hexdigest() != record.samples_sha256:
            raise ValueError(f"{path}: not the samples that the record was written with; {AGAIN}")
        samples = parse_samples(path, content)
        if not samples or (not sealed and _fewer(samples, record)):
            raise ValueError(f"{path}: holds fewer samples than its record was made of; {AGAIN}")
        return samples

    def __iter__(self) -> Iterator[Record]:
        for path in sorted((self.folder / "records").glob("*.json")):
            yield load_record(path)


def load_record(path: Path) -> Record:
    """Record of any schema version up to this one.

    Raises `ValueError`, in one line that names the file, for anything else.
    """
    try:
        raw = read_json(path)
        version = raw["schema_version"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: not a record ({error}); {AGAIN}") from error
    if type(version) is not int or version < 1:
        raise ValueError(f"{path}: not a record (schema_version is {version!r:.40}); {AGAIN}")
    if version > SCHEMA_VERSION:
        raise NewerRecord(
            f"{path}: written by a newer version (schema {version} > {SCHEMA_VERSION}); upgrade privtalk-bench"
        )
    try:
        record = Record.model_validate(upgrade(raw, SCHEMA_VERSION))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a valid record (without {error}); {AGAIN}") from error
    except ValidationError as error:
        raise ValueError(f"{path}: not a valid record ({_first(error)}); {AGAIN}") from error
    if version > LAST_UNSEALED and record.samples_sha256 is None:
        raise ValueError(f"{path}: not a valid record (without the hash of its samples); {AGAIN}")
    return record


def parse_samples(path: Path, content: bytes) -> list[Sample]:
    """The samples of a file's content; a `ValueError` names the file and the line."""
    samples: list[Sample] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            samples.append(Sample.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"{path}: line {number} is no sample ({_first(error)}); {AGAIN}") from error
        if any(value is not None and abs(value) > LARGEST for value in samples[-1].scores.values()):
            raise ValueError(f"{path}: line {number} holds a number beyond {LARGEST:g}; {AGAIN}")
    if len({(tier_of(sample.at), sample.client, sample.clip) for sample in samples}) < len(samples):
        raise ValueError(f"{path}: scores a clip twice; {AGAIN}")
    return samples


def _check_places(record: Record, samples: Iterable[Sample]) -> None:
    """Raises where a sample is of no variant of its record."""
    known = [{}, *(variant.at for variant in record.variants)]
    for sample in samples:
        if sample.at not in known:
            raise ValueError(
                f"cell {record.cell_id}: clip {sample.clip!r} of {sample.client!r} is at {tier_of(sample.at)}, which "
                "no variant of the record is; give it the `at` of one"
            )


def _fewer(samples: list[Sample], record: Record) -> bool:
    """Whether clips are gone, by the counts in a record that holds no hash; schema 1 counted otherwise for sets."""
    return record.upgraded_from != 1 and any(
        score.estimate.value is not None
        and sum(sample.scores.get(name) is not None for sample in samples) < score.estimate.n
        for name, score in record.metrics.items()
    )


def _first(error: ValidationError) -> str:
    """The place and the text of the first fault."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]
