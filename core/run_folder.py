"""The plan of a run folder, and what became of it: rows that are missing stay known, with the reason.

``run.json`` holds the configuration and every row that was ever asked of it; ``failures/<cell>.json`` says why a cell
failed, until it succeeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from privtalk.core.display import Display
from privtalk.core.files import write_atomic
from privtalk.core.frozen import Frozen
from privtalk.core.json_files import read_json
from privtalk.core.origin import DatasetOrigin
from privtalk.core.upgrade import FIRST_TASK, at_of, tier_of

PLAN = "run.json"
NOT_YET = "not run yet (the run was stopped before it, or goes on)"
_KEY = re.compile(r"(?P<row>.+?)(?: (?P<tier>[A-Za-z_]\w*=\S+(?:, \w+=\S+)*))? seed (?P<seed>-?\d{1,9})")

CellId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.=-]{0,99}$")]
"""Safe as a file's name."""


class PlannedRow(Frozen):
    """A cell that a run was asked for."""

    cell_id: CellId
    row: str
    """Name on the board."""
    method: str
    at: dict[str, str] = Field(default_factory=dict)
    seed: int
    factors: dict[str, bool] = Field(default_factory=dict)
    """Factor of the grid that it stands in -> whether the row has it; empty for a row of no factorial grid, and in
    folders from before factors were written down."""

    @property
    def tier(self) -> str:
        """The place on the axes as text."""
        return tier_of(self.at)

    @property
    def key(self) -> str:
        """The row's name for people, as `spec.Planned.key` is."""
        tier = "" if self.tier == "none" else f" {self.tier}"
        return f"{self.row}{tier} seed {self.seed}"


PluginKind = Literal["method", "attack", "metric", "task", "corpus", "layout"]


class Plugin(Frozen):
    """A thing that somebody brought to a run."""

    kind: PluginKind
    reference: str
    """How it was named: `my.py:MyMethod`, or a module's."""
    name: str
    """Its own, by which it is chosen and recorded."""
    sha256: str
    """The hash of the file that it came from."""


class RunPlan(Frozen):
    """The configuration that a folder belongs to, and all rows that were planned in it."""

    task: str = FIRST_TASK
    suite: str
    preset: str
    settings: dict[str, Any]
    plugins: tuple[Plugin, ...] = ()
    """The plugins that people brought."""
    display: Display | None = None
    """How boards show the task; None in folders from before it was written down."""
    origins: tuple[DatasetOrigin, ...] = ()
    """The data sets that the corpus was prepared from; empty where it is the embedded one, or does not say."""
    planned: tuple[PlannedRow, ...] = ()
    """Empty in folders from before rows were written down."""
    remarks: tuple[str, ...] = ()
    """The remarks made before the run on what its people and clips are too few for."""

    @property
    def corpus(self) -> str:
        """Name of the corpus; empty where the settings name none."""
        corpus = self.settings.get("corpus")
        return str(corpus.get("name", "")) if isinstance(corpus, Mapping) else ""


class MissingRow(NamedTuple):
    """A planned row without a record."""

    row: str
    method: str
    tier: str
    seed: int
    cell_id: str
    """Empty where only a log tells of it."""
    reason: str


class _Failure(Frozen):
    cell_id: CellId
    reason: str


def read_plan(folder: Path) -> RunPlan | None:
    """The folder's plan; None where there is none. A damaged one is a `ValueError` that names the file."""
    path = folder / PLAN
    if not path.exists():
        return None
    try:
        return RunPlan.model_validate(_upgraded(read_json(path)))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        said = f"{where}: {fault['msg']}" if where else fault["msg"]
    except ValueError as error:
        said = str(error)
    raise ValueError(f"{path}: not a run's plan ({said}); name another folder, or put the file back")


def _upgraded(raw: Any) -> Any:
    """Rows of older plans name their tier in one text."""
    if not isinstance(raw, dict) or not isinstance(raw.get("planned"), list):
        return raw
    rows = [
        {key: value for key, value in row.items() if key != "tier"} | {"at": at_of(row["tier"])}
        if isinstance(row, dict) and isinstance(row.get("tier"), str)
        else row
        for row in raw["planned"]
    ]
    return raw | {"planned": rows}


def write_plan(folder: Path, plan: RunPlan) -> None:
    write_atomic(folder / PLAN, json.dumps(plan.model_dump(mode="json"), indent=1) + "\n")


def with_rows(plan: RunPlan, more: RunPlan) -> RunPlan:
    """The plan with the rows and plugins of another, each once, in the order in which they were first asked for.

    A row that was written down before factors were takes those of the other.
    """
    merged = {row.cell_id: row for row in plan.planned}
    for row in more.planned:
        if row.cell_id not in merged or (row.factors and not merged[row.cell_id].factors):
            merged[row.cell_id] = row
    brought = tuple(dict.fromkeys((*plan.plugins, *more.plugins)))
    said = tuple(dict.fromkeys((*plan.remarks, *more.remarks)))
    origins = more.origins or plan.origins
    update = {"planned": tuple(merged.values()), "plugins": brought, "remarks": said, "origins": origins}
    return plan.model_copy(update=update)


def record_failure(folder: Path, cell_id: str, reason: str) -> None:
    """Write down why a cell failed, in one line."""
    line = " ".join(reason.split()).encode("utf-8", "backslashreplace").decode("utf-8")
    failure = _Failure(cell_id=cell_id, reason=line or "no reason given")
    write_atomic(_failure_path(folder, cell_id), failure.model_dump_json() + "\n")


def clear_failure(folder: Path, cell_id: str) -> None:
    _failure_path(folder, cell_id).unlink(missing_ok=True)


def failures(folder: Path) -> dict[str, str]:
    """Cell id -> why it failed. A damaged note still says that it did."""
    found = {}
    for path in sorted((folder / "failures").glob("*.json")):
        try:
            found[path.stem] = _Failure.model_validate(read_json(path)).reason
        except ValueError:
            found[path.stem] = f"failed (why cannot be read from failures/{path.name})"
    return found


def missing_rows(folder: Path, have: Collection[str]) -> tuple[MissingRow, ...]:
    """Planned rows whose cell is not among `have`, each with the reason.

    A folder that does not say what was planned has the rows of which a log tells that they failed.
    """
    plan, logged = read_plan(folder), _logged(folder)
    if plan is None or not plan.planned:
        return tuple(found for key, reason in logged.items() if (found := _of_log(key, reason)))
    failed = failures(folder)
    return tuple(
        MissingRow(
            row=planned.row,
            method=planned.method,
            tier=planned.tier,
            seed=planned.seed,
            cell_id=planned.cell_id,
            reason=failed.get(planned.cell_id) or logged.get(planned.key) or NOT_YET,
        )
        for planned in plan.planned
        if planned.cell_id not in have
    )


def _failure_path(folder: Path, cell_id: str) -> Path:
    return folder / "failures" / f"{_Failure(cell_id=cell_id, reason='-').cell_id}.json"


def _logged(folder: Path) -> dict[str, str]:
    """Key -> reason, from the first lines of logs; a log lies there until its cell succeeds."""
    found = {}
    for path in sorted((folder / "logs").glob("*.log")):
        try:
            with path.open(encoding="utf-8", errors="replace") as log:
                key, colon, reason = log.readline(4096).strip().partition(": ")
        except OSError:
            continue
        if colon and reason:
            found[key] = reason
    return found


def _of_log(key: str, reason: str) -> MissingRow | None:
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    row, tier = match["row"], match["tier"] or "none"
    return MissingRow(row=row, method=row, tier=tier, seed=int(match["seed"]), cell_id="", reason=reason)
