"""The owner of a run folder: one configuration, to which seeds, rows and methods may be added."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privtalk.bench import suites
from privtalk.bench.corpus.origins import origins
from privtalk.bench.task import Planned, find_task
from privtalk.core.errors import UserError
from privtalk.core.run_folder import PlannedRow, Plugin, RunPlan, read_plan, with_rows, write_plan


def claimable(folder: Path) -> None:
    """Raises where no folder can be."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder with -o")


def claim(
    folder: Path,
    plan: suites.Plan,
    brought: tuple[Plugin, ...] = (),
    remarks: tuple[str, ...] = (),
    corpus: str | None = None,
) -> None:
    """A run folder belongs to one configuration; seeds and rows may be added to it, other settings may not."""
    theirs, merged = claimed(folder, plan, brought, remarks, corpus)
    if merged != theirs:
        write_plan(folder, merged)


def claimed(
    folder: Path,
    plan: suites.Plan,
    brought: tuple[Plugin, ...] = (),
    remarks: tuple[str, ...] = (),
    corpus: str | None = None,
) -> tuple[RunPlan | None, RunPlan]:
    """The plan that a folder holds, and the one that it will hold; raises where it is of another configuration."""
    mine = RunPlan(
        task=plan.task,
        suite=plan.suite,
        preset=plan.preset,
        settings=plan.settings.model_dump(mode="json"),
        plugins=brought,
        display=find_task(plan.task).display,
        origins=origins(Path(corpus)) if corpus and Path(corpus).is_dir() else (),
        planned=tuple(_row(planned) for planned in plan.cells),
        remarks=remarks,
    )
    theirs = read_plan(folder)
    if theirs is None:
        return None, mine
    apart = {"planned", "display", "plugins", "remarks", "origins"}
    old, new = (held.model_dump(mode="json", exclude=apart) for held in (theirs, mine))
    if changed := [*_differences(old, new), *_other_plugins(theirs, mine)]:
        raise UserError(
            f"{folder} holds another configuration ({'; '.join(changed[:3])}); name another folder with -o"
        )
    return theirs, with_rows(theirs, mine)


def _other_plugins(theirs: RunPlan, mine: RunPlan) -> list[str]:
    """The things brought then that are others now; methods may be added, what all rows are measured with may not."""
    old = {(plugin.kind, plugin.name): plugin for plugin in theirs.plugins}
    new = {(plugin.kind, plugin.name): plugin for plugin in mine.plugins}
    both, apart = sorted(old.keys() & new.keys()), sorted(old.keys() ^ new.keys())
    changed = [
        f"{new[key].reference} was changed since" for key in both if old[key].sha256 != new[key].sha256
    ]
    gone = [key for key in apart if key[0] != "method"]
    return changed + [f"{kind} {name}: {_there((kind, name) in old)}" for kind, name in gone]


def _there(before: bool) -> str:
    return "there before -> not now" if before else "not there before -> there now"


def _row(planned: Planned) -> PlannedRow:
    cell = planned.cell
    return PlannedRow(
        cell_id=cell.id,
        row=planned.row,
        method=cell.method,
        at=cell.at,
        seed=cell.seed,
        factors=planned.factors,
    )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`key: old -> new` for every leaf that differs."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix.removeprefix('settings.')}{key}: {before} -> {after}")
    return found
