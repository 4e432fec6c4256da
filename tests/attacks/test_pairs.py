"""The evaluation of score matrices, on matrices whose figures can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.judgement import blind, gaussian, judged, permuted, silenced, wrong_client
from privtalk.attacks.pairs import (
    MessageAttack,
    NotApplicable,
    PairLabels,
    ScoreMatrix,
    centred,
    comparable,
    comparable_sums,
    over_rounds,
    pairs,
    rank1,
    source,
    unit,
)
from privtalk.attacks.views import ServerRound
from tests.attacks.message_world import EVALUATED, STRANGERS, stream, world

SMALL = PairLabels(own={5: 0, 7: 1}, strangers=(2, 3))


def matrix(*rows):
    return ScoreMatrix((5, 6, 7), np.array(rows, dtype=float))


def declared(view="server"):
    return Declaration(name="counted", family="membership", view=view, statistic="", source="")


def test_pairs_are_the_evaluated_clients_with_their_own_person_and_strangers():
    found = pairs(matrix([1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]), SMALL)
    own, strangers = found.scores(found.own, found.strangers)
    assert own.tolist() == [1, 6]
    assert strangers.tolist() == [[3, 4], [7, 8]]


def test_rank_one_counts_unique_maxima_over_the_whole_gallery():
    found = rank1(matrix([9, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]), SMALL)
    assert (found.estimate.value, found.chance) == (0.5, 0.25)
    tied = rank1(matrix([9, 9, 3, 4], [0, 0, 0, 0], [5, 9, 7, 9]), SMALL)
    assert tied.estimate.value == 0


def test_source_inference_asks_every_client_even_those_that_are_not_evaluated():
    found = source(matrix([9, 0, 0, 0], [0, 9, 0, 0], [0, 1, 3, 5]), SMALL)
    assert (found.estimate.value, found.chance) == (0.5, 1 / 3)


def test_source_inference_does_not_depend_on_how_widely_a_client_scores():
    scores = matrix([4, 0, 1, 0], [0, 1, 0, 2], [1, 7, 0, 0])
    wide = scores._replace(values=scores.values * np.array([[1], [50], [1]]) + np.array([[0], [9], [0]]))
    assert source(wide, SMALL) == source(scores, SMALL)
    assert source(scores, SMALL).estimate.value == 1


def test_comparable_takes_away_what_all_clients_score():
    values = np.random.default_rng(0).normal(size=(3, 4))
    shifted = comparable(ScoreMatrix((5, 6, 7), values + np.array([10.0, -3, 0, 7])))
    np.testing.assert_allclose(shifted.values, comparable(ScoreMatrix((5, 6, 7), values)).values)


def test_the_owners_own_score_does_not_move_the_centre():
    base = np.random.default_rng(1).normal(size=(9, 2))
    raised = base.copy()
    raised[base[:, 0].argmax(), 0] += 100
    before, after = (comparable(ScoreMatrix(tuple(range(9)), v)).values for v in (base, raised))
    others = np.arange(9) != base[:, 0].argmax()
    np.testing.assert_array_equal(before[others], after[others])


def test_sums_that_are_one_for_all_clients_are_left_as_they_are():
    values = np.random.default_rng(2).normal(size=(3, 4))
    different = ScoreMatrix((5, 6, 7), values)
    np.testing.assert_array_equal(comparable_sums(different).values, comparable(different).values)
    one = ScoreMatrix((5, 6, 7), np.tile(values[0], (3, 1)))
    np.testing.assert_array_equal(comparable_sums(one).values, one.values)
    assert not comparable(one).values.any()


def test_rounds_are_averaged_over_those_a_client_took_part_in():
    rounds = [
        ServerRound(number=0, adapter=torch.zeros(1), cohort=(3, 1), messages=torch.tensor([[2.0], [4.0]])),
        ServerRound(number=1, adapter=torch.zeros(1), cohort=(), messages=torch.zeros(0, 1)),
        ServerRound(number=2, adapter=torch.zeros(1), cohort=(1,), messages=torch.tensor([[8.0]])),
    ]
    found = over_rounds(rounds, lambda r: r.messages)
    assert found.clients == (1, 3)
    assert found.values.tolist() == [[6.0], [2.0]]


def test_rounds_without_anybody_are_no_run():
    empty = ServerRound(number=0, adapter=torch.zeros(1), cohort=(), messages=torch.zeros(0, 1))
    with pytest.raises(NotApplicable, match="no client took part"):
        over_rounds([empty], lambda r: r.messages)


def test_a_person_cannot_be_a_clients_and_a_stranger():
    with pytest.raises(ValueError, match=r"people \[1\] are both"):
        PairLabels(own={0: 1}, strangers=(1, 2))


def test_too_few_pairs_are_said_to_be_missing():
    truth = PairLabels(own={5: 0}, strangers=(2, 3))
    with pytest.raises(NotApplicable, match="1 of the evaluated clients took part"):
        pairs(matrix([1, 2, 3, 4], [0] * 4, [0] * 4), truth)
    attack = MessageAttack(declaration=declared(), score=lambda r, c: matrix([1, 2, 3, 4], [0] * 4, [0] * 4))
    outcome = judged(attack, (), world().candidates, truth, stream)
    assert outcome.evaluation is None
    assert "took part" in outcome.measures["auc"].estimate.missing


def test_unit_and_centred_keep_what_has_no_length_or_company():
    assert unit(torch.zeros(2, 3)).tolist() == torch.zeros(2, 3).tolist()
    single = torch.tensor([[3.0, 4.0]])
    assert torch.equal(centred(single), single)
    torch.testing.assert_close(unit(single).norm(), torch.tensor(1.0))


def test_gaussian_messages_have_the_same_lengths_and_other_directions():
    rounds = world().rounds
    drawn = gaussian(rounds, stream, "counted")
    for r, g in zip(rounds, drawn, strict=True):
        torch.testing.assert_close(g.messages.norm(dim=1), r.messages.norm(dim=1))
        assert torch.nn.functional.cosine_similarity(g.messages, r.messages).abs().mean() < 0.3
    assert not silenced(rounds)[0].messages.any()


def random_pairs(bonus=0.0):
    values = np.random.default_rng(3).normal(size=(40, 80))
    values[np.arange(40), np.arange(40)] += bonus
    truth = PairLabels(own={k: k for k in range(40)}, strangers=tuple(range(40, 80)))
    return ScoreMatrix(tuple(range(40)), values), truth


def test_controls_pass_on_a_strong_attack_and_on_none():
    for bonus in (0.0, 5.0):
        scores, truth = random_pairs(bonus)
        found = pairs(scores, truth)
        assert wrong_client(found).passed
        assert permuted(found, stream("permuted")).passed


def test_a_shift_between_clients_people_and_strangers_fails_the_controls():
    scores, truth = random_pairs()
    scores.values[:, :40] += 1.0
    assert not wrong_client(pairs(scores, truth)).passed
    footage = np.concatenate([np.random.default_rng(4).normal(2, 1, 40), np.zeros(40)])
    assert not blind(scores, footage, truth).passed


def test_permuting_labels_covers_what_leaks_into_them():
    """An evaluation that scored own people by another rule than strangers would not be at chance."""
    scores, truth = random_pairs()
    found = pairs(scores, truth)
    unfair = replace_scores(found, 2.0)
    assert not permuted(unfair, stream("permuted")).passed


def replace_scores(found, bonus):
    class Unfair(type(found)):
        def scores(self, own, strangers):
            right, wrong = super().scores(own, strangers)
            return right + bonus, wrong

    return Unfair(*found)


def test_an_outcome_of_a_planted_positive_is_strong_and_valid():
    planted = world()
    attack = MessageAttack(
        declaration=declared(),
        score=lambda rounds, c: over_rounds(rounds, lambda r: -unit(r.messages) @ unit(c.gradients).T),
    )
    outcome = judged(attack, planted.rounds, planted.candidates, planted.truth, stream)
    assert outcome.evaluation.auc.low > 0.8
    assert (outcome.evaluation.positives, outcome.evaluation.negatives) == (EVALUATED, STRANGERS)
    assert outcome.measures["rank1"].estimate.low > outcome.measures["rank1"].chance
    assert set(outcome.controls) == {
        "never_trained", "gaussian_update", "blind", "permuted_labels", "wrong_client",
    }  # fmt: skip
    assert outcome.valid
    assert outcome.controls["never_trained"].auc.value == 0.5


def test_behind_sums_there_is_no_wrong_client():
    planted = world()
    attack = MessageAttack(
        declaration=declared("sums"), score=lambda r, c: over_rounds(r, lambda x: x.messages[:, :32])
    )
    outcome = judged(attack, planted.rounds, planted.candidates, planted.truth, stream)
    assert "wrong_client" not in outcome.controls


def test_evaluated_clients_that_never_took_part_are_left_out():
    planted = world()
    truth = replace(planted.truth, own={**planted.truth.own, 99: 0})
    attack = MessageAttack(
        declaration=declared(), score=lambda r, c: over_rounds(r, lambda x: x.messages[:, :32])
    )
    outcome = judged(attack, planted.rounds, planted.candidates, truth, stream)
    assert outcome.evaluation.positives == EVALUATED
