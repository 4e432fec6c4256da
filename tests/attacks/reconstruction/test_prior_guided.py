"""The search in the prior, on clients of the toy backbone."""

from dataclasses import replace

import pytest
import torch

from privtalk.attacks.reconstruction.evidence import hear
from privtalk.attacks.reconstruction.prior import PublicPrior, looks
from privtalk.attacks.reconstruction.prior_guided import Guidance, Search, VictimMessages, prior_guided, turns
from tests.attacks.reconstruction.toys import (
    BACKBONE,
    FACTORS,
    PUBLIC,
    RECIPE,
    TEMPLATE,
    adam,
    messages,
    person,
    randn,
    stream,
    view_of,
)

CLIENTS = tuple(range(12))
PRIOR = PublicPrior.of(PUBLIC, components=FACTORS)
TRUTH = looks([person(c) for c in CLIENTS])


def search(recipe, **changes):
    return Search(
        backbone=BACKBONE,
        template=TEMPLATE,
        prior=PRIOR,
        companions=looks(PUBLIC)[:6],
        algorithm=recipe,
        guidance=Guidance(**{"steps": 30, "draws": 2} | changes),
    )


def evidence(sent):
    return [VictimMessages.of(hear(view_of(sent, CLIENTS).rounds[0], CLIENTS))]


def found(recipe, sent, **changes):
    start = PRIOR.mean.expand(len(CLIENTS), *PRIOR.mean.shape)
    return prior_guided(search(recipe, **changes), evidence(sent), start, stream("draws"))


def unexplained(made):
    return float((made - TRUTH).square().sum() / (TRUTH - PRIOR.mean).square().sum())


@pytest.mark.parametrize("recipe", [RECIPE, adam()], ids=["sgd", "adam"])
def test_faces_of_clients_are_drawn_and_those_of_others_are_not(recipe):
    made = found(recipe, messages(CLIENTS, recipe)[0])
    assert unexplained(made) < 0.75
    assert unexplained(made.roll(1, 0)) > 1.0


def test_messages_that_say_nothing_gain_nothing():
    assert unexplained(found(RECIPE, randn(len(CLIENTS), TEMPLATE.dim, name=("nothing",)))) > 0.9


def test_strong_shrinkage_gives_the_prior_mean():
    made = found(RECIPE, messages(CLIENTS)[0], shrinkage=1e4, steps=20, lr=0.01)
    assert unexplained(made) == pytest.approx(1, abs=0.03)


def test_no_step_returns_the_start():
    made = found(RECIPE, messages(CLIENTS)[0], steps=0)
    torch.testing.assert_close(made, PRIOR.mean.expand_as(made), atol=1e-5, rtol=0)


def test_everybody_goes_round_its_own_rounds():
    first = evidence(messages(CLIENTS)[0])[0]
    rounds = [
        replace(first, present=torch.tensor(row)) for row in ([True, True], [False, True], [True, True])
    ]
    assert turns(rounds).tolist() == [[0, 2] * 3, [0, 1, 2] * 2]
    with pytest.raises(ValueError, match="victim 0 sent no message"):
        turns(rounds[1:2])
