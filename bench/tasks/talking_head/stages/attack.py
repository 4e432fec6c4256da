"""All attacks on a cell: what each adversary can tell from what it sees.

Three files of attacks meet here with what bench knows of a run: people, their footage, and who really took part.
Everything that no trained adapter enters is computed once in a process and shared by its cells.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from torch import Tensor

from privtalk.attacks.catalogue import CATALOGUE
from privtalk.attacks.declaration import Sees
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.membership import user_inference
from privtalk.attacks.membership.malicious_client import attack_client
from privtalk.attacks.membership.passes import Asked
from privtalk.attacks.membership.release import ReleaseTarget, ask, outcomes
from privtalk.attacks.membership.shadow_attacks import Outsiders, attack_with_shadows, outsiders
from privtalk.attacks.outcome import AttackOutcome, StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.server import attack_server, attack_sums, last_candidates
from privtalk.attacks.views import ClientView, ReleaseView, ServerView
from privtalk.bench.attack_records import all_recorded, missing, strengthened
from privtalk.bench.corpus.partition import Client
from privtalk.bench.corpus.population import Person
from privtalk.bench.execution.task import Report
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head.settings import AttackSpec
from privtalk.bench.tasks.talking_head.stages import footage, shadows
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.shadow_plan import KnownPeople, ShadowPlan, probing
from privtalk.bench.tasks.talking_head.stages.shadow_work import aimed_at
from privtalk.bench.tasks.talking_head.stages.train import Trained, client_data
from privtalk.core.records import AttackResult
from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, AdapterConfig
from privtalk.methods.federated.method import FederatedMethod

KEPT = "every client keeps its own adapter: none is released"
QUESTIONS = 8
"""The questions whose answers a process keeps for further cells."""
LEAST_ROUNDS = 2
"""Globals that a client must have been sent for differences to exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who is asked about, by which probes, of adapters that start from which: what cells of a seed have in common."""

    spec: AttackSpec
    seed: int
    adapter: AdapterConfig
    members: tuple[Person, ...]
    nonmembers: tuple[Person, ...]
    own: tuple[Person, ...]
    """The attacker's."""
    store: FeatureStore
    worlds: ShadowPlan | None

    @property
    def stream(self) -> Stream:
        return partial(torch_stream, self.seed)

    def initial(self) -> AdapterBank:
        """The adapter that training starts from."""
        denoiser = open_backbone(self.store.network).denoiser
        return AdapterBank.initial(denoiser, self.adapter, self.stream)


def attack_cell(
    report: Report,
    question: Question,
    trained: Trained,
    clients: Sequence[Client],
    factor: float,
) -> dict[str, AttackResult]:
    """Every attack on what a row releases and says; those on personal adapters are `leak`'s.

    `factor` is how far a message moves the global adapter.
    """
    report("attacking", 0, 3)
    if len(trained.bank) > 1:
        return {"user_inference": missing(user_inference.DECLARATION, KEPT)}
    silent, unread = _inapplicable(trained.method)
    found = not_run(("release",), silent) if silent else on_release(question, trained)
    report("attacking", 1, 3)
    if unread:
        return found | not_run(("server", "sums", "client"), unread)
    found |= on_messages(question, trained, clients)
    report("attacking", 2, 3)
    found |= by_a_client(question, trained, clients, factor)
    report("attacking", 3, 3)
    return found


def _inapplicable(method: FederatedMethod | None) -> tuple[str | None, str | None]:
    """Why attacks on a method's release, and on its messages, do not apply; None where they do."""
    return (None, None) if method is None else (method.release_says_nothing, method.messages_unread)


def not_run(views: Sequence[Sees], reason: str) -> dict[str, AttackResult]:
    """The attacks of some views, none of which applies to what a method shows there."""
    return {
        name: missing(about, f"not run: {reason}")
        for name, about in CATALOGUE.items()
        if about.view in views and about.family != "reconstruction"
    }


def on_release(question: Question, trained: Trained) -> dict[str, AttackResult]:
    """Attacks on the released adapter."""
    started = time.perf_counter()
    target, stream = aimed(question), question.stream
    view = ReleaseView(backbone=open_backbone(question.store.network), adapter=trained.bank)
    answers = ask(view, target, stream)
    found = outcomes(answers, target, stream)
    if question.worlds is not None:
        known = shadows.load(question.worlds).answers
        own = own_people(question)
        found |= attack_with_shadows(view, target, answers["exact"], known, own, stream)
    return timed(found, question, started)


def on_messages(question: Question, trained: Trained, clients: Sequence[Client]) -> dict[str, AttackResult]:
    """Attacks on each client's messages, and on their sums."""
    if not trained.state.transcript.messages:
        return {}
    started = time.perf_counter()
    view = ServerView.of(open_backbone(question.store.network), trained.state)
    knowledge, labels = knowing(question), truth(question, clients)
    known = last_candidates(view, knowledge)
    single = timed(attack_server(view, knowledge, labels, known=known), question, started)
    started = time.perf_counter()
    return single | timed(attack_sums(view, knowledge, labels, known=known), question, started)


def timed(
    found: Mapping[str, AttackOutcome],
    question: Question,
    started: float,
    known: Mapping[str, StrengthOutcome] | None = None,
) -> dict[str, AttackResult]:
    """Recorded, with the seconds since `started` and the strengths `known`; None: those that shadow worlds gave."""
    plan = question.worlds
    if known is None:
        known = {} if plan is None else shadows.load(plan).strengths
    return all_recorded(strengthened(found, known), time.perf_counter() - started)


def by_a_client(
    question: Question, trained: Trained, clients: Sequence[Client], factor: float
) -> dict[str, AttackResult]:
    """The attacks of the client that was sent most globals; it is one of those nobody asks about.

    `factor` is how far a message moves the global adapter.
    """
    said = trained.state.transcript
    asked = {person.name for person in question.members}
    sent = Counter(client for log in said.log if log.round in said.adapters for client in log.cohort)
    others = [client for client in clients if not asked & set(client.people)]
    chosen = max(others, key=lambda client: sent[client.index], default=None)
    if chosen is None or sent[chosen.index] < LEAST_ROUNDS:
        return {}
    started = time.perf_counter()
    [data] = client_data([chosen], question.store.population.people("clients"), question.store)
    view = ClientView.of(open_backbone(question.store.network), trained.state, data)
    own = {r: factor * _message(trained, r, chosen.index) for r in view.received}
    return timed(attack_client(view, aimed(question), question.stream, own), question, started)


def _message(trained: Trained, round_: int, client: int) -> Tensor:
    """float32 [d] what a client sent in a round."""
    said = trained.state.transcript
    log = next(log for log in said.log if log.round == round_)
    return said.messages[round_][log.cohort.index(client), : trained.template.dim].float()


@lru_cache(maxsize=QUESTIONS)
def aimed(question: Question) -> ReleaseTarget:
    """The target, which the cells of a process share."""
    view = ReleaseView(backbone=open_backbone(question.store.network), adapter=question.initial())
    people = KnownPeople(question.members, question.nonmembers, question.own)
    known = None if question.worlds is None else shadows.load(question.worlds).untrained
    return aimed_at(question.spec, question.store, view, question.stream, people, known)


@lru_cache(maxsize=QUESTIONS)
def own_people(question: Question) -> Outsiders:
    """The attacker's own people, whom RMIA compares with."""
    spec, store = question.spec, question.store
    batches = [footage.exact(spec, person, store) for person in question.own]
    view = ReleaseView(backbone=open_backbone(store.network), adapter=question.initial())
    return outsiders(view, Asked.about(batches, probing(spec).exact, question.stream))


@lru_cache(maxsize=QUESTIONS)
def knowing(question: Question) -> Knowledge:
    """The knowledge of attackers on messages: fresh footage of everybody who is asked about."""
    spec, store = question.spec, question.store
    people = (*question.members[: spec.clients], *question.nonmembers)
    return Knowledge(
        people=[footage.fresh(spec, person, store) for person in people],
        public=[footage.fresh(spec, person, store) for person in question.own],
        initial=question.initial(),
        stream=question.stream,
    )


def truth(question: Question, clients: Sequence[Client]) -> PairLabels:
    """The client that each person of `knowing` is behind, and what they look like."""
    holders = {name: client for client in clients for name in client.people}
    members = question.members[: question.spec.clients]
    own = {holders[person.name].index: place for place, person in reversed(list(enumerate(members)))}
    return PairLabels(
        own=own,
        strangers=tuple(range(len(members), len(members) + len(question.nonmembers))),
        attributes=_attributes(members, holders),
    )


def _attributes(members: Sequence[Person], holders: Mapping[str, Client]) -> dict[int, Mapping[str, str]]:
    return {holders[person.name].index: person.attributes for person in members}
