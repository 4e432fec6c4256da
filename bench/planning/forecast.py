"""The parts of a forecast: plain values, importable without torch, and written as JSON as they are."""

from __future__ import annotations

from pydantic import Field

from privtalk.core.frozen import Frozen


class CellForecast(Frozen):
    """One cell's work."""

    key: str
    """Its name for people."""
    stages: dict[str, float]
    """Stage -> seconds on one core of this machine."""
    on_device: tuple[str, ...] = ()
    """The stages that a GPU would run; the others stay on the processor."""
    flops: dict[str, float] = Field(default_factory=dict)
    """Stage -> floating-point operations, of those that can be counted."""
    updates: int = 0
    """Client updates: times that a client trains an adapter of its own or sends one."""
    memory_mib: float | None = None
    """Peak of the process that runs it; None where it is not known."""

    @property
    def seconds(self) -> float:
        """All stages, on one core."""
        return sum(self.stages.values())


class SharedWork(Frozen):
    """Files that cells share, which are made before them."""

    title: str
    files: int
    seconds: float
    """On one core, of all that is missing."""
    flops: float = 0.0
    longest: float = 0.0
    """Seconds of the longest file, which no further worker shortens."""


class ForecastGuarantee(Frozen):
    """The guarantee of some rows."""

    rows: str
    mechanism: str
    delta: float | None = None
    noise_multiplier: float | None = None
    epsilons: dict[str, float | None] = Field(default_factory=dict)
    """Adversary -> ε; None where nothing is guaranteed against it."""
    reason: str | None = None
    """Why there is no guarantee."""


class Resolution(Frozen):
    """The smallest effect that the people of a run can show."""

    figure: str
    """Metric or attack."""
    least: float
    unit: str = ""
    rests_on: str
    """The test, and the spread that is assumed."""


class TaskForecast(Frozen):
    """A task's forecast of cells that are still to be run."""

    cells: tuple[CellForecast, ...]
    shared: tuple[SharedWork, ...] = ()
    start_seconds: float = 0.0
    """Seconds from the start of a worker to its first stage."""
    cache_bytes: float = 0.0
    """Bytes of shared files that are missing in the cache."""
    run_bytes: float = 0.0
    """Bytes of the run's folder at its end."""
    checkpoint_bytes: float = 0.0
    """Bytes that a cell keeps while it runs."""
    guarantees: tuple[ForecastGuarantee, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    assumptions: tuple[str, ...] = ()
    """The assumptions that the figures rest on, in sentences."""


class RunForecast(Frozen):
    """A forecast with what this machine, or a named GPU, makes of it."""

    suite: str
    preset: str
    task: str
    folder: str
    finished: int
    """Cells that have a record there already."""
    workers: int
    device: str
    hours: float
    """On this machine."""
    gpu: str | None = None
    gpu_hours: float | None = None
    memory_free_mib: float | None = None
    disk_free_bytes: float | None = None
    look_twice: tuple[str, ...] = ()
    """The limits of what the figures can say, in sentences."""
    forecast: TaskForecast

    @property
    def updates(self) -> int:
        """Client updates of all cells."""
        return sum(cell.updates for cell in self.forecast.cells)

    @property
    def flops(self) -> float:
        """Operations of all that can be counted."""
        cells = sum(sum(cell.flops.values()) for cell in self.forecast.cells)
        return cells + sum(work.flops for work in self.forecast.shared)

    @property
    def memory_mib(self) -> float | None:
        """Peak of the heaviest worker."""
        known = [cell.memory_mib for cell in self.forecast.cells if cell.memory_mib is not None]
        return max(known, default=None)
