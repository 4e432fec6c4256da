"""Who is animated? An identifier of people by how their faces move, turned on animations that a system made.

Motion is biometric: expressions and the jaw's dynamics alone name people among many (2510.11223). The attacker holds
true motion of P people (their public videos), learns what is constant in each, and is shown an animation, or an
embedding, that a system made of one of them.

Shapes: N clips, T frames, C motion channels, P people, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.attacks.controls import ControlOutcome
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate_pairs
from privtalk.attacks.judgement import pair_control, permuted
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome
from privtalk.attacks.pairs import Pairs
from privtalk.core.intervals import clopper_pearson

Values = NDArray[np.float64]
SHRINKAGE = 0.1
"""Share of the identity in the covariance within people."""

MOTION = Declaration(
    name="motion_identity",
    family="identity",
    view="animation",
    statistic="likelihood of an animation's mean, spread and pace of every channel under a person's true motion",
    source="after 2510.11223: people are named by expression and jaw dynamics",
    headline="auc",
)
IDENTITY_EMBEDDING = Declaration(
    name="identity_embedding",
    family="identity",
    view="animation",
    statistic="likelihood of the identity embedding of a clip under those of a person's other clips",
    source="own",
    headline="rank1",
)
EMOTION_EMBEDDING = Declaration(
    name="emotion_embedding",
    family="identity",
    view="animation",
    statistic="likelihood of the emotion embedding of a clip under those of a person's other clips",
    source="own",
    headline="rank1",
)


def motion_features(codes: NDArray[np.floating]) -> Values:
    """Returns what is constant in how a face moves [N, 4 C]: each channel's mean, spread, pace and upper decile.

    codes: [N, T, C].

    >>> motion_features(np.ones((2, 5, 3))).shape
    (2, 12)
    """
    wide = codes.astype(np.float64)
    pace = np.abs(np.diff(wide, axis=1)).mean(1)
    return np.concatenate([wide.mean(1), wide.std(1), pace, np.quantile(wide, 0.9, axis=1)], axis=1)


def likelihoods(known: Values, who: NDArray[np.int64], shown: Values, people: int) -> Values:
    """Returns log-likelihoods [N, P], up to a constant, of shown features [N, D] under each of P people.

    A person is a normal distribution about the mean of what is known of it, all with one covariance within people
    (linear discriminant). known: [M, D] of people `who` [M]. What moves a person's own
    features from clip to clip, such as an emotion, lies in that covariance and counts the less.
    """
    centre, spread = known.mean(0), known.std(0) + 1e-9
    x, y = (known - centre) / spread, (shown - centre) / spread
    means = np.stack([x[who == person].mean(0) for person in range(people)])
    within = np.cov((x - means[who]).T, bias=True)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.eye(len(within)) * np.trace(within) / len(within)
    factor = np.linalg.cholesky(np.linalg.inv(within))
    apart = (y @ factor)[:, None] - (means @ factor)[None]
    return np.asarray(-0.5 * np.square(apart).sum(-1))


def judged(
    declaration: Declaration, scores: Values, own: NDArray[np.int64], generator: torch.Generator
) -> AttackOutcome:
    """Returns the outcome of an attack that scored clips [N, P] of people `own` [N] among P.

    A person's clips are judged together: their scores' mean. People whom no clip shows are the strangers.
    """
    shown = np.unique(own)
    values = np.stack([scores[own == person].mean(0) for person in shown])
    strangers = np.setdiff1d(np.arange(scores.shape[1]), shown)
    found = Pairs(values, shown, strangers)
    hits = int((values.argmax(1) == shown).sum())
    rank = MeasureOutcome(
        estimate=clopper_pearson(hits, len(shown)),
        chance=1 / scores.shape[1],
        unit="rate",
        about=f"share of people who are named among {scores.shape[1]}",
    )
    if not len(strangers):
        return AttackOutcome(declaration=declaration, evaluation=None, measures={"rank1": rank})
    controls: dict[str, ControlOutcome] = {
        "wrong person": pair_control(*found.scores(np.roll(found.own, -1), strangers)),
        "permuted": permuted(found, generator),
    }
    return AttackOutcome(
        declaration=declaration,
        evaluation=evaluate_pairs(*found.scores(shown, strangers)),
        measures={"rank1": rank},
        controls=controls,
    )


def numbered(people: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Returns the number of each person [N] in a list.

    >>> numbered(["b", "a"], ["a", "b"]).tolist()
    [1, 0]
    """
    place = {name: index for index, name in enumerate(among)}
    return np.array([place[name] for name in people], dtype=np.int64)
