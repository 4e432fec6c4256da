"""Attribute inference: glasses, beard, accent, read from updates (Melis et al., "Exploiting unintended feature leakage
in collaborative learning", 1805.04049).

The attacker knows the attribute for some clients (its own, or public figures) and learns it for the rest. Features are
a client's updates, less the cohort's mean, scaled to length 1 and summed over its rounds; the classifier is
scikit-learn's kernel ridge on one-hot labels with classes weighted equally,

    scores = X_test X_trainᵀ (X_train X_trainᵀ + λ l W⁻¹)⁻¹ (Y - 1 / C),    W = diag(1 / class size), l = mean ‖X_k‖²

cross-fitted over folds of clients: nobody is scored by a classifier that was fitted on them. The figure is the
balanced accuracy, the mean over classes of the rate at which a class is recognised, whose chance is 1 / C however rare
a class is.

Shape legend: K clients, d numbers of an adapter, C classes of an attribute.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from privtalk.attacks.controls import LEVEL, ControlOutcome, judge
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.judgement import absent, gaussian, silenced
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome
from privtalk.attacks.pairs import NotApplicable, Values, centred, unit
from privtalk.attacks.views import ServerRound
from privtalk.core.intervals import LEVEL as REPORTED
from privtalk.core.intervals import Interval
from privtalk.core.streams import Stream

NAME = "attribute_inference"
FOLDS = 5
LEAST = 10
"""Clients of a class below which it is left out."""
RIDGE = 1.0
"""λ."""
SHUFFLES = 10

DECLARATION = Declaration(
    name=NAME,
    family="identity",
    view="server",
    statistic="ridge classifier on a client's updates, cross-fitted over clients; mean advantage over attributes",
    source="Melis et al. 2019, 1805.04049",
    headline="advantage",
)

Labels = NDArray[np.int64]


class Accuracy(NamedTuple):
    """Balanced accuracy with its standard deviation."""

    value: float
    deviation: float
    classes: int
    clients: int

    @property
    def advantage(self) -> float:
        """(accuracy - 1/C) / (1 - 1/C): 0 at chance, 1 when perfect."""
        return (self.value - 1 / self.classes) / (1 - 1 / self.classes)


def features(rounds: Sequence[ServerRound]) -> tuple[tuple[int, ...], Tensor]:
    """(clients, [K, d]): sum over a client's rounds of its update less the cohort's mean, at length 1."""
    clients = tuple(sorted({client for r in rounds for client in r.cohort}))
    row = {client: index for index, client in enumerate(clients)}
    if not clients:
        raise NotApplicable("no client took part in any round")
    total = torch.zeros(len(clients), rounds[0].messages.shape[1])
    for r in rounds:
        total[[row[client] for client in r.cohort]] += unit(centred(r.messages))
    return clients, total


def gram(x: Tensor) -> Values:
    """float64 [K, K] inner products of centred rows [K, d], scaled to a mean squared length of 1."""
    products = (centred(x) @ centred(x).T).double().numpy()
    size = float(products.diagonal().mean())
    return products / size if size > 0 else products


def folds(labels: Labels, generator: torch.Generator) -> Labels:
    """[K] fold of each client; every class is spread evenly over folds."""
    order = torch.randperm(len(labels), generator=generator).numpy()
    ranked = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), dtype=np.int64)
    fold[ranked] = np.arange(len(labels)) % FOLDS
    return fold


def predicted(products: Values, labels: Labels, fold: Labels) -> Labels:
    """[K] cross-fitted classes, of inner products [K, K] and classes 0..C-1 [K]."""
    found, classes = np.empty_like(labels), int(labels.max()) + 1
    targets = np.eye(classes)[labels] - 1 / classes
    for f in range(FOLDS):
        train, test = fold != f, fold == f
        sizes = np.bincount(labels[train], minlength=classes)
        weights = 1 / sizes[labels[train]]
        model = KernelRidge(alpha=RIDGE, kernel="precomputed")
        model.fit(products[np.ix_(train, train)], targets[train], sample_weight=weights / weights.mean())
        found[test] = model.predict(products[np.ix_(test, train)]).argmax(1)
    return found


def balanced_accuracy(labels: Labels, guesses: Labels) -> Accuracy:
    """Mean over classes of the rate of right guesses; the deviation takes each rate with one success and failure added.

    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])).value
    0.5
    """
    sizes = np.bincount(labels)
    hits = np.bincount(labels, weights=labels == guesses)
    padded = (hits + 1) / (sizes + 2)
    variance = (padded * (1 - padded) / sizes).sum() / len(sizes) ** 2
    return Accuracy(float((hits / sizes).mean()), math.sqrt(variance), len(sizes), len(labels))


class AttributeTask(NamedTuple):
    """One attribute of the clients that have a frequent enough value."""

    rows: NDArray[np.int64]
    labels: Labels


def task(
    attribute: str, clients: Sequence[int], attributes: Mapping[int, Mapping[str, str]]
) -> AttributeTask | None:
    """None where fewer than two values have `LEAST` clients."""
    known = [
        (row, attributes[c][attribute]) for row, c in enumerate(clients) if attribute in attributes.get(c, {})
    ]
    counts = Counter(value for _, value in known)
    values = sorted(value for value, count in counts.items() if count >= LEAST)
    if len(values) < 2:
        return None
    kept = [(row, values.index(value)) for row, value in known if value in values]
    rows, labels = zip(*kept, strict=True)
    return AttributeTask(np.array(rows), np.array(labels))


def accuracies(
    products: Values, tasks: Mapping[str, AttributeTask], stream: Stream, shuffle: int = -1
) -> dict[str, Accuracy]:
    """Attribute -> cross-fitted accuracy; with labels permuted where `shuffle` is a number from 0 up."""

    def one(name: str, asked: AttributeTask) -> Accuracy:
        labels = asked.labels
        if shuffle >= 0:
            generator = stream("attack", NAME, name, "shuffle", shuffle)
            labels = labels[torch.randperm(len(labels), generator=generator).numpy()]
        fold = folds(labels, stream("attack", NAME, name, "folds"))
        return balanced_accuracy(labels, predicted(products[np.ix_(asked.rows, asked.rows)], labels, fold))

    return {name: one(name, asked) for name, asked in tasks.items()}


def _advantage(found: Mapping[str, Accuracy]) -> tuple[float, float]:
    """(mean advantage, its deviation), attributes taken as independent."""
    parts = [(a.advantage, a.deviation / (1 - 1 / a.classes)) for a in found.values()]
    values, deviations = zip(*parts, strict=True)
    return float(np.mean(values)), math.sqrt(float(np.square(deviations).sum())) / len(parts)


def _interval(value: float, deviation: float, n: int, level: float, least: float = 0.0) -> Interval:
    half = float(norm.ppf((1 + level) / 2)) * deviation
    return Interval(value=value, low=max(value - half, least), high=min(value + half, 1.0), n=n, clusters=n)


def _control(value: float, deviation: float, n: int) -> ControlOutcome:
    """An advantage a on the scale of an AUC, (1 + a) / 2: the accuracy of a two-way choice of the same advantage."""
    return judge(_interval((1 + value) / 2, deviation / 2, n, LEVEL))


def attribute_inference(
    rounds: Sequence[ServerRound],
    attributes: Mapping[int, Mapping[str, str]],
    names: Sequence[str],
    stream: Stream,
) -> AttackOutcome:
    """Balanced accuracy of each attribute in `names`, from messages, for clients whose `attributes` are given.

    Controls: updates of zero, Gaussian updates of equal norm, permuted labels.
    """
    try:
        clients, x = features(rounds)
    except NotApplicable as reason:
        return absent(DECLARATION, str(reason))
    found = {name: task(name, clients, attributes) for name in names}
    tasks = {name: asked for name, asked in found.items() if asked is not None}
    if not tasks:
        return absent(DECLARATION, f"no attribute of {list(names)} has two values with {LEAST} clients each")
    scored = accuracies(gram(x), tasks, stream)
    value, deviation = _advantage(scored)
    total = MeasureOutcome(
        estimate=_interval(value, deviation, len(clients), REPORTED, -1.0),
        chance=0.0,
        unit="advantage",
        about="mean over attributes of (balanced accuracy - chance) / (1 - chance)",
    )
    each = {f"accuracy[{name}]": _measure(name, a) for name, a in scored.items()}
    return AttackOutcome(
        declaration=DECLARATION,
        evaluation=None,
        measures={"advantage": total, **each},
        controls=_controls(rounds, gram(x), tasks, stream),
    )


def _measure(name: str, found: Accuracy) -> MeasureOutcome:
    return MeasureOutcome(
        estimate=_interval(found.value, found.deviation, found.clients, REPORTED),
        chance=1 / found.classes,
        unit="rate",
        about=f"balanced accuracy of {name}, {found.classes} values",
    )


def _controls(
    rounds: Sequence[ServerRound], products: Values, tasks: Mapping[str, AttributeTask], stream: Stream
) -> dict[str, ControlOutcome]:
    n = len(products)
    without = {"never_trained": silenced(rounds), "gaussian_update": gaussian(rounds, stream, NAME)}
    controls = {
        key: _control(*_advantage(accuracies(gram(features(blank)[1]), tasks, stream)), n)
        for key, blank in without.items()
    }
    shuffled = [_advantage(accuracies(products, tasks, stream, s))[0] for s in range(SHUFFLES)]
    controls["permuted_labels"] = _control(float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)), n)
    return controls
