"""The files of a trained cell that are kept for new metrics and attacks, and training that is read back from them.

What is kept are the cell's own checkpoints, so that what goes on from them is what went on when it was run. Messages
are secrets of the clients who sent them, and personal adapters of their owners: files are for whoever ran it alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training, trains_alone
from privtalk.bench.tasks.talking_head.stages import personalise
from privtalk.bench.tasks.talking_head.stages.train import (
    STATE,
    Trained,
    initial_adapter,
    message_factor,
)
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import Transcript
from privtalk.methods.registry import METHODS, build

RUN_AGAIN = "run the suite into a new folder with --keep"


def keep(cell: TalkingHeadCell, checkpoints: Path, kept: Path, *, messages: bool) -> None:
    """Keeps what training and private steps left; without messages, and what rounds started from, unless asked for."""
    if cell.training is None:
        return
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o700)
    if (checkpoints / STATE).exists():
        state = TrainingState.load(checkpoints / STATE, cell.id)
        if not messages:
            state = replace(state, transcript=Transcript(state.transcript.log))
        state.save(kept / STATE, cell.id)
    if (checkpoints / personalise.KEPT).exists():
        shutil.copyfile(checkpoints / personalise.KEPT, kept / personalise.KEPT)
    for path in kept.iterdir():
        path.chmod(0o600)


def retrieve(
    cell: TalkingHeadCell,
    training: Training,
    backbone: Backbone,
    clients: Sequence[ClientData],
    evaluated: Sequence[ClientData],
    kept: Path,
    scratch: Path,
    *,
    messages: bool,
) -> Trained:
    """Returns a cell's training from what was kept of it. Nothing is trained, and nothing in `kept` is changed.

    Arguments:
        kept: the folder that `keep` filled.
        scratch: where copies of its files may lie.
        messages: whether they are needed.

    Raises a `UserError`, in one line, for what was not kept or does not fit.
    """
    _needed(kept, "the adapters", "adapters")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(kept, scratch)
    trained = _trained(cell, training, backbone, clients, scratch)
    if messages and trained.method is not None and not trained.state.transcript.messages:
        raise UserError(f"{kept}: the messages were not kept; {RUN_AGAIN} transcripts")
    steps = scratch / personalise.KEPT
    before = file_hash(steps) if steps.exists() else ""
    found = personalise.personalise_cell(
        lambda stage, done, total: _refuse(kept),
        cell,
        training,
        backbone,
        trained,
        evaluated,
        scratch,
    )
    if found.personal and (not before or file_hash(steps) != before):
        _refuse(kept)
    return found


def _trained(
    cell: TalkingHeadCell, training: Training, backbone: Backbone, clients: Sequence[ClientData], folder: Path
) -> Trained:
    template = initial_adapter(cell, training, backbone)
    if trains_alone(cell.method):
        return Trained(state=TrainingState.start(template), template=template, alone=True)
    method = build(cell.method, training.options) if cell.method in METHODS else None
    try:
        state = TrainingState.load(folder / STATE, cell.id)
        state.check_fits(
            template,
            training.federation.rounds,
            {1},
            None if method is None else method.server_state(template),
        )
    except ValueError as error:
        raise UserError(f"{cell.method} seed {cell.seed}: {error}") from error
    return Trained(
        state=state,
        template=template,
        factor=message_factor(cell, training, clients),
        method=method,
    )


def _needed(kept: Path, what: str, option: str) -> None:
    if not kept.is_dir() or not any(kept.iterdir()):
        raise UserError(f"{kept}: {what} were not kept; {RUN_AGAIN} {option}")


def _refuse(kept: Path) -> None:
    raise UserError(f"{kept}: the private steps were not kept whole; {RUN_AGAIN} adapters")
