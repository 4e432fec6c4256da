"""Phonemes to mouth shapes. Phoneme times in seconds; frames at 25 a second unless said."""

import struct
from itertools import pairwise
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import ARTICULATORS, VISEMES
from privtalk.bench.corpus.speech import visemes
from privtalk.bench.corpus.speech import voices as speech
from privtalk.bench.corpus.speech.sentences import sentence
from privtalk.bench.corpus.speech.voices import Phoneme, Utterance, Voice

JAW, WIDTH, ROUND, PRESS, TUCK, TONGUE = range(6)
FINE = 200.0
"""Frames a second where a test looks between video frames."""


def word(*symbols: str, length: float = 0.1, stress: int = 2) -> list[Phoneme]:
    """The symbols one after another between two pauses of 0.2 s."""
    lengths = [0.2, *[length] * len(symbols), 0.2]
    ends = np.cumsum(lengths).tolist()
    names = ["_", *symbols, "_"]
    return [Phoneme(n, e - d, e, stress) for n, e, d in zip(names, ends, lengths, strict=True)]


def fine(phonemes: list[Phoneme]) -> visemes.MouthTrack:
    return visemes.track(phonemes, int(phonemes[-1].end * FINE), FINE)


def during(track: NDArray[np.float32], phoneme: Phoneme, fps: float = FINE) -> NDArray[np.float32]:
    """The frames whose middle lies in the phoneme."""
    times = (np.arange(len(track)) + 0.5) / fps
    return track[(times >= phoneme.start) & (times < phoneme.end)]


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    rng = np.random.default_rng(1)
    return [speech.speak(sentence(rng), speech.sample_voice(rng, "broad")) for _ in range(60)]


def test_the_table_has_exactly_the_sounds_of_the_english_phoneme_tables() -> None:
    sounds = {"_"}.union(*(english_sounds(name) for name in ENGLISH_TABLES))
    assert set(visemes.PHONEMES) == sounds


ENGLISH_TABLES = ("en", "en-us", "en-us-nyc", "en-sc", "en-n", "en-wm", "en-rp", "en-wi")


def english_sounds(table: str) -> set[str]:
    """Vowels and consonants (types 2 to 8) of one of espeak's compiled tables and of those it builds on."""
    data = Path(espeakng_loader.get_data_path(), "phontab").read_bytes()
    tables, at = [], 4
    for _ in range(data[0]):
        count, parent, name = data[at], data[at + 1], data[at + 4 : at + 36].split(b"\0")[0].decode()
        rows = [struct.unpack_from("<4sIHBB", data, at + 36 + 16 * i) for i in range(count)]
        sounds = {row[0].rstrip(b"\0").decode() for row in rows if 2 <= row[4] <= 8 and row[0][:1] != b"#"}
        tables.append((name, parent, sounds))
        at += 36 + 16 * count
    index = [name for name, _, _ in tables].index(table)
    found: set[str] = set()
    while True:
        _, parent, sounds = tables[index]
        found |= sounds
        if parent == 0:
            return found
        index = parent - 1


def check_that_speech_maps(sentences: int) -> None:
    rng = np.random.default_rng(2)
    batches = [" ".join(sentence(rng) for _ in range(25)) for _ in range(sentences // 25)]
    for accent in speech.ACCENTS:
        voice = Voice(accent=accent, variant="m3", pitch=50, pitch_range=50, rate=350)
        heard = {p.symbol for text in batches for p in speech.speak(text, voice).phonemes}
        assert heard <= set(visemes.PHONEMES), accent
        assert len(heard) > 30


def test_every_phoneme_of_every_accent_is_in_the_table() -> None:
    check_that_speech_maps(25)


@pytest.mark.slow
def test_every_phoneme_of_500_sentences_in_every_accent_is_in_the_table() -> None:
    check_that_speech_maps(500)


def test_the_sentences_show_every_viseme(utterances: list[Utterance]) -> None:
    seen = {target.viseme for u in utterances for p in u.phonemes for target in visemes.PHONEMES[p.symbol]}
    assert seen == set(VISEMES) == set(visemes.SHAPES)


def test_ranges_sums_and_types(utterances: list[Utterance]) -> None:
    for utterance in utterances:
        frames = int(utterance.duration * 25)
        weights, mouth = visemes.track(utterance.phonemes, frames)
        assert weights.shape == (frames, len(VISEMES))
        assert mouth.shape == (frames, len(ARTICULATORS))
        assert weights.dtype == mouth.dtype == np.float32
        assert np.allclose(weights.sum(1), 1.0, atol=1e-5)
        assert weights.min() >= 0.0
        assert mouth[:, WIDTH].min() >= -1.0
        assert np.delete(mouth, WIDTH, axis=1).min() >= 0.0
        assert mouth.max() <= 1.0


def test_opening_has_a_wide_range(utterances: list[Utterance]) -> None:
    tracks = [visemes.track(u.phonemes, int(u.duration * 25)).articulators for u in utterances]
    jaw = np.concatenate(tracks)[:, JAW]
    assert jaw.std() > 0.18
    assert np.percentile(jaw, 99) > 0.8
    assert np.percentile(jaw, 10) < 0.03


def test_bilabials_close_the_lips_in_some_video_frame(utterances: list[Utterance]) -> None:
    pressed, opened = [], []
    for utterance in utterances:
        mouth = visemes.track(utterance.phonemes, int(utterance.duration * 25)).articulators
        for phoneme in utterance.phonemes:
            if phoneme.symbol in ("p", "b", "m"):
                contact = during(
                    mouth, phoneme._replace(start=phoneme.start - 0.02, end=phoneme.end + 0.02), 25
                )
                pressed.append(contact[:, PRESS].max())
                opened.append(contact[:, JAW].min())
    assert len(pressed) > 50
    assert min(pressed) > 0.8
    assert np.median(pressed) > 0.95
    assert np.percentile(opened, 95) < 0.08


def test_the_sound_between_pauses_reaches_its_shape() -> None:
    for symbol, articulator in (("f", TUCK), ("T", TONGUE), ("w", ROUND), ("A:", JAW), ("m", PRESS)):
        phonemes = word(symbol, length=0.25)
        assert during(fine(phonemes).articulators, phonemes[1])[:, articulator].max() > 0.85
    assert np.abs(visemes.track(word("A:"), 3).articulators[0]).max() < 1e-4


@pytest.mark.parametrize("vowel", ["a", "aa", "A:", "aI", "aU"])
@pytest.mark.parametrize("neighbour", ["b", "s", "t", "k", "f"])
def test_stressed_open_vowels_open_in_any_company(vowel: str, neighbour: str) -> None:
    phonemes = word(neighbour, vowel, neighbour, length=0.13)
    assert during(fine(phonemes).articulators, phonemes[2])[:, JAW].max() > 0.8


def test_stress_opens() -> None:
    loud, soft = (fine(word("t", "a", "t", stress=stress)).articulators[:, JAW].max() for stress in (2, 0))
    assert loud > 1.05 * soft


def test_diphthongs_move_from_one_target_to_the_next() -> None:
    phonemes = word("aI", length=0.2)
    mouth = during(fine(phonemes).articulators, phonemes[1])
    assert mouth[8, JAW] > mouth[-8, JAW] + 0.4
    assert mouth[8, WIDTH] < mouth[-8, WIDTH] - 0.2


def test_rounding_spreads_over_the_neighbours() -> None:
    def hiss(vowel: str) -> float:
        phonemes = word("s", vowel)
        return float(during(fine(phonemes).articulators, phonemes[1])[:, ROUND].mean())

    assert hiss("u:") > hiss("i:") + 0.15


def test_h_takes_the_shape_of_what_follows() -> None:
    def opening(vowel: str) -> float:
        phonemes = word("h", vowel)
        return float(during(fine(phonemes).articulators, phonemes[1])[-5:, JAW].mean())

    assert opening("A:") > opening("u:") + 0.2


def test_the_mouth_moves_smoothly(utterances: list[Utterance]) -> None:
    """Ten times the frame rate, at most a third of the step: no jumps hide between frames."""
    for utterance in utterances[:4]:
        steps = [
            np.abs(
                np.diff(
                    visemes.track(utterance.phonemes, int(utterance.duration * fps), fps).articulators, axis=0
                )
            )
            for fps in (100.0, 1000.0)
        ]
        assert steps[1].max() < 0.34 * steps[0].max()
        assert steps[1].max() < 0.1


@given(st.lists(st.sampled_from(sorted(visemes.PHONEMES)), min_size=1, max_size=8), st.integers(1, 20))
def test_shifted_speech_gives_a_shifted_track(symbols: list[str], shift: int) -> None:
    phonemes = word(*symbols)
    frames = int(phonemes[-1].end * 25)
    delay = shift / 25
    late = [p._replace(start=p.start + delay, end=p.end + delay) for p in phonemes]
    late[0] = late[0]._replace(start=0.0)
    plain, shifted = visemes.track(phonemes, frames), visemes.track(late, frames + shift)
    assert np.allclose(shifted.articulators[shift:], plain.articulators, atol=1e-5)
    assert np.allclose(shifted.visemes[shift:], plain.visemes, atol=1e-5)


def test_frames_beyond_the_last_sound_hold_it() -> None:
    phonemes = word("A:")
    mouth = visemes.track(phonemes, 200).articulators
    assert np.allclose(mouth[60:], mouth[-1])
    assert np.isfinite(mouth).all()


def test_an_unknown_phoneme_is_a_weak_neutral_vowel() -> None:
    assert np.array_equal(fine(word("t", "??", "t")).visemes, fine(word("t", "???", "t")).visemes)
    phonemes = word("t", "??", "t")
    jaw = during(fine(phonemes).articulators, phonemes[2])[:, JAW]
    assert 0.2 < jaw.max() < 0.5


def test_the_blend_is_the_written_formula() -> None:
    """The slow definition, instant by instant."""
    phonemes = word("p", "A:", "s", "u:")
    mouth = visemes.track(phonemes, 30).articulators
    for frame in (5, 8, 12, 15, 19):
        instants = [(frame + 0.5 + offset) / 25 for offset in (-0.1875, -0.0625, 0.0625, 0.1875)]
        slow = np.mean([formula(phonemes, instant) for instant in instants], axis=0)
        assert np.allclose(mouth[frame], slow, atol=1e-6)


def formula(phonemes: list[Phoneme], instant: float) -> list[float]:
    """sum_s D T / sum_s D for monophthongs with primary stress."""
    values = []
    for k in range(6):
        total = weight = 0.0
        for phoneme in phonemes:
            ((viseme, jaw, hold),) = visemes.PHONEMES[phoneme.symbol]
            target = visemes.SHAPES[viseme].target[k] * (jaw if k == JAW else 1.0)
            strength = visemes.SHAPES[viseme].strength[k] * hold
            gap = max(phoneme.start - instant, instant - phoneme.end, 0.0)
            sharpness = 1 + np.log(max(strength, 1.0))
            dominance = strength * np.exp(-sharpness * (gap / visemes.REACH[k]) ** 2)
            total, weight = total + dominance * target, weight + dominance
        values.append(total / weight)
    return values


def test_the_mouth_follows_the_words(utterances: list[Utterance]) -> None:
    """Frame by frame, the strongest viseme is one of the sounds within 60 ms."""
    for utterance in utterances[:20]:
        weights = visemes.track(utterance.phonemes, int(utterance.duration * 25)).visemes
        for frame, best in enumerate(weights.argmax(1)):
            time = (frame + 0.5) / 25
            near = [p for p in utterance.phonemes if p.start - 0.06 < time < p.end + 0.06]
            assert VISEMES[best] in {t.viseme for p in near for t in visemes.PHONEMES[p.symbol]}


def test_no_phonemes_are_refused() -> None:
    with pytest.raises(ValueError, match="no phonemes to track"):
        visemes.track([], 10)


def test_the_helper_word_tiles() -> None:
    assert all(a.end == pytest.approx(b.start) for a, b in pairwise(word("p", "a")))
