"""Effects of factorial designs: by hand, by least squares, and where factors add up."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from privtalk.core.records import Estimate
from privtalk.leaderboards.board.statistics import contrast, paired_difference
from privtalk.leaderboards.sections.ablation.effects import effect, effect_of_estimates, sign, terms_of

CLIENTS = ("ann", "bob", "eve")
KEYS = [(seed, client, clip) for seed in (0, 1) for client in CLIENTS for clip in ("x", "y")]


def table(count: int, value):
    """Scores of every cell; `value` says one, of states and key."""
    return {
        states: {key: value(states, key) for key in KEYS} for states in product((False, True), repeat=count)
    }


def test_two_by_two_is_what_a_hand_computes():
    """Effects (2 + 9 - 1 - 4) / 2 and (4 + 9 - 1 - 2) / 2, and the interaction (9 - 4 - (2 - 1)) / 2."""
    values = {(False, False): 1.0, (True, False): 2.0, (False, True): 4.0, (True, True): 9.0}
    cells = table(2, lambda states, key: values[states])
    assert [effect(cells, term).value for term in terms_of(2)] == [3.0, 5.0, 2.0]


def test_one_factor_is_the_paired_difference():
    generator = np.random.default_rng(0)
    cells = table(1, lambda states, key: float(generator.normal()))
    assert effect(cells, (0,)) == paired_difference(cells[True,], cells[False,])


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(KEYS), st.integers(-50, 50)),
)
def test_factors_that_add_up_have_exact_main_effects_and_no_interaction(gains, levels):
    """Whatever level each clip has: in whole numbers nothing is rounded."""
    cells = table(
        len(gains),
        lambda states, key: float(
            levels.get(key, 0) + sum(g for g, on in zip(gains, states, strict=True) if on)
        ),
    )
    for term in terms_of(len(gains)):
        found = effect(cells, term)
        assert found.value == (gains[term[0]] if len(term) == 1 else 0.0)
        assert found.low == found.value == found.high
        assert found.p == (0.0 if found.value else 1.0)


@given(st.integers(1, 4), st.integers(0, 2**16))
def test_effects_are_twice_the_coefficients_of_least_squares(count, seed):
    """The oracle knows nothing of contrasts: it fits all products of factors coded -1 and +1, client by client."""
    generator = np.random.default_rng(seed)
    cells = table(count, lambda states, key: float(generator.normal()))
    states = list(cells)
    terms = terms_of(count)
    coded = np.array([[1 if on else -1 for on in s] for s in states])
    matrix = np.column_stack([np.ones(len(states)), *(coded[:, list(term)].prod(1) for term in terms)])
    fits = {}
    for client in CLIENTS:
        own = [key for key in KEYS if key[1] == client]
        means = [np.mean([cells[s][key] for key in own]) for s in states]
        fits[client] = 2 * np.linalg.lstsq(matrix, np.array(means), rcond=None)[0][1:]
    for place, term in enumerate(terms):
        own = np.array([fits[client][place] for client in CLIENTS])
        half = student.ppf(0.975, 2) * own.std(ddof=1) / 3**0.5
        found = effect(cells, term)
        assert found.value == pytest.approx(own.mean(), abs=1e-12)
        assert (found.low, found.high) == pytest.approx((own.mean() - half, own.mean() + half), abs=1e-9)
        assert (found.n, found.clusters) == (len(KEYS), len(CLIENTS))


@given(st.integers(0, 2**16))
def test_a_factor_turned_round_turns_every_effect_that_it_is_in(seed):
    generator = np.random.default_rng(seed)
    cells = table(2, lambda states, key: float(generator.normal()))
    turned = {(not first, second): scores for (first, second), scores in cells.items()}
    for term in terms_of(2):
        way = -1 if 0 in term else 1
        assert effect(turned, term).value == pytest.approx(way * effect(cells, term).value, abs=1e-12)


def test_clips_that_a_cell_lacks_are_in_no_cell():
    cells = table(2, lambda states, key: float(sum(states)))
    cells[True, True] = {key: 5.0 for key in KEYS if key[0] == 0}
    assert effect(cells, (0, 1)).n == len(KEYS) // 2
    assert effect(cells, (0, 1)).value == 1.5
    cells[True, True] = {}
    assert effect(cells, (0,)).value is None
    assert effect(cells, (0,)).missing == "no clip is scored in every row that it takes"


def test_half_of_the_cells_have_either_sign():
    for count in range(1, 5):
        for term in terms_of(count):
            signs = [sign(term, states) for states in product((False, True), repeat=count)]
            assert sum(signs) == 0
    assert sign((0, 1, 2), (False, False, False)) == -1


def test_a_contrast_of_one_row_with_another_is_their_difference():
    generator = np.random.default_rng(1)
    one, other = ({key: float(generator.normal()) for key in KEYS} for _ in range(2))
    assert contrast([one], [other]) == paired_difference(one, other)


def test_estimates_are_added_as_independent_ones():
    """Two cells with half-intervals .3 and .4: the difference has .5; of four cells with .2 each an effect has .2."""
    cells = {
        (False,): Estimate(value=0.5, low=0.2, high=0.8, n=9, clusters=5),
        (True,): Estimate(value=0.9, low=0.5, high=1.3, n=8, clusters=4),
    }
    found = effect_of_estimates(cells, (0,))
    assert (found.value, found.low, found.high) == pytest.approx((0.4, -0.1, 0.9))
    assert (found.n, found.clusters) == (8, 4)
    assert found.p is not None
    assert found.p > 0.05
    four = {
        states: Estimate(value=float(states[0]), low=states[0] - 0.2, high=states[0] + 0.2)
        for states in product((False, True), repeat=2)
    }
    assert effect_of_estimates(four, (0,)).low == pytest.approx(0.8)
    assert effect_of_estimates(four, (0, 1)).value == 0.0
    lacking = cells | {(True,): Estimate(missing="refused")}
    assert effect_of_estimates(lacking, (0,)).missing == "refused"
