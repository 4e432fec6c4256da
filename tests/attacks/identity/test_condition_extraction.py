"""Condition extraction: the direction itself, its verification rate, a planted positive and noise."""

from dataclasses import replace

import torch

from privtalk.attacks.evaluation import evaluate_pairs
from privtalk.attacks.identity.condition_extraction import (
    ATTACK,
    condition_extraction,
    extracted,
    verification,
)
from privtalk.attacks.judgement import judged
from privtalk.attacks.pairs import CandidateFeatures
from tests.attacks.message_world import EVALUATED, stream, world


def test_an_update_of_one_token_gives_it_up_to_sign():
    """Without noise: messages whose A is the token's alone."""
    w = world()
    tokens = w.candidates.tokens
    noise = world(0.0)
    clean = [
        replace(r, messages=r.messages - n.messages + _gradients(r, w.candidates))
        for r, n in zip(w.rounds, noise.rounds, strict=True)
    ]
    for client, found in extracted(clean, w.candidates).items():
        if client < EVALUATED:
            cosine = torch.nn.functional.cosine_similarity(found, tokens[client], dim=0)
            assert cosine.abs() > 0.999


def _gradients(round_, candidates: CandidateFeatures):
    rows = torch.zeros_like(round_.messages)
    for row, client in enumerate(round_.cohort):
        if client < EVALUATED:
            rows[row] = candidates.gradients[client]
    return rows


def test_a_client_that_sent_nothing_gives_nothing():
    w = world()
    silent = [replace(r, messages=torch.zeros_like(r.messages)) for r in w.rounds]
    assert not condition_extraction(silent, w.candidates).values.any()


def test_planted_tokens_are_found_and_noise_is_not():
    for strength, found in ((1.0, True), (0.0, False)):
        w = world(strength)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.6) == found


def test_verification_is_the_acceptance_at_a_tenth_of_false_acceptances():
    strangers = [[0.1 * q for q in range(10)]] * 4
    found = verification(evaluate_pairs([5.0, 5.0, 0.75, -1.0], strangers))
    assert (found.estimate.value, found.chance) == (0.5, 0.1)
    assert verification(evaluate_pairs([1.0, 1.0], [[0.0] * 3] * 2)).estimate.missing
