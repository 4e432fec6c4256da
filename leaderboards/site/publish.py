"""The static site: one folder that opens from disk or any web server, without network, and prints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import validation as result
from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import BoardKey, Runs, load
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.escaping import joined_name, visible
from privtalk.leaderboards.site import page

MARKER = ".privtalk-site"
"""File that marks a folder as a site which may be replaced."""


def publish(run_folders: Sequence[Path], out: Path) -> Path:
    """Write the boards of all records as a site and return its index page.

    The site is built beside `out` and then put in its place, so a reader finds the old site or the new one. An
    existing folder is replaced only if it is empty or a site.
    """
    _replaceable(out, run_folders)
    runs = load(run_folders)
    boards = boards_of(runs)
    links = _links(boards)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        (partial / MARKER).write_text("made by bench publish\n", encoding="utf-8")
        shutil.copytree(Path(__file__).parent / "static", partial / "static")
        trust = result.publish(runs.validation, partial) if runs.validation and runs.validation.page else ""
        for board, link in zip(boards.values(), links, strict=True):
            page.write(board, runs, partial, link, links, trust)
        _put_in_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out / "index.html"


def boards_of(runs: Runs) -> dict[BoardKey, Board]:
    """Every board, as strangers may read it."""
    if not runs.records:
        raise ValueError(f"no record could be read: {formats.first_of(runs.problems)}")
    expected = {
        key: replace(
            known, missing=tuple(r._replace(reason=_without_paths(r.reason, runs)) for r in known.missing)
        )
        for key, known in runs.expected.items()
    }
    problems = [_without_paths(problem, runs) for problem in runs.problems]
    return build_all(replace(runs, problems=problems, expected=expected))


def _without_paths(problem: str, runs: Runs) -> str:
    """A problem as strangers may read it: files by their place in the run folder."""
    for folder in sorted({visible(f"{folder}{os.sep}") for folder in runs.roots}, key=len, reverse=True):
        problem = problem.replace(folder, "")
    return problem


def _links(boards: Mapping[BoardKey, Board]) -> list[page.PageLink]:
    """Page of each board, the first being the index; corpus and task are named where a suite has several."""
    links = []
    for index, (key, board) in enumerate(boards.items()):
        alike = [other for other in boards if other[:2] == key[:2]]
        told = [part for k, part in enumerate(key) if k > 1 and len({other[k] for other in alike}) > 1]
        name = ", ".join([board.display.suites.get(key.suite, key.suite), f"{key.preset} preset", *told])
        href = "index.html" if index == 0 else f"{joined_name(key.suite, key.preset, *told)}.html"
        links.append(page.PageLink(href=href, title=name))
    return links


def _replaceable(out: Path, run_folders: Sequence[Path]) -> None:
    """Raise `ValueError` if publishing there would destroy something else."""
    target = out.resolve()
    for folder in run_folders:
        run = folder.resolve()
        if run == target or run.is_relative_to(target) or target.is_relative_to(run / "records"):
            raise ValueError(f"{out}: holds the run {folder}; name another folder for the site")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file; name a folder for the site")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).exists():
        raise ValueError(f"{out}: holds files that are not a site; name a new or empty folder")


def _put_in_place(partial: Path, out: Path) -> None:
    """Swap the finished folder in; the old one goes last."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)
