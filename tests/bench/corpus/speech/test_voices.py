"""Voices and utterances."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.speech import voices as speech
from privtalk.bench.corpus.speech.sentences import sentence
from privtalk.bench.corpus.speech.voices import Phoneme, Utterance, Voice

VOICE = Voice(accent="american", variant="m3", pitch=50, pitch_range=50, rate=170)


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    rng = np.random.default_rng(0)
    return [speech.speak(sentence(rng), speech.sample_voice(rng, "broad")) for _ in range(60)]


def samples(utterance: Utterance, phoneme: Phoneme) -> NDArray[np.float32]:
    return utterance.audio[round(phoneme.start * SAMPLE_RATE) : round(phoneme.end * SAMPLE_RATE)]


def level(audio: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def test_phonemes_tile_the_audio(utterances: list[Utterance]) -> None:
    for utterance in utterances:
        phonemes = utterance.phonemes
        assert phonemes[0].start == 0.0
        assert phonemes[-1].end == pytest.approx(utterance.duration)
        assert all(before.end == after.start for before, after in pairwise(phonemes))
        assert all(phoneme.start < phoneme.end for phoneme in phonemes)


def test_audio_is_float32_within_full_scale_and_of_ordinary_length(utterances: list[Utterance]) -> None:
    for utterance in utterances:
        assert utterance.audio.dtype == np.float32
        assert 0.1 < np.abs(utterance.audio).max() < 1.0
    durations = [utterance.duration for utterance in utterances]
    assert np.percentile(durations, 5) > 1.4
    assert np.percentile(durations, 95) < 3.9


def test_the_silence_around_has_no_energy_and_speech_has(utterances: list[Utterance]) -> None:
    lead, tail = int(0.9 * speech.AUDIO_LEAD * SAMPLE_RATE), int(0.9 * speech.AUDIO_TAIL * SAMPLE_RATE)
    for utterance in utterances:
        assert not utterance.audio[:lead].any()
        assert not utterance.audio[-tail:].any()
        assert all(level(samples(utterance, p)) > 0.01 for p in utterance.phonemes if p.stress == 2)


def test_loudness_does_not_depend_on_the_voice(utterances: list[Utterance]) -> None:
    levels = [level(u.audio[np.abs(u.audio) > np.abs(u.audio).max() / 20]) for u in utterances]
    assert np.allclose(levels, speech.LOUDNESS, rtol=1e-3)


def test_times_agree_with_the_sound(utterances: list[Utterance]) -> None:
    """Hisses cross zero more often than the vowels of the same utterance: an oracle that knows no events."""

    def crossings(audio: NDArray[np.float32]) -> float:
        return float(np.mean(np.diff(np.signbit(audio))))

    hiss, vowel = [], []
    for utterance in utterances:
        hiss += [crossings(samples(utterance, p)) for p in utterance.phonemes if p.symbol in ("s", "S", "tS")]
        vowel += [crossings(samples(utterance, p)) for p in utterance.phonemes if p.stress == 2]
    assert np.percentile(hiss, 10) > np.percentile(vowel, 90)


def test_a_stop_begins_with_its_silent_closure() -> None:
    utterance = speech.speak("A happy paper bag.", VOICE)
    inner = [p for before, p in pairwise(utterance.phonemes) if p.symbol == "p" and before.stress == 2]
    assert len(inner) == 2
    for phoneme in inner:
        closure = samples(utterance, phoneme._replace(start=phoneme.start + 0.005, end=phoneme.start + 0.02))
        assert level(closure) < 0.02 * level(utterance.audio)
        assert phoneme.end - phoneme.start > 0.04


def test_a_pause_between_sentences_is_a_phoneme() -> None:
    symbols = [p.symbol for p in speech.speak("Move it. Leave it.", VOICE).phonemes]
    assert symbols.count(speech.SILENCE) == 3
    assert symbols[0] == symbols[-1] == speech.SILENCE


def test_stress_is_separated_from_the_symbol(utterances: list[Utterance]) -> None:
    phonemes = [phoneme for utterance in utterances for phoneme in utterance.phonemes]
    assert {phoneme.stress for phoneme in phonemes} == {0, 1, 2}
    assert not any(phoneme.symbol[0] in "',%=" for phoneme in phonemes)


def test_the_same_text_and_voice_give_the_same_bytes(utterances: list[Utterance]) -> None:
    rng = np.random.default_rng(0)
    again = speech.speak(sentence(rng), speech.sample_voice(rng, "broad"))
    assert again.audio.tobytes() == utterances[0].audio.tobytes()
    assert again.phonemes == utterances[0].phonemes


def test_a_higher_rate_is_shorter() -> None:
    def duration(rate: int) -> float:
        voice = Voice(accent="british", variant="f2", pitch=50, pitch_range=50, rate=rate)
        return speech.speak("We moved the boat before noon.", voice).duration

    assert duration(210) < duration(165) < duration(130)


@pytest.mark.parametrize("variant", speech.VARIANTS)
def test_every_variant_exists_and_speaks_without_clipping(variant: str) -> None:
    voice = Voice(accent="american", variant=variant, pitch=50, pitch_range=50, rate=170)
    audio = speech.speak("We were away.", voice).audio
    plain = speech.speak("We were away.", VOICE).audio
    assert np.mean(np.abs(audio) > 0.99 * np.abs(audio).max()) < 0.01
    assert variant == VOICE.variant or audio.tobytes() != plain.tobytes()


def test_the_fundamental_is_what_is_heard() -> None:
    for variant, pitch in (("m3", 50), ("m3", 80), ("f3", 50), ("steph", 40)):
        voice = Voice(accent="american", variant=variant, pitch=pitch, pitch_range=50, rate=170)
        audio = speech.speak("We were away a year ago, Noah.", voice).audio
        assert heard_fundamental(audio) == pytest.approx(voice.fundamental, rel=0.12)


def heard_fundamental(audio: NDArray[np.float32]) -> float:
    """Median over frames of the first strong peak of the autocorrelation, hertz."""
    width, found = 1000, []
    for start in range(0, len(audio) - width, 200):
        frame = audio[start : start + width] - audio[start : start + width].mean()
        correlation = np.correlate(frame, frame, "full")[width - 1 :]
        lag = 36 + int(np.argmax(correlation[36:270]))
        if correlation[0] > 1.0 and correlation[lag] > 0.5 * correlation[0]:
            found.append(SAMPLE_RATE / lag)
    return float(np.median(found))


def test_the_broad_world_adds_accents_and_rates() -> None:
    rng = np.random.default_rng(1)
    public = [speech.sample_voice(rng, "public") for _ in range(400)]
    broad = [speech.sample_voice(rng, "broad") for _ in range(400)]
    assert {v.accent for v in public} < {v.accent for v in broad} == set(speech.ACCENTS)
    added = set(speech.ACCENTS) - {v.accent for v in public}
    assert np.mean([v.accent in added for v in broad]) > 0.5
    assert np.ptp([v.rate for v in broad]) > 2 * np.ptp([v.rate for v in public])
    assert {v.attributes()["rate"] for v in broad} == {"slow", "medium", "fast"}
    assert {v.attributes()["pitch"] for v in public} == {"low", "medium", "high"}


@pytest.mark.parametrize("weights", speech.ACCENT_WEIGHTS.values())
def test_accent_weights_sum_to_one(weights: dict[str, float]) -> None:
    assert sum(weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accent": "martian"}, "unknown accent 'martian'; choose one of american"),
        ({"variant": "f99"}, "unknown variant 'f99'"),
        ({"pitch": 120}, "voice pitch is 120; it must lie in 0..99"),
        ({"rate": 20}, "voice rate is 20; it must lie in 80..400"),
    ],
)
def test_a_bad_voice_is_refused(change: dict[str, object], message: str) -> None:
    settings = {"accent": "american", "variant": "m3", "pitch": 50, "pitch_range": 50, "rate": 170}
    with pytest.raises(ValueError, match=message):
        Voice(**{**settings, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "  ", "a\0b"])
def test_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot speak"):
        speech.speak(text, VOICE)
