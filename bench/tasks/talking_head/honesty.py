"""Conditions that a small corpus brings, said before a run: nothing here keeps a cell from being run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from privtalk.attacks.evaluation import FPR_TARGETS
from privtalk.bench.corpus.spec import CorpusSpec, Footage
from privtalk.bench.tasks.talking_head.preflight import client_count, cohorts
from privtalk.bench.tasks.talking_head.settings import PlannedTalkingHead, TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.bench.tasks.talking_head.stages.reconstruct import LEAST_PUBLIC
from privtalk.bench.tasks.talking_head.stages.score import evaluators
from privtalk.bench.tasks.talking_head.stages.shadow_plan import FEWEST
from privtalk.methods.federation.summation import MINIMUM
from privtalk.methods.privacy.accounting.sampled_gaussian import void_delta
from privtalk.methods.registry import METHODS
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.distributions import SOURCES
from privtalk.metrics.evaluators.bundle import Kind

STRIDES = {"fvd[talkhead]": 2}
"""Metric -> windows that a frame is in; one where none is said."""
LARGE_DELTA = 0.01
"""δ above which a guarantee is told to mean little: it may fail for one run in a hundred."""
FEW = 8
"""Clients below whom an interval over clients is wide and rests on a normal spread."""


class SetNeeds(NamedTuple):
    """The samples that a metric of a set is computed from."""

    metric: str
    features: int
    """Numbers of a feature: a covariance needs more samples than that."""
    window: int = 1
    """Frames of a sample."""
    stride: int = 1
    """Frames from one sample to the next."""

    def samples(self, footage: Footage, people: int) -> int:
        """Samples of so many people's clips.

        >>> SetNeeds("fvd", 32, 16, 8).samples(Footage(clips=1, frames=24), 6)
        12
        """
        each = max(0, 1 + (footage.frames - self.window) // self.stride)
        return people * footage.clips * each


def needs(corpus: str) -> tuple[SetNeeds, ...]:
    """Returns the metrics of sets that a corpus of this name is scored by, of those whose networks are at hand."""
    found = []
    for name, source in SOURCES.items():
        with suppress(Undefined):
            kind, own = source.key
            network = evaluators(corpus).get(cast(Kind, kind), own) if source.metric.base != "kid" else None
            if network is not None:
                window = getattr(network, "window", 1)
                stride = max(1, window // STRIDES.get(name, 1))
                found.append(SetNeeds(name, network.dim, window, stride))
    return tuple(found)


def conditions(pending: Sequence[PlannedTalkingHead], scored: Sequence[SetNeeds] = ()) -> tuple[str, ...]:
    """Returns, in sentences, what the people and clips of a run are too few for.

    Parameters: `pending`, the cells; `scored`, the metrics of sets (FID, FVD) whose networks are at hand (`needs`).
    """
    if not pending:
        return ()
    found = list(_scores(pending[0].cell.corpus, scored))
    for planned in pending:
        if planned.cell.method in METHODS:
            found += [*_guarantee(planned.cell), *_sums(planned.cell), *_attackers(planned.cell)]
    return tuple(dict.fromkeys(found))


def _guarantee(cell: TalkingHeadCell) -> Iterator[str]:
    """δ must lie below one over the clients."""
    training = cell.training
    if training is None or training.privacy.epsilon is None:
        return
    count = client_count(cell)
    delta = privacy.delta(training.privacy, count)
    if void := void_delta(delta, count):
        yield f"{cell.tier}: {void}; lower privacy.delta"
    elif delta > LARGE_DELTA:
        yield (
            f"{cell.tier}: delta is {delta:.2g} for {count} clients, the chance with which the guarantee may fail "
            "altogether: its epsilon means little; have more clients, or lower privacy.delta"
        )


def _sums(cell: TalkingHeadCell) -> Iterator[str]:
    """A secure sum of one message is that message."""
    training = cell.training
    if training is None or not training.federation.secure_aggregation:
        return
    sizes = cohorts(training.federation, client_count(cell), cell.seed)
    if small := sum(size < MINIMUM for size in sizes):
        yield (
            f"secure sums: {small} of {len(sizes)} rounds of seed {cell.seed} have fewer than {MINIMUM} clients and "
            "are dropped; raise corpus.clients or federation.rate"
        )


def _scores(corpus: CorpusSpec, scored: Sequence[SetNeeds]) -> Iterator[str]:
    if corpus.tested < FEW:
        yield f"scores: {corpus.tested} people are tested; intervals over fewer than {FEW} are wide, and may not hold"
    for need in scored:
        if (count := need.samples(corpus.test, corpus.tested)) <= need.features:
            what = "frames" if need.window == 1 else f"windows of {need.window} frames"
            yield (
                f"{need.metric}: test clips have {count} {what}, its covariance of {need.features} features needs more "
                f"than {need.features}: it will be missing; raise corpus.tested or corpus.test"
            )


def _attackers(cell: TalkingHeadCell) -> Iterator[str]:
    training = cell.training
    if training is None:
        return
    corpus = cell.corpus
    lost = [target for target in FPR_TARGETS if corpus.heldout < 1 / target]
    if lost:
        rates = ", ".join(f"{100 * target:g} %" for target in lost)
        yield (
            f"attacks: {corpus.heldout} non-members show no false-positive rate below 1 in {corpus.heldout}: "
            f"true-positive rates at {rates} will be missing; raise corpus.heldout"
        )
    if training.attack.worlds and corpus.shadows < FEWEST:
        yield (
            f"attacks: {corpus.shadows} people are the attackers' own, shadow worlds need {FEWEST}: LiRA, RMIA and the "
            "strength of all attacks on the release will be missing; raise corpus.shadows"
        )
    if training.attack.victims and corpus.shadows < LEAST_PUBLIC:
        yield (
            f"attacks: {corpus.shadows} people are the attackers' own, a prior of faces needs {LEAST_PUBLIC}: "
            "reconstructions will be missing; raise corpus.shadows"
        )
