"""Source inference: a stack of local models against one at a time, planted local models, and who is asked."""

from dataclasses import replace

import pytest
import torch

from privtalk.attacks.membership.source_inference import attack, local_losses, source_inference, trial
from privtalk.attacks.pairs import NotApplicable, PairLabels
from privtalk.attacks.probing import Suspect, person_losses, probes
from privtalk.attacks.views import ServerRound
from privtalk.methods.backbone.backbone import Backbone
from tests.attacks.tiny_world import TRUTH, federated, initial, knowledge, stream


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


def suspect(backbone):
    return Suspect(backbone=backbone, adapter=initial(backbone))


def test_a_stack_of_local_models_is_each_of_them(backbone):
    start, people = initial(backbone), knowledge(backbone).people[:3]
    models = start.flatten() + 0.05 * torch.randn(4, start.dim, generator=stream("models"))
    draws = probes(people, stream, (200, 600), 2)
    found = local_losses(suspect(backbone), models, people, draws)
    for k in range(4):
        alone = Suspect(backbone=backbone, adapter=start.unflatten(models[k : k + 1]))
        torch.testing.assert_close(
            found[k], torch.as_tensor(person_losses(alone, people, draws)), atol=1e-5, rtol=1e-5
        )


def test_equal_models_tie(backbone):
    start, people = initial(backbone), knowledge(backbone).people[:3]
    asked = ServerRound(
        number=0, adapter=start.flatten()[0], cohort=(4, 5, 6), messages=torch.zeros(3, start.dim)
    )
    matrix = source_inference(asked, suspect(backbone), people, probes(people, stream, (300,)))
    assert not matrix.values.any()


def test_local_models_are_traced_to_their_owners(backbone):
    view, known = federated(backbone, local_steps=12), knowledge(backbone)
    chosen = trial(view.rounds, TRUTH, 8, 6)
    people = [known.people[p] for p in chosen.people]
    outcome = attack(chosen, suspect(backbone), people, probes(people, stream, (300,)), stream)
    assert outcome.measures["source"].estimate.low > outcome.measures["source"].chance
    assert outcome.evaluation.auc.value > 0.8
    assert outcome.valid
    assert outcome.controls["never_trained"].auc.value == 0.5


def test_who_is_asked_depends_on_numbers_alone():
    rounds = [
        ServerRound(
            number=0, adapter=torch.zeros(2), cohort=(1, 2, 3), messages=torch.arange(6.0).view(3, 2)
        ),
        ServerRound(number=1, adapter=torch.zeros(2), cohort=(2, 9), messages=torch.zeros(2, 2)),
    ]
    truth = PairLabels(own={1: 4, 2: 5, 3: 6}, strangers=(0, 7, 8))
    chosen = trial(rounds, truth, 2, 2)
    assert chosen.round.number == 0
    assert chosen.round.cohort == (1, 2)
    assert chosen.round.messages.tolist() == [[0, 1], [2, 3]]
    assert chosen.people == (4, 5, 0, 7)
    assert chosen.truth == PairLabels(own={1: 0, 2: 1}, strangers=(2, 3))
    with pytest.raises(NotApplicable, match="no round has two"):
        trial(rounds[1:], truth, 2, 2)


def test_a_suspect_without_an_adapter_is_refused(backbone):
    people = knowledge(backbone).people[:1]
    bare = replace(suspect(backbone), adapter=None)
    with pytest.raises(ValueError, match="local models are adapters"):
        local_losses(bare, torch.zeros(1, 3), people, probes(people, stream, (300,)))
