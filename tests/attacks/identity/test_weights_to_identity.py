"""Weights to identity on planted displacements, and on adapters trained on one person each."""

import pytest
import torch

from privtalk.attacks.identity.weights_to_identity import ATTACK, displacement, standardised
from privtalk.attacks.judgement import judged
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.personal.owners import attack_owners
from privtalk.attacks.views import PersonalView
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from tests.attacks.message_world import bank, normal, stream, world
from tests.attacks.tiny_world import CLIENTS, FEDERATION, STRANGERS, clip, initial, knowledge
from tests.methods.alone import trained_alone


def test_displacement_is_what_training_moved():
    start = bank()
    moved = normal(3, start.dim, name="moved")
    found = displacement(start.unflatten(start.flatten() + moved), start)
    assert found.cohort == (0, 1, 2)
    torch.testing.assert_close(found.messages, moved, atol=1e-6, rtol=1e-5)
    assert torch.equal(found.adapter, start.flatten()[0])


def test_rows_are_standardised_after_everybodys_mean():
    scores = normal(5, 8, name="scores")
    found = standardised(scores)
    torch.testing.assert_close(found.std(1), torch.ones(5))
    torch.testing.assert_close(
        standardised(3 * scores + normal(8, name="shift")), found, atol=1e-4, rtol=1e-4
    )
    assert not standardised(torch.zeros(2, 3)).any()


@pytest.mark.parametrize("freeze", [False, True])
def test_planted_adapters_are_found_and_noise_is_not(freeze):
    template = bank(freeze_a=freeze, layers=tuple(f"{n}.attn2.to_v" for n in range(4)))
    for strength, found in ((0.0, False), (2.0, True)):
        w = world(strength, template=template)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found


def test_personal_adapters_are_named_in_a_gallery():
    backbone = Backbone.tiny()
    clients = [ClientData.of(k, [clip(backbone, k, "train")]) for k in range(CLIENTS)]
    start = initial(backbone)
    adapters = trained_alone(backbone, start, clients, FEDERATION, stream)
    truth = PairLabels(
        own={k: k for k in range(CLIENTS)}, strangers=tuple(range(CLIENTS, CLIENTS + STRANGERS))
    )
    view = PersonalView(backbone=backbone, start=start, adapters=start.unflatten(adapters))
    outcome = attack_owners(view, knowledge(backbone), truth)
    assert outcome.evaluation.auc.low > 0.5
    assert outcome.measures["rank1"].estimate.low > outcome.measures["rank1"].chance
