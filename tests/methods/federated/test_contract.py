"""What every registered method keeps to, whoever wrote it."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.summation import summation
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.registry import METHODS, build

CLIP = 0.05
NAMES = list(METHODS)
pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def federation(
    name: str,
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> Federation:
    method = build(name)
    template = AdapterBank.initial(backbone.denoiser, method.adapter(template.config), stream)
    return Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config.model_copy(update={"rounds": 2, "rate": 0.8}),
        method=method,
        stream=stream,
        keep=Keep(messages=True, adapters=True),
    )


def last(federation: Federation, state: TrainingState | None = None) -> TrainingState:
    return list(federate(federation, state))[-1]


def tensors(state: TrainingState) -> Iterator[tuple[str, Tensor]]:
    """All that a state holds, by name."""
    yield "adapters", state.adapters
    yield from ((f"server {name}", t) for name, t in state.server.items())
    yield from ((f"client {k} {name}", t) for k, own in state.clients.items() for name, t in own.items())
    yield from ((f"messages {r}", t) for r, t in state.transcript.messages.items())


def differences(a: TrainingState, b: TrainingState) -> list[str]:
    """Names of what is not the same, bit for bit."""
    ours, theirs = dict(tensors(a)), dict(tensors(b))
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]


def test_it_is_named_after_its_file_and_says_what_it_is(name: str) -> None:
    method = METHODS[name]
    path = Path(inspect.getfile(method))
    assert path.stem == name == method.name
    assert method.about.endswith(".")
    assert method.source


def test_its_options_are_documented_and_have_defaults(name: str) -> None:
    """A string stands under every option, which is what strangers read."""
    method = METHODS[name]
    own = [c for c in method.Options.__mro__ if c.__module__ == method.__module__]
    for options in own:
        assert options.__doc__
        [node] = [
            n
            for n in ast.walk(ast.parse(Path(inspect.getfile(method)).read_text()))
            if isinstance(n, ast.ClassDef) and n.name == "Options"
        ]
        after = dict(zip(node.body, node.body[1:], strict=False))
        for field in (n for n in node.body if isinstance(n, ast.AnnAssign)):
            said = after.get(field)
            assert isinstance(said, ast.Expr), ast.unparse(field)
            assert isinstance(said.value, ast.Constant)
    assert build(name).options == method.Options()


def test_a_resumed_run_is_the_uninterrupted_one(federation: Federation, tmp_path: Path) -> None:
    config = federation.config.model_copy(update={"server_momentum": 0.5})
    run = replace(federation, config=config, mechanism=GaussianMechanism(clip=CLIP, noise_multiplier=0.5))
    first = next(federate(run))
    first.save(tmp_path / "state")
    loaded = TrainingState.load(tmp_path / "state")
    assert differences(loaded, first) == []
    loaded.check_fits(run.template, 2, {1}, run.method.server_state(run.template))
    resumed, whole = last(run, loaded), last(run)
    assert differences(resumed, whole) == []
    assert resumed.curves == whole.curves


def test_no_noise_and_an_infinite_clip_are_no_privacy(federation: Federation) -> None:
    plain = last(federation)
    for clip in (math.inf, 1e9):
        bare = replace(federation, mechanism=GaussianMechanism(clip=clip, noise_multiplier=0.0))
        assert differences(last(bare), plain) == []
    assert differences(last(replace(federation, mechanism=GaussianMechanism(clip=1e-3))), plain)


def test_a_removed_client_moves_the_sum_by_at_most_the_clip(federation: Federation) -> None:
    """In the first round, whoever it is: its message is clipped as a whole, and no other message depends on it.

    Clients descend by SGD, which makes all parts of a message about as long, so that a clip of one part shows.
    """
    public = {"reference_frames": federation.public.reference_frames, "mean_weight": 0.5}
    local = {"rate": 1.0, "rounds": 1, "optimizer": "sgd", "lr": 0.5}
    run = replace(federation, config=federation.config.model_copy(update=public | local))
    lengths = last(run).transcript.messages[0].double().norm(dim=1)
    clip = float(lengths.min()) / 2
    assert clip > 0
    run = replace(run, mechanism=GaussianMechanism(clip=clip))
    whole = last(run).transcript.messages[0]
    for k in range(len(run.clients)):
        others = tuple(c for c in run.clients if c.index != k)
        rest = last(replace(run, clients=others)).transcript.messages[0]
        kept = [j for j in range(len(run.clients)) if j != k]
        torch.testing.assert_close(rest, whole[kept], rtol=1e-3, atol=1e-6)  # rounding of other batch sizes
        assert float((whole.double().sum(0) - whole[kept].double().sum(0)).norm()) <= clip * (1 + 1e-5)
    assert float(whole.double().norm(dim=1).max()) <= clip * (1 + 1e-5)


def test_messages_are_as_long_as_accounting_was_told(federation: Federation) -> None:
    length = federation.method.message_length(federation.template)
    for mechanism in PRIVATE:
        aggregate = summation(federation.config, mechanism, len(federation.clients), length).aggregate
        state = last(replace(federation, mechanism=mechanism, aggregate=aggregate))
        assert {m.shape[1] for m in state.transcript.messages.values()} == {length}
        assert all(entry.up_bytes == 4 * length * len(entry.cohort) for entry in state.transcript.log)
        assert state.adapters.isfinite().all()


PRIVATE: tuple[RunMechanism, ...] = (
    GaussianMechanism(clip=CLIP, noise_multiplier=1.0),
    DiscreteMechanism(clip=CLIP, noise_multiplier=1.0),
)


def test_a_message_of_another_length_is_refused(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = federation.method.message_length(federation.template)
    monkeypatch.setattr(type(federation.method), "message_length", lambda self, template: length + 1)
    with pytest.raises(
        ValueError, match=rf"method {federation.method.name}: messages are .*, message_length says"
    ):
        last(federation)


def test_the_order_of_clients_does_not_matter(federation: Federation) -> None:
    """A sum of messages is the same in any order of arrival."""
    plain = last(federation)

    def shuffled(messages, dim):  # type: ignore[no-untyped-def]
        return federation.aggregate(messages[::-1], dim)

    assert differences(last(replace(federation, aggregate=shuffled)), plain) == []


def test_no_client_depends_on_what_another_holds(federation: Federation) -> None:
    """In the first round: with another's footage a client sends and keeps the same."""
    config = federation.config.model_copy(update={"rate": 1.0, "rounds": 1, "reference_frames": 20})
    run = replace(federation, config=config)
    *others, client = run.clients
    changed = replace(client, held=replace_latents(client))
    one, other = last(run), last(replace(run, clients=(*others, changed)))
    assert torch.equal(one.transcript.messages[0][:-1], other.transcript.messages[0][:-1])
    for index in [c.index for c in others if one.clients]:
        assert all(torch.equal(t, other.clients[index][n]) for n, t in one.clients[index].items())


def replace_latents(client: ClientData):  # type: ignore[no-untyped-def]
    return client.features._replace(latents=-client.features.latents)


def test_what_is_personal_is_an_adapter(federation: Federation) -> None:
    state, method = last(federation), federation.method
    for own in [*state.clients.values(), method.client_state(federation.template, state.adapters[0])]:
        found = method.personal(federation.template, state.adapters[0], own)
        assert found is None or (found.shape == state.adapters[0].shape and found.isfinite().all())
