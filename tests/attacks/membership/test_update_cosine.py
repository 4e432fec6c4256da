"""Update-cosine against its definition, a planted positive and noise."""

import numpy as np
import torch

from privtalk.attacks.judgement import judged
from privtalk.attacks.membership.update_cosine import ATTACK, cosines, update_cosine
from tests.attacks.message_world import stream, world


def test_it_is_the_cosine_of_centred_vectors_by_numpy():
    messages, gradients = (torch.randn(n, 7, generator=stream("x", n)) for n in (5, 4))
    m, g = (x.numpy() - x.numpy().mean(0) for x in (messages, gradients))
    expected = -(m @ g.T) / np.outer(np.linalg.norm(m, axis=1), np.linalg.norm(g, axis=1))
    np.testing.assert_allclose(cosines(messages, gradients), expected, atol=1e-6)


def test_neither_the_clip_nor_what_all_share_moves_it():
    messages, gradients = (torch.randn(n, 7, generator=stream("x", n)) for n in (5, 4))
    shift = torch.randn(7, generator=stream("shift"))
    moved = cosines(messages + shift, 3 * gradients - shift)
    torch.testing.assert_close(moved, cosines(messages, gradients))


def test_planted_messages_are_found_and_noise_is_not():
    for strength, found in ((1.0, True), (0.0, False)):
        w = world(strength)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found


def test_more_rounds_tell_more():
    aucs = []
    for rounds in (1, 6):
        w = world(0.4, rounds)
        aucs.append(judged(ATTACK, w.rounds, w.candidates, w.truth, stream).evaluation.auc.value)
    assert aucs[1] > aucs[0]


def test_everybody_who_took_part_is_scored():
    w = world()
    matrix = update_cosine(w.rounds, w.candidates)
    assert matrix.clients == tuple(range(24))
    assert np.abs(matrix.values).max() <= 1
