"""The whole attack on a small world: what it is given, what it returns, and that it cannot cheat."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.attacks.reconstruction.attack import InversionSettings, Victims, attack_messages
from privtalk.attacks.reconstruction.catalogue import ATTACKS, Effort
from privtalk.attacks.reconstruction.evidence import choose_rounds, choose_victims, hear, wrong_clients
from privtalk.attacks.reconstruction.gallery import (
    cross_gains,
    gains,
    likeness,
    told_apart,
    wrong_client_control,
)
from privtalk.attacks.reconstruction.gidm import Phases
from privtalk.attacks.reconstruction.learned_inversion import Simulation
from privtalk.attacks.reconstruction.matching import Descent
from privtalk.attacks.reconstruction.prior_guided import Guidance
from privtalk.attacks.reconstruction.problem import Secrets
from privtalk.attacks.views import ServerRound, ServerView
from privtalk.core.intervals import mean_interval
from tests.attacks.reconstruction.toys import (
    BACKBONE,
    RECIPE,
    START,
    TEMPLATE,
    frames_of,
    knowledge,
    messages,
    randn,
    stream,
    view_of,
)

COHORT = tuple(range(20))
CLIENTS = COHORT[:10]
SENT, DRAWS = messages(COHORT)
BRIEF = Effort(
    simulation=Simulation(repeats=6, frames=2),
    guidance=Guidance(steps=3),
    phases=Phases(span=Descent(steps=2), free=Descent(steps=2), grid=(300,)),
    matching=Descent(steps=2),
)


def settings(*attacks, **changes):
    return InversionSettings(algorithm=RECIPE, attacks=attacks, components=6, effort=BRIEF, **changes)


def victims(clients=CLIENTS, **changes):
    return Victims(clients=clients, frames=frames_of(clients), **changes)


def run(*attacks, sent=SENT, of=None, **changes):
    return attack_messages(view_of(sent, COHORT), knowledge(), of or victims(), settings(*attacks), **changes)


def test_victims_are_drawn_better_than_by_the_prior_and_wrong_clients_are_not():
    outcomes, gallery = run("learned_inversion")
    outcome = outcomes["learned_inversion"]
    assert outcome.declaration.headline == "psnr_gain"
    assert outcome.evaluation is None
    assert outcome.measures["psnr_gain"].estimate.low > 0
    assert outcome.measures["told_apart"].estimate.low > 0.5
    assert outcome.measures["psnr_gain_wrong_client"].estimate.value < 0
    assert outcome.valid
    assert outcome.strength.estimate.value > 0
    assert gallery.reconstruction["learned_inversion"].shape == gallery.victim.shape == (10, 32, 32, 3)
    assert gallery.wrong_client["learned_inversion"].dtype == torch.uint8


def test_messages_that_say_nothing_gain_nothing():
    outcomes, _ = run("learned_inversion", sent=randn(len(COHORT), TEMPLATE.dim, name=("nothing",)))
    outcome = outcomes["learned_inversion"]
    assert outcome.measures["psnr_gain"].estimate.low < 0.2
    assert outcome.measures["told_apart"].estimate.low < 0.5 < outcome.measures["told_apart"].estimate.high
    assert outcome.strength.estimate.value > 0.5  # the attack works; the messages say nothing


def test_the_truth_does_not_reach_the_pictures():
    _, gallery = run("learned_inversion")
    blind = replace(victims(), frames=torch.zeros_like(frames_of(CLIENTS)))
    _, other = run("learned_inversion", of=blind)
    assert torch.equal(gallery.reconstruction["learned_inversion"], other.reconstruction["learned_inversion"])


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_runs_and_reports(name):
    few, seen = CLIENTS[:2], []
    secrets = Secrets(steps=tuple(d[torch.tensor([0, 1])] for d in DRAWS), conditions=True)
    outcomes, gallery = run(name, of=victims(few, secrets=secrets), progress=lambda attack: seen.append)
    assert np.isfinite(outcomes[name].measures["psnr_gain"].estimate.value)
    assert gallery.reconstruction[name].shape == gallery.wrong_client[name].shape == (2, 32, 32, 3)
    assert set(outcomes[name].controls) == {"wrong_client"}
    assert seen or name == "learned_inversion"


@pytest.mark.parametrize("name", ["dlg", "inverting_gradients", "gidm_plus"])
def test_attacks_without_secrets_guess(name):
    outcomes, _ = run(name, of=victims(CLIENTS[:2]))
    assert {"psnr_gain", "psnr_gain_wrong_client"} <= set(outcomes[name].measures)


def test_without_secrets_gidm_is_missing_with_the_reason():
    outcomes, gallery = run("gidm")
    estimate = outcomes["gidm"].measures["psnr_gain"].estimate
    assert estimate.value is None
    assert "plant them as secrets" in estimate.missing
    assert not gallery.reconstruction


def test_other_likenesses_are_recorded_with_their_direction():
    def measure(truth, made):
        return {"lpips[toy]": float(np.abs(truth.astype(float) - made).mean()), "identity[toy]": 0.0}

    measures = run("learned_inversion", measure=measure)[0]["learned_inversion"].measures
    assert measures["lpips[toy]_gain"].direction == "lower"
    assert measures["lpips[toy]_gain"].estimate.value < 0
    assert measures["identity[toy]_gain"].direction == "higher"


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="unknown attack 'magic'; valid: learned_inversion"):
        settings("magic")
    with pytest.raises(ValueError, match="distinct clients"):
        Victims(clients=(1, 1), frames=frames_of((1, 1)))
    with pytest.raises(ValueError, match="at least 2 must be left"):
        attack_messages(view_of(SENT, COHORT), knowledge(), victims(), settings("dlg", planted=19))
    with pytest.raises(ValueError, match="client 99 sent no message"):
        attack_messages(view_of(SENT, COHORT), knowledge(), victims((99,)), settings("dlg"))


# ---- which messages


def rounds(*cohorts):
    empty = START.new_zeros
    return tuple(
        ServerRound(number=n, adapter=START, cohort=c, messages=empty(len(c), len(START)))
        for n, c in enumerate(cohorts)
    )


def test_rounds_are_chosen_to_meet_every_victim():
    view = ServerView(backbone=BACKBONE, rounds=rounds((1, 2), (1, 2, 3), (4,), (1,)))
    assert [r.number for r in choose_rounds(view, (1, 2, 3), 1)] == [1]
    assert [r.number for r in choose_rounds(view, (1, 4), 1)] == [2, 3]
    assert [r.number for r in choose_rounds(view, (1, 2, 3), 2)] == [0, 1]


def test_victims_share_a_round():
    view = ServerView(backbone=BACKBONE, rounds=rounds((1, 2), (), (3, 4, 5, 6), (7,)))
    chosen = choose_victims(view, 3, stream)
    assert len(set(chosen)) == 3
    assert set(chosen) <= {3, 4, 5, 6}
    assert choose_victims(view, 3, stream) == chosen
    with pytest.raises(ValueError, match="at least one"):
        choose_victims(ServerView(backbone=BACKBONE, rounds=rounds(())), 3, stream)


def test_wrong_clients_are_others_and_no_victims_where_possible():
    wrong = wrong_clients(rounds((1, 2, 3, 4)), (1, 2), stream)
    assert set(wrong) <= {3, 4}
    assert wrong_clients(rounds((1, 2)), (1, 2), stream) == (2, 1)
    with pytest.raises(ValueError, match="alone in its round"):
        wrong_clients(rounds((1,)), (1,), stream)


def test_messages_are_heard_by_client():
    heard = hear(view_of(SENT, COHORT).rounds[0], (3, 99))
    assert torch.equal(heard.messages[0], SENT[3])
    assert heard.present.tolist() == [True, False]
    assert not heard.messages[1].any()


# ---- scoring


def pictures(*names):
    return torch.randint(256, (6, 16, 16, 3), generator=stream("pictures", *names)).to(torch.uint8)


def test_the_prior_gains_nothing_and_the_truth_all():
    truth, prior = pictures("truth"), pictures("prior")[0]
    assert np.all(gains(truth[:, None], prior.expand_as(truth), prior)["psnr"] == 0)
    perfect = gains(truth[:, None], truth, prior)
    assert perfect["psnr"].min() > 80
    assert likeness(truth[:1].numpy(), truth[:1].numpy()) == {"psnr": 100.0, "ssim": 1.0}


def test_small_frames_have_no_ssim():
    tiny = np.zeros((1, 8, 8, 3), np.uint8)
    assert set(likeness(tiny, tiny)) == {"psnr"}


def test_cross_gains_have_the_own_on_the_diagonal():
    truth, made, prior = pictures("truth"), pictures("made"), pictures("prior")[0]
    np.testing.assert_allclose(
        np.diagonal(cross_gains(truth[:, None], made, prior)), gains(truth[:, None], made, prior)["psnr"]
    )


def test_victims_told_apart_and_not():
    apart = told_apart(np.eye(6))
    assert apart.value == 1.0
    assert told_apart(np.zeros((6, 6))).value == 0.5
    assert wrong_client_control(np.zeros((6, 6))).passed
    assert not wrong_client_control(np.eye(40)).passed
    assert told_apart(np.zeros((1, 1))).missing


def test_intervals_of_means():
    draws = torch.randn(2000, 5, generator=stream("coverage"), dtype=torch.float64).numpy()
    covered = [i.low <= 0 <= i.high for i in map(mean_interval, draws)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)
    assert mean_interval(np.array([])).missing
    assert mean_interval(np.array([2.0])).low is None
