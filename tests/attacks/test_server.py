"""All attacks of a server, end to end: a real federation on a tiny network, its messages, sums and defences."""

from dataclasses import replace

import pytest
import torch

from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.server import (
    CURVE,
    MESSAGE_ATTACKS,
    SUM_ATTACKS,
    ServerSettings,
    attack_server,
    attack_sums,
    last_candidates,
    readable,
    server_attacks,
    shortened,
)
from tests.attacks.tiny_world import (
    ADAPTER,
    CLIENTS,
    TRUTH,
    federated,
    initial,
    knowledge,
    person,
    stream,
    told_apart,
)

SETTINGS = ServerSettings(loss_clients=6, loss_strangers=4, sums=(1, 2, 4), attributes=("glasses",))


@pytest.fixture(scope="module")
def backbone():
    return told_apart()


@pytest.fixture(scope="module")
def view(backbone):
    return federated(backbone)


@pytest.fixture(scope="module")
def outcomes(backbone, view):
    return attack_server(view, knowledge(backbone), TRUTH, SETTINGS)


def test_every_attack_has_an_outcome_under_its_own_name(outcomes):
    assert tuple(outcomes) == server_attacks()
    assert {o.declaration.name: o.declaration.view for o in outcomes.values()} == dict.fromkeys(
        server_attacks(), "server"
    )


@pytest.mark.parametrize("name", MESSAGE_ATTACKS)
def test_messages_of_a_real_federation_tell_who_trained(outcomes, name):
    outcome = outcomes[name]
    assert outcome.evaluation.auc.low > 0.5
    assert outcome.valid
    assert outcome.declaration.headline in {"auc", *outcome.measures}


def test_a_federation_that_did_not_train_tells_nothing(backbone, view):
    still = replace(
        view, rounds=tuple(replace(r, messages=torch.zeros_like(r.messages)) for r in view.rounds)
    )
    for outcome in attack_server(
        still, knowledge(backbone), TRUTH, SETTINGS, names=tuple(MESSAGE_ATTACKS)
    ).values():
        assert outcome.evaluation.auc.value == 0.5


def test_noise_far_above_the_messages_hides_them(backbone, view):
    def drowned(r):
        noise = torch.randn(r.messages.shape, generator=stream("noise", r.number))
        return replace(r, messages=r.messages + 100 * r.messages.norm() * noise)

    hidden = replace(view, rounds=tuple(map(drowned, view.rounds)))
    for outcome in attack_server(
        hidden, knowledge(backbone), TRUTH, SETTINGS, names=tuple(MESSAGE_ATTACKS)
    ).values():
        assert outcome.evaluation.auc.low < 0.5


def test_sums_tell_less_the_more_they_hold(backbone, view):
    found = attack_sums(view, knowledge(backbone), TRUTH, SETTINGS)
    assert tuple(found) == tuple(SUM_ATTACKS)
    for outcome in found.values():
        [curve] = outcome.curves.values()
        assert [n for n, _ in curve] == [1.0, 2.0, 4.0, float(CLIENTS)]
        assert curve[0][1] > 0.9
        assert curve[0][1] > curve[2][1] > 0.5
        assert outcome.measures["auc[n=1]"].estimate.value == curve[0][1]
        assert outcome.valid


def test_sums_larger_than_a_round_are_left_out(backbone, view):
    settings = replace(SETTINGS, sums=(2, CLIENTS, 500))
    found = attack_sums(view, knowledge(backbone), TRUTH, settings)["distinguishing"]
    assert [name for name in found.measures if name.startswith("auc")] == ["auc[n=2]"]
    assert [n for n, _ in found.curves[CURVE]] == [2.0, float(CLIENTS)]


def test_an_appended_weight_is_cut_off(backbone, view):
    start = initial(backbone)
    longer = replace(
        view,
        rounds=tuple(
            replace(r, messages=torch.cat([r.messages, 7 * torch.ones(len(r.messages), 1)], 1).double())
            for r in view.rounds
        ),
    )
    for cut, r in zip(readable(longer, start), view.rounds, strict=True):
        assert torch.equal(cut.messages, r.messages.float())


def test_the_last_rounds_are_read(backbone, view):
    assert [r.number for r in readable(view, initial(backbone), 1)] == [view.rounds[-1].number]
    one = attack_server(view, knowledge(backbone), TRUTH, replace(SETTINGS, rounds=1), names=("span",))
    alone = attack_server(
        replace(view, rounds=view.rounds[-1:]), knowledge(backbone), TRUTH, SETTINGS, names=("span",)
    )
    assert one == alone


def test_messages_of_another_adapter_are_refused(backbone, view):
    other = initial(backbone, ADAPTER.model_copy(update={"rank": 1}))
    with pytest.raises(ValueError, match="round 0: messages of"):
        readable(view, other)


def test_frozen_a_leaves_the_attacks_that_read_gradients(backbone):
    adapter = ADAPTER.model_copy(update={"freeze_a": True})
    found = attack_server(
        federated(backbone, adapter, "ffa_lora"),
        knowledge(backbone, adapter),
        TRUTH,
        SETTINGS,
        names=("span", "subspace", "update_cosine"),
    )
    assert found["span"].evaluation is None
    assert "A is frozen" in found["span"].measures["rank1"].estimate.missing
    assert found["subspace"].evaluation.auc.low > 0.5
    assert found["update_cosine"].evaluation.auc.low > 0.5


def test_without_the_identity_token_in_trained_layers_hidden_states_still_tell(backbone):
    """The ablation: adapters on self-attention alone."""
    from privtalk.attacks.identity.tokens import without_identity

    adapter = without_identity(ADAPTER)
    found = attack_server(
        federated(backbone, adapter),
        knowledge(backbone, adapter),
        TRUTH,
        SETTINGS,
        names=("span", "subspace"),
    )
    assert found["span"].measures["rank1"].estimate.missing == "no adapted layer reads the identity token"
    assert found["subspace"].evaluation.auc.low > 0.5


def test_labels_do_not_reach_the_attacks(backbone, view):
    """What is computed of people is the same whoever took part; labels are an argument of evaluations alone."""
    known = last_candidates(view, knowledge(backbone), SETTINGS)
    turned = PairLabels(own={k: CLIENTS - 1 - k for k in range(CLIENTS)}, strangers=TRUTH.strangers)
    for attack in MESSAGE_ATTACKS.values():
        matrix = attack.score(readable(view, initial(backbone)), known)
        assert matrix.values.shape == (CLIENTS, len(known.gradients))
    wrong = attack_server(view, knowledge(backbone), turned, SETTINGS, known, ("span",))["span"]
    assert wrong.evaluation.auc.low < 0.5


def test_unknown_names_are_told_the_known_ones(backbone, view):
    with pytest.raises(ValueError, match="no attack on messages is called 'spam'; there are update_cosine"):
        attack_server(view, knowledge(backbone), TRUTH, SETTINGS, names=("spam",))


def test_a_view_without_rounds_is_refused(backbone, view):
    with pytest.raises(ValueError, match="a view without rounds"):
        last_candidates(replace(view, rounds=()), knowledge(backbone), SETTINGS)


def test_a_cell_without_evaluated_clients_says_so(backbone, view):
    nobody = PairLabels(own={}, strangers=TRUTH.strangers)
    found = attack_server(view, knowledge(backbone), nobody, SETTINGS)
    assert all(isinstance(o, AttackOutcome) and o.evaluation is None for o in found.values())
    assert all(o.measures[o.declaration.headline].estimate.missing for o in found.values())


def test_windows_are_shortened_from_their_first_frame(backbone):
    whole = person(backbone, 0, frames=3)
    short = shortened(whole, 2)
    assert torch.equal(short.latents, whole.latents[:, :2])
    assert torch.equal(short.reference, whole.reference)
    assert shortened(whole, 9).frames == 3
