"""Gradient difference against the difference of two norms."""

import torch

from privtalk.attacks.judgement import judged
from privtalk.attacks.membership.gradient_difference import ATTACK, differences
from tests.attacks.message_world import stream, world


def test_it_is_the_difference_of_squared_norms():
    messages, gradients = (torch.randn(n, 7, generator=stream("x", n)) for n in (5, 4))
    a = messages.norm(dim=1).mean() / gradients.norm(dim=1).mean()
    for k, message in enumerate(messages):
        for p, gradient in enumerate(gradients):
            left = (message + a * gradient).norm() ** 2
            expected = (message.norm() ** 2 - left) / message.norm() ** 2
            torch.testing.assert_close(differences(messages, gradients)[k, p], expected, atol=1e-5, rtol=1e-5)


def test_a_persons_own_step_is_explained_entirely():
    gradients = torch.eye(3)
    torch.testing.assert_close(differences(-5 * gradients, gradients).diagonal(), torch.ones(3))


def test_nothing_sent_is_nothing_explained():
    assert differences(torch.zeros(2, 3), torch.ones(4, 3)).tolist() == torch.zeros(2, 4).tolist()


def test_planted_messages_are_found_and_noise_is_not():
    for strength, found in ((1.0, True), (0.0, False)):
        w = world(strength)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found
