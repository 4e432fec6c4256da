"""Private steps of the tested clients, from what federated training gave them; made once and kept for a cell."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from privtalk.bench.execution.task import Report
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training
from privtalk.bench.tasks.talking_head.stages.train import Trained, discard
from privtalk.core.seeds import torch_stream
from privtalk.core.tensor_files import save_tensors
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.devices import personal_adapters
from privtalk.methods.federation.personalisation import PrivateSteps, PrivateTraining, take_steps

KEPT = "personal.safetensors"


def personalise_cell(
    report: Report,
    cell: TalkingHeadCell,
    training: Training,
    backbone: Backbone,
    trained: Trained,
    evaluated: Sequence[ClientData],
    checkpoints: Path,
) -> Trained:
    """With the tested clients' own adapters after each count of private steps; `evaluated` are those clients.

    A cell that was killed takes its steps again, unless it had taken them all.
    """
    held = _held(trained, evaluated)
    counts = (*((0,) if held is not None else ()), *training.private_steps(cell.method))
    if not counts:
        return trained
    start = trained.template.unflatten(held) if held is not None else trained.bank
    private = PrivateTraining.of(
        backbone,
        start,
        evaluated,
        training.personalisation,
        training.federation,
        partial(torch_stream, cell.seed),
    )
    steps = _restored(checkpoints / KEPT, cell.id, private, counts)
    if steps is None:
        steps = take_steps(private, counts, lambda done, total: report("personalising", done, total))
        _check(steps)
        _save(checkpoints / KEPT, cell.id, steps)
    found = {count: private.bank(theta) for count, theta in steps.theta.items()}
    curves = {"loss": steps.loss} if trained.alone else trained.state.curves
    return replace(trained, personal=found, state=replace(trained.state, curves=curves))


def _held(trained: Trained, clients: Sequence[ClientData]) -> Tensor | None:
    """[K, d] what the clients' devices hold when federated training ends; None where it is what was released."""
    if trained.method is None:
        return None
    state, numbers = trained.state, [client.index for client in clients]
    return personal_adapters(trained.method, trained.template, state.released[0], numbers, state.clients)


def _check(steps: PrivateSteps) -> None:
    """Raises where private steps have diverged."""
    for count, theta in steps.theta.items():
        if not bool(theta.isfinite().all()):
            raise ValueError(
                f"private steps diverged within {count}: an adapter is not finite; lower personalisation.lr"
            )


def _save(path: Path, of: str, steps: PrivateSteps) -> None:
    tensors = {str(count): theta for count, theta in steps.theta.items()}
    save_tensors(path, tensors, {"steps": json.dumps({"of": of, "loss": steps.loss})})


def _restored(path: Path, of: str, private: PrivateTraining, counts: Sequence[int]) -> PrivateSteps | None:
    """The steps that were taken before; None where there are none of this training, which takes them and says so."""
    if not os.path.lexists(path):
        return None
    try:
        with safe_open(path, framework="pt") as file:
            theta = {int(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = json.loads((file.metadata() or {})["steps"])
        shape = (len(private.clients), private.trained.dim)
        _check_fits(theta, about, of, shape, counts)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        print(f"{path}: what was kept is left out, private steps are taken again ({reason})", file=sys.stderr)
        discard(path)
        return None
    device = private.backbone.device
    return PrivateSteps(
        {count: theta[count].to(device) for count in counts}, tuple(float(loss) for loss in about["loss"])
    )


def _check_fits(
    theta: Mapping[int, Tensor], about: object, of: str, shape: tuple[int, int], counts: Sequence[int]
) -> None:
    """Raises unless a file holds the adapters of this cell's clients after these counts."""
    if not isinstance(about, dict) or about["of"] != of:
        raise ValueError("of another cell")
    if sorted(theta) != sorted(counts) or len(about["loss"]) != max(counts):
        raise ValueError(f"after {sorted(theta)} steps, not {sorted(counts)}")
    for held in theta.values():
        if held.dtype != torch.float32 or tuple(held.shape) != shape or not bool(held.isfinite().all()):
            raise ValueError("adapters that do not fit")


def banks_of(trained: Trained | None) -> Mapping[str, AdapterBank]:
    """Private steps as the board's axis names them -> the adapters of a row's variants: all but those of the row."""
    if trained is None:
        return {}
    counts = list(trained.personal)
    return {str(count): trained.personal[count] for count in (counts[:-1] if trained.alone else counts)}
