"""Attacks of unknown hands: what they compute is looked at before it is believed.

A score of the wrong shape would be taken for somebody else's, and one that is not a number for a non-member's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privtalk.attacks.declaration import Attack
from privtalk.attacks.membership.outcomes import Labels
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.membership.registry import PersonAttack, ReleaseAttack
from privtalk.attacks.membership.scenes import ProbedSignals
from privtalk.attacks.membership.shadow_attacks import ShadowAttack
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, NotApplicable, ScoreMatrix
from privtalk.attacks.probing import Scores
from privtalk.attacks.views import ServerRound
from privtalk.core.streams import Stream


def checked(attack: Attack) -> Attack:
    """Returns the attack with a function that raises `ValueError`, in one line that names the attack, where it fails
    or returns what is no score of everybody asked about.
    """
    match attack:
        case ReleaseAttack():
            return replace(attack, statistic=_statistic(attack))
        case PersonAttack():
            return replace(attack, join=_join(attack))
        case ShadowAttack():
            return replace(attack, score=_shadow_score(attack))
        case MessageAttack():
            return replace(attack, score=_message_score(attack))
    raise TypeError(f"{type(attack).__name__} is of no kind that is run")


def _statistic(attack: ReleaseAttack) -> Callable[[Passes], Tensor]:
    def statistic(passes: Passes) -> Tensor:
        found = _called(attack, attack.statistic, passes)
        return torch.from_numpy(_scores(attack, found, (len(passes.asked.windows),), "a window"))

    return statistic


def _join(attack: PersonAttack) -> Callable[[ProbedSignals, tuple[str, ...], Labels, Stream], Scores]:
    def join(world: ProbedSignals, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
        shown = known.copy() if attack.refitted is not None else np.zeros_like(known)
        found = _called(attack, attack.join, world, names, shown, stream)
        return _scores(attack, found, known.shape, "a person")

    return join


def _shadow_score(attack: ShadowAttack) -> Callable[[Scores, Scores, Scores, Scores], Scores]:
    def score(signals: Scores, out: Scores, population: Scores, population_out: Scores) -> Scores:
        found = _called(attack, attack.score, signals, out, population, population_out)
        return _scores(attack, found, signals.shape, "a person")

    return score


def _message_score(
    attack: MessageAttack,
) -> Callable[[Sequence[ServerRound], CandidateFeatures], ScoreMatrix]:
    def score(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
        found = _called(attack, attack.score, rounds, candidates)
        if not isinstance(found, ScoreMatrix):
            _refuse(
                attack, f"score gives {type(found).__name__!r}; return a ScoreMatrix, as over_rounds does"
            )
        shape = (len(found.clients), len(candidates.gradients))
        return found._replace(values=_scores(attack, found.values, shape, "a client and person"))

    return score


def _called(attack: Attack, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except NotApplicable:
        raise
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(f"attack {attack.declaration.name}: {type(error).__name__}: {line}") from error


def _scores(attack: Attack, found: Any, shape: tuple[int, ...], of: str) -> Scores:
    values = found.detach().cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
    if values.shape != shape or values.dtype.kind not in "fiub":
        _refuse(attack, f"scores are {values.dtype} {list(values.shape)}; return {list(shape)}, one {of}")
    if not np.isfinite(values).all():
        _refuse(
            attack,
            "scores are not all finite; return a number for everybody, the same where nothing is known",
        )
    return np.array(values, dtype=np.float64)


def _refuse(attack: Attack, fault: str) -> None:
    raise ValueError(f"attack {attack.declaration.name}: {fault}")
