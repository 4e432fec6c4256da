"""The checkpoint of training: what was saved comes back, whatever else lies there is refused in one line."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import RoundLog, Transcript

LOG = tuple(
    RoundLog(round=r, cohort=(0, 2), up_bytes=1, down_bytes=1, norms=(1.0, 0.1), weights=(1.0, 1.0))
    for r in range(2)
)
STATE = TrainingState(
    round=2,
    adapters=torch.ones(1, 3),
    mean=torch.full((1, 3), 0.5),
    averaged=2,
    server={"momentum": torch.zeros(3, dtype=torch.float64), "control": torch.ones(2)},
    clients={0: {"control": torch.ones(2)}, 11: {"control": torch.full((2,), 0.1)}},
    curves={"loss": (0.1, None), "odd": (float("nan"), 1.0)},
    transcript=Transcript(LOG, {1: torch.ones(2, 4)}, {0: torch.ones(3), 1: torch.ones(3)}),
    clip=0.3,
)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    STATE.save(path, "cell")
    found = TrainingState.load(path, "cell")
    assert (found.round, found.clip, found.transcript.log) == (2, 0.3, LOG)
    assert str(found.curves) == str(STATE.curves)
    assert torch.equal(found.transcript.messages[1], STATE.transcript.messages[1])
    assert torch.equal(found.adapters, STATE.adapters)
    assert torch.equal(found.released, torch.full((1, 3), 0.5))
    assert found.averaged == 2
    assert list(found.server) == ["control", "momentum"]
    assert {k: own["control"].tolist() for k, own in found.clients.items()} == {
        k: own["control"].tolist() for k, own in STATE.clients.items()
    }
    found.save(tmp_path / "again", "cell")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    STATE.save(tmp_path / "s", "this")
    with pytest.raises(ValueError, match="another training, 'this'"):
        TrainingState.load(tmp_path / "s", "that")


Change = Callable[[dict[str, Tensor], dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "no adapters": lambda t, m: t.pop("adapters"),
    "flat adapters": lambda t, m: t.update(adapters=torch.ones(3)),
    "no adapter": lambda t, m: t.update(adapters=torch.ones(0, 3)),
    "other size": lambda t, m: t.update(adapters=torch.ones(1, 4)),
    "other floats": lambda t, m: t.update(adapters=torch.ones(1, 3, dtype=torch.float64)),
    "whole numbers": lambda t, m: t.update({"server.momentum": torch.zeros(3, dtype=torch.int64)}),
    "a client without a number": lambda t, m: t.update({"client.x.control": torch.zeros(2)}),
    "a client that keeps no number": lambda t, m: t.update({"client.0.control": torch.full((2,), torch.inf)}),
    "not finite": lambda t, m: t.update(adapters=torch.full((1, 3), torch.nan)),
    "a mean of another size": lambda t, m: t.update(mean=torch.ones(1, 4)),
    "a mean of other floats": lambda t, m: t.update(mean=torch.ones(1, 3, dtype=torch.float16)),
    "a mean that is not finite": lambda t, m: t.update(mean=torch.full((1, 3), torch.nan)),
    "a mean over nothing": lambda t, m: m.update(averaged=0),
    "a mean over more rounds than there were": lambda t, m: m.update(averaged=3),
    "no mean": lambda t, m: t.pop("mean"),
    "left over": lambda t, m: t.update(x=torch.ones(1)),
    "a message of no round": lambda t, m: t.update({"messages.7": torch.ones(2, 4)}),
    "a message too few": lambda t, m: t.update({"messages.1": torch.ones(1, 4)}),
    "a message that is none": lambda t, m: t.update({"messages.x": torch.ones(2, 4)}),
    "another adapter": lambda t, m: t.update({"adapters.1": torch.ones(4)}),
    "no round": lambda t, m: m.update(round=0),
    "round of text": lambda t, m: m.update(round="two"),
    "another round": lambda t, m: m.update(round=3),
    "no log": lambda t, m: m.update(log=None),
    "a log with a gap": lambda t, m: m["log"].pop(0),
    "a log of others": lambda t, m: m.update(log=[{"round": 0}, {"round": 1}]),
    "short curves": lambda t, m: m.update(curves={"loss": [1.0]}),
    "curves of text": lambda t, m: m.update(curves={"loss": ["a", "b"]}),
    "curves of a list": lambda t, m: m.update(curves=[1, 2]),
    "no clip": lambda t, m: m.pop("clip"),
    "clip below zero": lambda t, m: m.update(clip=-1),
    "more than there is": lambda t, m: m.update(x=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_whose_parts_do_not_fit_is_refused_in_one_line(tmp_path: Path, change: str) -> None:
    path = tmp_path / "s"
    STATE.save(path)
    tensors, raw = dict(load_file(path)), path.read_bytes()
    about = json.loads(json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]["state"])
    CHANGES[change](tensors, about)
    save_file(tensors, path, {"state": json.dumps(about)})
    with pytest.raises(ValueError, match="not a training state") as caught:
        TrainingState.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", "[" * 100_000, '{"round": 1}'], ids=lambda text: text[:12] or "empty"
)
def test_notes_that_are_none_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    save_file({"adapters": torch.ones(1, 3)}, tmp_path / "s", {"state": text})
    with pytest.raises(ValueError, match="not a training state") as caught:
        TrainingState.load(tmp_path / "s")
    assert "\n" not in str(caught.value)


def test_tensors_without_notes_and_a_folder_are_refused(tmp_path: Path) -> None:
    save_file({"adapters": torch.ones(1, 3)}, tmp_path / "s")
    for path in (tmp_path / "s", tmp_path, tmp_path / "nothing"):
        with pytest.raises(ValueError, match="not a training state"):
            TrainingState.load(path)


def test_a_state_that_does_not_fit_a_training_says_so(template: AdapterBank) -> None:
    start = TrainingState.start(template, 2)
    start.check_fits(template, 3, {1, 2})
    with pytest.raises(ValueError, match="2 adapters"):
        start.check_fits(template, 3, {1})
    with pytest.raises(ValueError, match="3 numbers"):
        STATE.check_fits(template, 3, {1})
    with pytest.raises(ValueError, match="of round 2, training ends with 1"):
        STATE.check_fits(_of_three(), 1, {1})
    STATE.check_fits(_of_three(), 2, {1}, STATE.server)
    with pytest.raises(ValueError, match=r"the state's server keeps .*'momentum': .*, the method's nothing"):
        STATE.check_fits(_of_three(), 2, {1}, {})


def _of_three() -> AdapterBank:
    from torch import nn

    from privtalk.methods.config import AdapterConfig

    layers = nn.ModuleDict({"x": nn.Linear(2, 1)})
    config = AdapterConfig(rank=1, targets=("*",))
    return AdapterBank.initial(layers, config, lambda *names: torch.Generator().manual_seed(0))
