"""English sentences from a small grammar: 4 to 9 words, 1.5 to 3.5 s at ordinary rates.

The word lists show every viseme, and are rich in what a mouth shows: bilabials, labiodentals, open
and rounded vowels. The grammar makes hundreds of millions of distinct sentences.
"""

from __future__ import annotations

import re

import numpy as np

GRAMMAR: dict[str, tuple[str, ...]] = {
    "sentence": (
        "{who} {did} {thing} {where}.",
        "{who} {did} {thing} {when}.",
        "{when} {who} {did} {thing}.",
        "{name} and {name} {did} {thing}.",
        "Please {do} {thing} {where}.",
        "Did {name} {do} {thing} {when}?",
        "Why would {who} {do} {thing}?",
        "Could you {do} {thing} {when}?",
        "{name} will never {do} {thing}.",
        "We ought to {do} {thing} {when}.",
        "{owner} {noun} {was} {state} {when}.",
        "{who} {went} {where} {when}.",
        "I think {name} {went} {where}.",
        "There are {number} {plural} {where}.",
        "Both {plural} {were} {state} {when}.",
    ),
    "owner": ("the {colour}", "my", "our {quality}", "the", "your"),
    "who": ("{name}", "my {person}", "the {quality} {person}", "our {person}", "their {person}"),
    "thing": (
        "the {colour} {noun}", "a {quality} {noun}", "the {noun}", "{number} {plural}", "those {plural}",
    ),
    "name": (
        "Bob", "Emma", "Phoebe", "Joyce", "Matthew", "George", "Paula", "Thomas", "Ruth", "Victor", "Amy",
        "Shaun", "Heather", "Oscar", "Beth", "Omar", "Wanda", "Charlie", "Maya", "Pierre", "Zoe", "Hugh",
        "Vivian", "Boyd",
    ),
    "person": (
        "mother", "father", "brother", "neighbour", "teacher", "doctor", "boss", "farmer", "nephew",
        "uncle", "baker", "pilot", "mayor", "cousin", "judge", "nurse", "painter", "lawyer", "singer",
        "partner",
    ),
    "did": (
        "bought", "found", "moved", "washed", "saw", "painted", "opened", "fixed", "brought", "followed",
        "chose", "borrowed", "hid", "loved", "measured", "heard about", "took", "pushed", "mapped",
        "mailed",
    ),
    "do": (
        "buy", "find", "move", "wash", "see", "paint", "open", "fix", "bring", "follow", "choose",
        "borrow", "hide", "remember", "measure", "hear about", "carry", "push", "enjoy", "photograph",
    ),
    "noun": (
        "boat", "map", "apple", "fish", "book", "violin", "watch", "pump", "balloon", "shoe", "ring",
        "cup", "room", "leaf", "farm", "spoon", "bathtub", "puppy", "ferry", "package", "mirror", "toy",
        "bridge", "cave", "umbrella", "piano", "photo", "wheel", "garage", "newspaper",
    ),
    "plural": (
        "boats", "maps", "apples", "fish", "books", "violins", "watches", "pumps", "balloons", "shoes",
        "rings", "cups", "rooms", "leaves", "farms", "spoons", "puppies", "ferries", "packages",
        "mirrors", "toys", "bridges", "wolves", "bees", "pianos", "photos", "wheels", "pipes", "owls",
        "vases",
    ),
    "quality": (
        "big", "famous", "old", "warm", "shy", "happy", "broken", "perfect", "cheap", "strange", "smooth",
        "brave", "fresh", "lovely", "awful", "hot", "young", "heavy", "proud", "rough",
    ),
    "colour": ("blue", "brown", "yellow", "purple", "white", "black", "beige", "orange", "green", "pale"),
    "number": ("two", "three", "four", "five", "seven", "eleven", "twelve", "forty", "fifty", "a thousand"),
    "was": ("was", "became", "looked", "will be", "may be"),
    "were": ("were", "became", "looked", "will be", "may be"),
    "state": (
        "empty", "too small", "above average", "wet", "rather good", "beautiful", "unusual", "far away",
        "very loud",
    ),
    "went": (
        "walked", "moved", "drove", "hurried", "jumped", "sailed", "rode", "vanished", "swam", "ran off",
    ),
    "where": (
        "by the river", "above the shop", "over there", "in the bathroom", "from Boston",
        "behind the house", "at the market", "before the bridge", "into the woods", "under the moon",
        "on the roof", "near Vienna", "for my father", "along the wharf",
    ),
    "when": (
        "on Monday", "before five", "in the morning", "today", "after lunch", "this weekend",
        "last November", "every day", "at half past four", "now", "in August", "for a while",
        "yesterday evening", "at noon",
    ),
}  # fmt: skip
"""Symbol -> its alternatives, each a text with further symbols in braces."""

_SYMBOL = re.compile(r"\{(\w+)\}")


def expand(text: str, rng: np.random.Generator) -> str:
    """Replaces every symbol in braces by one of its alternatives, until none is left."""
    while match := _SYMBOL.search(text):
        alternatives = GRAMMAR[match[1]]
        choice = alternatives[int(rng.integers(len(alternatives)))]
        text = text[: match.start()] + choice + text[match.end() :]
    return text


def sentence(rng: np.random.Generator) -> str:
    """One sentence of 4 to 9 words.

    >>> sentence(np.random.default_rng(1)) == sentence(np.random.default_rng(1))
    True
    """
    while True:
        text = expand("{sentence}", rng)
        if 4 <= len(text.split()) <= 9:
            return _mend(text)


def _mend(text: str) -> str:
    """A capital at the start, and "an" before a vowel letter."""
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[0].upper() + text[1:]
