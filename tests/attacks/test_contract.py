"""The contract of every attack, those that people bring among them: what is planted is found, noise is not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks import catalogue
from privtalk.attacks.aggregation.sums import summed
from privtalk.attacks.catalogue import CATALOGUE, SHELVES
from privtalk.attacks.controls import CHANCE
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity import animation, attribute_inference, weights_to_identity
from privtalk.attacks.judgement import judged
from privtalk.attacks.membership import malicious_client, source_inference
from privtalk.attacks.membership.ensemble import refitted
from privtalk.attacks.membership.planted import shadow_strengths
from privtalk.attacks.membership.registry import PERSON_ATTACKS, RELEASE_ATTACKS, PersonAttack, ReleaseAttack
from privtalk.attacks.membership.release import OVER_BASE, aim, attack_release
from privtalk.attacks.membership.shadow_attacks import SHADOW_ATTACKS, ShadowAttack
from privtalk.attacks.pairs import MessageAttack, ScoreMatrix, over_rounds
from privtalk.attacks.personal import clip_in_personal, others_in_personal
from privtalk.attacks.reconstruction.catalogue import ATTACKS as RECONSTRUCTIONS
from privtalk.attacks.server import MESSAGE_ATTACKS, SUM_ATTACKS, server_attacks
from privtalk.attacks.views import ReleaseView
from privtalk.core.seeds import torch_stream
from tests.attacks.message_world import stream, world

STREAM = partial(torch_stream, 11)
ELSEWHERE = {
    malicious_client.COSINE.name,
    malicious_client.LOSS.name,
    source_inference.DECLARATION.name,
    attribute_inference.NAME,
    weights_to_identity.ATTACK.declaration.name,
    animation.MOTION.name,
    animation.IDENTITY_EMBEDDING.name,
    animation.EMOTION_EMBEDDING.name,
    clip_in_personal.DECLARATION.name,
    others_in_personal.DECLARATION.name,
    *RECONSTRUCTIONS,
}
"""Attacks that need more than the shelves' functions are given; each has tests of its own."""
TAKES_TRAINING = {"pian_over_base"}
"""Tested on a network that predicts something: a random one gives it nothing to normalise."""


def declared(name, **changes):
    about = {"family": "membership", "view": "release", "statistic": "what a test scores", "source": "a test"}
    return Declaration(name=name, **(about | {"footage": "exact"} | changes))


def _steps(rounds, candidates):
    return over_rounds(rounds, lambda r: -r.messages @ candidates.gradients.T)


def _excess(signals, out, population, population_out):
    return signals - out.mean(0)


def mean_of(signal, **parts):
    def join(found, names, known, draw):
        return found.person(signal)

    return partial(PersonAttack, signals=(signal,), join=join, **parts)


BROUGHT = {
    "my_loss": ReleaseAttack(declaration=declared("my_loss"), statistic=lambda p: -p.losses(p.t)),
    "my_person": mean_of("loss")(declaration=declared("my_person")),
    "my_shadow": ShadowAttack(declaration=declared("my_shadow"), score=_excess),
    "my_message": MessageAttack(declaration=declared("my_message", view="server"), score=_steps),
    "my_sum": MessageAttack(declaration=declared("my_sum", view="sums"), score=_steps),
}


@pytest.fixture(scope="module", autouse=True)
def brought():
    for attack in BROUGHT.values():
        catalogue.register(attack)
    yield
    for name in BROUGHT:
        catalogue.forget(name)


def standing(own, *mine):
    """Names on a shelf: the project's at collection, and those that this file brings."""
    return [*own, *mine]


# ---- the catalogue


@pytest.mark.parametrize("name", [*CATALOGUE, *BROUGHT])
def test_every_attack_stands_in_one_place_and_says_what_it_is(name):
    places = [shelf.attacks[name] for shelf in SHELVES if name in shelf.attacks]
    assert len(places) == (0 if name in ELSEWHERE else 1)
    about = CATALOGUE[name]
    assert all(attack.declaration == about for attack in places)
    assert about.name == name
    assert not catalogue.undeclared(about)


def test_a_name_is_free_again_when_it_is_forgotten():
    extra = ReleaseAttack(declaration=declared("extra"), statistic=lambda p: -p.losses(p.t))
    assert catalogue.register(extra) == catalogue.register(extra) == "extra"
    assert "extra" in CATALOGUE
    catalogue.forget("extra")
    assert "extra" not in CATALOGUE
    assert "extra" not in RELEASE_ATTACKS


def test_what_people_bring_is_no_feature_of_the_ensemble():
    assert not set(PERSON_ATTACKS["ensemble_exact"].signals) & set(BROUGHT)
    assert {"my_message"} < set(server_attacks())


# ---- planted and noise: the release


@pytest.fixture(scope="module")
def target(backbone, initial, person):
    exact, fresh = (
        tuple([person(i, footage=kind) for i in group] for group in (range(6), range(6, 30)))
        for kind in ("exact", "fresh")
    )
    public = [person(i, footage="fresh") for i in range(100, 106)]
    return aim(
        ReleaseView(backbone=backbone, adapter=initial), STREAM, exact=exact, fresh=fresh, public=public
    )


@pytest.fixture(scope="module")
def found(backbone, planted, target):
    return attack_release(ReleaseView(backbone=backbone, adapter=planted), target, STREAM)


ON_RELEASE = [
    *(name + OVER_BASE for name in standing(RELEASE_ATTACKS, "my_loss")),
    *standing(PERSON_ATTACKS, "my_person"),
]


@pytest.mark.parametrize("name", [name for name in ON_RELEASE if name not in TAKES_TRAINING])
def test_members_of_a_release_are_found(found, name):
    assert found[name].evaluation.auc.low > CHANCE


@pytest.mark.parametrize("name", ON_RELEASE)
def test_controls_of_a_release_are_at_chance(found, name):
    assert found[name].valid, found[name].controls
    assert {"never_trained", "gaussian_update", "blind", "permuted_labels"} <= set(found[name].controls)


# ---- shadow models


@pytest.mark.parametrize("name", standing(SHADOW_ATTACKS, "my_shadow"))
@pytest.mark.parametrize("gain", [1.0, 0.0])
def test_people_of_a_shadow_model_are_found_where_it_gained(name, gain):
    rng = np.random.default_rng(3)
    members = np.kron(np.eye(8, dtype=bool), np.ones(4, dtype=bool))
    signals = rng.normal(size=32) + 0.1 * rng.normal(size=(8, 32)) + gain * members
    values = shadow_strengths(signals, members)[name]
    if gain:
        assert np.mean(values) > 0.95
    else:
        assert abs(np.mean(values) - CHANCE) < 3 * np.std(values, ddof=1) / np.sqrt(8)


# ---- messages and sums


@pytest.mark.parametrize("name", [*standing(MESSAGE_ATTACKS, "my_message"), *standing(SUM_ATTACKS, "my_sum")])
@pytest.mark.parametrize("strength", [1.0, 0.0])
def test_people_in_messages_are_found_where_they_are(name, strength):
    attack, seen = (MESSAGE_ATTACKS | SUM_ATTACKS)[name], world(strength)
    sums = attack.declaration.view == "sums"
    rounds = summed(seen.rounds, 1, stream) if sums else seen.rounds
    outcome = judged(attack, rounds, seen.candidates, seen.truth, stream)
    auc = outcome.evaluation.auc
    if strength:
        assert auc.low > CHANCE
        assert outcome.valid, outcome.controls
    else:
        assert auc.low <= CHANCE <= auc.high


# ---- what is no attack


REFUSED = {
    "nothing": (lambda: 3, "it is 'int', not an attack; write NAME = ReleaseAttack or PersonAttack or"),
    "a taken name": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("gsa1")),
        "'gsa1' is there already",
    ),
    "a name for paths": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("../x")),
        "a name is up to 40 small letters",
    ),
    "the name of its own variant": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("x_over_base")),
        "does not end on _over_base",
    ),
    "no family": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("x", family="odd")),
        "family is 'odd'; write one of membership, ",
    ),
    "another view": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("x", view="server")),
        "a ReleaseAttack sees release, not server",
    ),
    "no source": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("x", source=" ")),
        "source is not said",
    ),
    "no function": (
        lambda: ReleaseAttack(declaration=declared("x"), statistic=None),
        "statistic is None; give it a function",
    ),
    "no declaration": (
        lambda: ReleaseAttack(declaration="x", statistic=print),
        "write declaration=Declaration(name=",
    ),
    "an unknown signal": (
        lambda: mean_of("lss")(declaration=declared("x")),
        "there is no signal 'lss'; there are loss, ",
    ),
    "a reconstruction": (
        lambda: replace(RECONSTRUCTIONS["dlg"], declaration=declared("x", family="reconstruction")),
        "a Reconstruction cannot be added",
    ),
    "another headline": (
        lambda: replace(BROUGHT["my_loss"], declaration=declared("x", headline="f1")),
        "headline is 'f1'; write auc",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_attack_is_refused_in_a_line(fault):
    make, line = REFUSED[fault]
    before = set(CATALOGUE)
    with pytest.raises(ValueError, match=r".") as caught:
        catalogue.register(make())
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set(CATALOGUE) == before


WRONG = {
    "fails": (lambda p: {}["x"], "KeyError: 'x'"),
    "is too short": (lambda p: torch.zeros(1), r"scores are float32 \[1\]; return \[3\], one a window"),
    "is no number": (lambda p: torch.full((3,), torch.nan), "scores are not all finite"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_statistic_that_is_wrong_is_named(fault, passes):
    statistic, line = WRONG[fault]
    catalogue.register(ReleaseAttack(declaration=declared("wrong"), statistic=statistic))
    try:
        with pytest.raises(ValueError, match=f"attack wrong: {line}"):
            RELEASE_ATTACKS["wrong"].statistic(passes(3))
    finally:
        catalogue.forget("wrong")


def test_scores_of_messages_are_of_everybody():
    seen = world()
    short = MessageAttack(
        declaration=declared("short", view="server"),
        score=lambda rounds, known: ScoreMatrix((0, 1), np.zeros((2, 3))),
    )
    catalogue.register(short)
    try:
        with pytest.raises(ValueError, match=r"attack short: scores are float64 \[2, 3\]; return \[2, 32\]"):
            judged(MESSAGE_ATTACKS["short"], seen.rounds, seen.candidates, seen.truth, stream)
    finally:
        catalogue.forget("short")


@pytest.mark.parametrize("learns", [False, True])
def test_labels_are_shown_to_those_alone_that_say_how_they_are_refitted(target, learns):
    """An attack that scores the labels themselves finds everybody; its control with permuted labels cannot pass."""

    def peeking(seen, names, known, draw):
        return known.astype(float)

    control = {"refitted": refitted} if learns else {}
    attack = PersonAttack(declaration=declared("peeking"), signals=("loss",), join=peeking, **control)
    catalogue.register(attack)
    try:
        scores = PERSON_ATTACKS["peeking"].join(None, ("loss",), target.known, STREAM)
        assert scores.any() == learns
    finally:
        catalogue.forget("peeking")
