"""The seam between the harness and what it runs.

A suite names a task; the harness plans, runs, resumes, records and shows its cells without knowing which it is. A new
task is a subclass of `Task` with a handful of attributes and two methods (`docs/extend/task.md`).
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import Field, SerializeAsAny

from privtalk.bench.clock import Clock
from privtalk.bench.execution.task import Job as Job
from privtalk.bench.execution.task import Report
from privtalk.bench.execution.teams import Team
from privtalk.bench.opening import MemoryBounded as MemoryBounded
from privtalk.bench.opening import Opened as Opened
from privtalk.bench.opening import Opening as Opening
from privtalk.bench.planning.forecast import CellForecast, SharedWork, TaskForecast
from privtalk.core.cache import content_hash
from privtalk.core.display import Display
from privtalk.core.errors import UserError, unknown
from privtalk.core.frozen import Frozen
from privtalk.core.record_parts import AttackResult, Audit, EfficiencyBlock, ProtectionBlock, Score, Variant
from privtalk.core.records import FederationBlock, Kind, Sample
from privtalk.core.run_folder import Plugin, PluginKind
from privtalk.core.upgrade import tier_of

Keeping = Literal["nothing", "adapters", "transcripts"]
"""`adapters`: what metrics need. `transcripts`: also the messages of the last rounds, which attacks read."""
KEEPING: tuple[Keeping, ...] = get_args(Keeping)
Anew = Literal["metrics", "attacks"]


class Cell(Frozen):
    """One run of one row: all that can change its figures, and nothing else. Its id is the hash of its content.

    A task adds fields of its own.
    """

    task: str
    method: str
    """The row that is run, a key of the task's `rows`."""
    at: dict[str, str] = Field(default_factory=dict)
    """Axis -> value; an axis that is not named is at its default."""
    seed: int

    @property
    def id(self) -> str:
        """The name of its record."""
        return content_hash(self.model_dump(mode="json"))

    @property
    def tier(self) -> str:
        """The place on the axes as text, `none` at the defaults."""
        return tier_of(self.at)


class Planned(Frozen):
    """A cell and the names under which a suite shows it."""

    suite: str
    preset: str
    row: str
    """Name on the board: the method's, or the ablation's."""
    factors: dict[str, bool] = Field(default_factory=dict)
    """Factor of its grid -> whether the row has it; empty where the grid has none."""
    cell: SerializeAsAny[Cell]

    @property
    def key(self) -> str:
        """The name by which people call it, such as `privfedtalk eps=8 seed 1`."""
        tier = "" if self.cell.tier == "none" else f" {self.cell.tier}"
        return f"{self.row}{tier} seed {self.cell.seed}"


class Row(NamedTuple):
    """A row that can stand on a board."""

    kind: Kind
    about: str
    source: str = ""
    """Who brought it, where that is not the project: a file, or a package."""


class Axis(NamedTuple):
    """A property in which rows differ beside their method, such as the ε of a privacy tier."""

    about: str
    parse: Callable[[str], str]
    """The one spelling of a value; a `UserError` for what is none."""
    planned: bool = True
    """Whether a suite's grid may place rows on it; if not, rows have variants there (`CellOutcome.variants`)."""


class Condition(NamedTuple):
    """When a row reads a setting."""

    holds: Callable[[Any], bool]
    """The condition, of a cell."""
    rule: str
    """The condition in words."""


class Wanted(NamedTuple):
    """A row that a suite asks for."""

    method: str
    at: Mapping[str, str]
    seed: int
    options: Mapping[str, Any]
    """The method's own options that the suite's factors turn on or off."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place where a run happens; nothing here changes a figure (but a GPU's rounding)."""

    folder: Path
    """The folder of the run."""
    resources: Any = None
    device: str = "cpu"
    plugins: tuple[Plugin, ...] = ()
    """The plugins, which every process enrols before it runs a cell."""
    keep: Keeping = "nothing"
    """Beside the record, for `bench rescore` and `bench attack`."""
    team: Team | None = field(default=None, compare=False)
    """Workers for the parts of one cell; None: its own process does it all. A cell that has them is run in this one."""

    def checkpoints(self, cell: Cell) -> Path:
        """The folder in which a cell keeps what it needs to go on from there."""
        return self.folder / "checkpoints" / cell.id

    def kept(self, cell: Cell) -> Path:
        """The folder of what a cell leaves to be scored and attacked again; it is nobody's to publish."""
        return self.folder / "kept" / cell.id

    def artifacts(self, cell: Cell) -> Path:
        """The folder of what a cell leaves to look at; artifact paths are relative to `folder`."""
        return self.folder / "artifacts" / cell.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A cell that is being run."""

    cell: Any
    place: Place
    report: Report
    """Says how far it is: (stage, done, total)."""
    clock: Clock
    """Measures stages: `with work.clock.stage("training")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """The findings of a cell's run; they go into the record as they are."""

    metrics: Mapping[str, Score]
    samples: Sequence[Sample]
    artifacts: Mapping[str, str] = field(default_factory=dict)
    federation: FederationBlock | None = None
    attacks: Mapping[str, AttackResult] = field(default_factory=dict)
    audits: tuple[Audit, ...] = ()
    protection: ProtectionBlock | None = None
    efficiency: EfficiencyBlock | None = None
    operations: Mapping[str, float] = field(default_factory=dict)
    """Stage -> floating-point operations, where they are counted."""
    variants: tuple[Variant, ...] = ()
    """The row at other places on axes that are not planned; their samples are among `samples`, each with its `at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Files that several cells share, to be made before them."""

    title: str
    """The work that is being done, such as `filming`."""
    jobs: Sequence[Job]
    costs: Mapping[str, float] = field(default_factory=dict)
    """Job's key -> guessed relative cost; 1 where none is given."""


class Task(ABC):
    """A kind of run: its settings, rows, axes and metrics, and how a cell of it is run."""

    name: ClassVar[str]
    about: ClassVar[str]
    settings: ClassVar[type[Frozen]]
    """The tree that suites, presets and `--set` write to."""
    axes: ClassVar[Mapping[str, Axis]] = {}
    display: Display = Display()
    """How boards show it; written into every run's `run.json`."""
    conditions: Mapping[str, Condition] = {}
    """Setting, or the branch it stands in -> when a row reads it; without a condition every row does."""
    filled_in: Mapping[str, str] = {}
    """Setting that the program fills in -> how to choose it."""
    takes: ClassVar[frozenset[PluginKind]] = frozenset()
    """Kinds of what people may bring to it, beside tasks."""
    cell_bytes: ClassVar[float] = 1_500_000.0
    """Bytes that a cell leaves in the run's folder, about: record, samples, and what there is to look at."""
    by_axis: Mapping[str, str] = {}
    """Setting that a place on an axis decides -> that axis."""

    @property
    @abstractmethod
    def rows(self) -> Mapping[str, Row]:
        """All that can be run, by name."""

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Any]:
        """The metrics by name, in the order of the columns; each with `family`, `direction`, `about`."""

    @abstractmethod
    def cell(self, settings: Any, wanted: Wanted) -> Cell:
        """Returns the cell of a row: of `settings` only what changes this row's figures."""

    @abstractmethod
    def run(self, work: Work) -> CellOutcome:
        """Runs a cell. Killed at any point, the next call may go on from `work.place.checkpoints(cell)`."""

    def keep(self, cell: Any, place: Place) -> None:  # noqa: B027  by default nothing is there to keep
        """Puts what `place.keep` asks for into `place.kept(cell)`, of what the cell's checkpoints hold."""

    def again(self, work: Work, anew: Anew, source: Place) -> CellOutcome:
        """Computes the metrics, or the attacks, of a finished cell without training; the rest is left out.

        `source` is the place where it was run, of which nothing is changed. Raises a `UserError` where what is needed
        was not kept.
        """
        raise UserError(f"task {self.name} keeps nothing to compute {anew} from; run its suite again")

    def read_cell(self, raw: Mapping[str, Any]) -> Cell:
        """Returns the cell of a record, whose tree is `raw`."""
        raise UserError(f"task {self.name} cannot be scored or attacked again; run its suite again")

    def prepare_again(self, cells: Sequence[Any], place: Place, anew: Anew) -> Iterator[Preparation]:
        """Yields what must be made before metrics or attacks are computed again."""
        yield from ()

    def open(self, opening: Opening) -> Opened:
        """Finds the means of a run; a `UserError` where they are not there."""
        if opening.corpus is not None:
            raise UserError(f"task {self.name} reads no corpus; leave out --corpus")
        return Opened(changes=opening.changes)

    def settle(self, opened: Opened, opening: Opening, settings: Any) -> Mapping[str, Any]:
        """Returns further fixed settings, which depend on the settings so far."""
        return {}

    def check(  # noqa: B027  by default nothing is known in advance
        self, pending: Sequence[Planned], place: Place, workers: int
    ) -> None:
        """Raises a `UserError` for what would fail later."""

    def remarks(self, pending: Sequence[Planned]) -> Sequence[str]:
        """Returns what a user should know before the run."""
        return ()

    def prepare(self, cells: Sequence[Any], place: Place) -> Iterator[Preparation]:
        """Yields what must be made before the cells; each is made before the next is asked for."""
        yield from ()

    def costs(self, cell: Any) -> Mapping[str, float]:
        """Returns guessed seconds of each stage on one core; only their ratios matter."""
        return {"running": 1.0}

    def plan(self, pending: Sequence[Planned], place: Place, workers: int) -> TaskForecast:
        """Returns what cells will take, which are checked already; nothing is made.

        By default seconds are those that `costs` guesses, and shared files those that `prepare` finds missing by now.
        """
        made = [] if not pending else list(self.prepare([planned.cell for planned in pending], place))
        return TaskForecast(
            cells=tuple(CellForecast(key=one.key, stages=dict(self.costs(one.cell))) for one in pending),
            shared=tuple(
                SharedWork(
                    title=work.title,
                    files=len(work.jobs),
                    seconds=sum(work.costs.get(job.key, 1.0) for job in work.jobs),
                    longest=max((work.costs.get(job.key, 1.0) for job in work.jobs), default=0.0),
                )
                for work in made
            ),
            run_bytes=self.cell_bytes * len(pending),
            assumptions=("seconds are guesses from the settings, of one core of a small machine",),
        )

    def bound_memory(
        self, cells: Sequence[Planned], opened: Opened, workers: int, bound: float
    ) -> MemoryBounded:
        """Returns the means of cells that take at most `bound` MiB together, of at most so many workers."""
        raise UserError(
            f"task {self.name} has nothing that a bound on memory could change; leave out --memory"
        )

    def extend(self, grid: Sequence[str], added: Sequence[str]) -> Sequence[str]:
        """Returns the rows of a suite's grid with those that a user adds to the run.

        By default a row joins the grids that hold one of its kind.
        """
        kinds = {self.rows[name].kind for name in grid}
        return (*grid, *(name for name in added if name not in grid and self.rows[name].kind in kinds))

    def tidied(self, tree: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns a tree of settings as `settings` takes it, of one as people may write it."""
        return tree

    def condition(self, path: str) -> Condition | None:
        """Returns when a row reads the setting at a dotted path: as it, or the nearest branch above it, says."""
        while path:
            if path in self.conditions:
                return self.conditions[path]
            path = path.rpartition(".")[0]
        return None

    def placed(self, cell: Any, path: str) -> tuple[Any] | None:
        """Returns a cell's own value of the setting at a dotted path; None where it has no such part."""
        value: Any = cell.model_dump()
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return (value,)


_BROUGHT: dict[str, Task] = {}


def register_task(task: Task) -> None:
    """Adds a task that somebody brought; a name that is taken is a `UserError`."""
    held = _BROUGHT.get(task.name)
    if task.name in names() and type(held) is not type(task):
        raise UserError(f"task {task.name!r} is there already; give it another name")
    _BROUGHT[task.name] = held or task


def forget_task(name: str) -> None:
    """Takes out a task that somebody brought, so that its name is free again."""
    _BROUGHT.pop(name, None)


def names() -> list[str]:
    """Returns the names of all tasks: the folders of `bench/tasks`, and those that people brought."""
    from privtalk.bench import tasks

    return sorted({module.name for module in pkgutil.iter_modules(tasks.__path__)} | set(_BROUGHT))


def find_task(name: str) -> Task:
    """Returns a task by its name."""
    if name in _BROUGHT:
        return _BROUGHT[name]
    if name not in names():
        raise unknown("task", name, names())
    found = importlib.import_module(f"privtalk.bench.tasks.{name}.task").TASK
    assert isinstance(found, Task)
    return found
