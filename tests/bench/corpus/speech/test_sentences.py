"""The sentence grammar."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.speech.sentences import GRAMMAR, sentence


@given(st.integers(0, 2**32 - 1))
def test_a_sentence_has_four_to_nine_words_and_no_symbol_left(seed: int) -> None:
    text = sentence(np.random.default_rng(seed))
    assert re.fullmatch(r"[A-Z][A-Za-z ]*[.?]", text), text
    assert 4 <= len(text.split()) <= 9
    assert not re.search(r"\ba [aeiou]", text, re.IGNORECASE), text


def test_the_generator_alone_determines_the_sentence() -> None:
    first = [sentence(np.random.default_rng(seed)) for seed in range(20)]
    again = [sentence(np.random.default_rng(seed)) for seed in range(20)]
    assert first == again
    assert len(set(first)) > 15


def test_thousands_of_sentences_are_distinct() -> None:
    rng = np.random.default_rng(0)
    assert len({sentence(rng) for _ in range(5000)}) > 4500


def test_every_symbol_of_the_grammar_is_defined_and_used() -> None:
    used = {name for texts in GRAMMAR.values() for text in texts for name in re.findall(r"\{(\w+)\}", text)}
    assert used | {"sentence"} == set(GRAMMAR)


def test_alternatives_do_not_repeat() -> None:
    assert all(len(set(texts)) == len(texts) for texts in GRAMMAR.values())
