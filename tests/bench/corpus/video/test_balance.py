from __future__ import annotations

from collections import Counter

from privtalk.bench.corpus.video.balance import Balance


def test_a_whole_film_needs_no_word() -> None:
    assert Balance(kept=100).note is None
    assert Balance(100, Counter({"silent": 24})).note is None


def test_what_costs_most_comes_first_and_nothing_is_said_of_what_costs_nothing() -> None:
    lost = Counter({"silent": 5, "without a face": 20, "past the sound's end": 0})
    assert Balance(100, lost).note == "4.0 of 5.0 s kept (0.8 s without a face, 0.2 s silent)"
