"""The findings on protections: the best, the attacker who undoes it, and only what figures support."""

from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.protection.findings import (
    made_otherwise,
    silences,
    stage_two,
    survives,
    transfers,
    words,
)
from privtalk.leaderboards.sections.protection.protection_board import ProtectionBoard
from tests.leaderboards.protected import CONTROL, failing, protected, without


def shown_of(runs) -> ProtectionBoard:
    return ProtectionBoard(build(runs.records, runs.samples))


@pytest.fixture(scope="module")
def shown():
    return shown_of(protected())


def told(finding, at="8/255"):
    return [text for place, text in finding.answers if place == at]


def test_the_most_silent_method_and_the_ceiling_are_named(shown):
    found = silences(shown)
    assert found.question == "Does a protection silence the portrait?"
    [text] = told(found)
    assert text.startswith("Mouth freeze leaves least to the speech: 0.20 [")
    assert "the end-to-end ceiling leaves 0.10 [" in text
    [other] = told(found, "16/255")
    assert other.startswith("Silencer I leaves least to the speech: 0.25 [")
    assert "ceiling" not in other


def test_perfect_silence_is_the_most_silent():
    silent = shown_of(protected({**CONTROL, ("photoguard", "budget=8"): 0.0}))
    [text] = told(silences(silent))
    assert text.startswith("PhotoGuard leaves least to the speech: 0.00")
    assert told(survives(silent))[0].startswith("After JPEG and resizing ")


def test_nobody_is_the_most_silent_for_want_of_a_figure():
    blind = shown_of(without(protected(), "audio_control"))
    assert silences(blind).answers == ()
    assert survives(blind) is None


def test_every_protection_stands_in_the_evidence_by_its_quadrant(shown):
    lines = {line.subject: line for line in silences(shown).lines}
    assert lines["Mouth freeze, 8/255"].verdict == "silenced"
    assert lines["Silencer I, 8/255"].verdict == "half silenced"
    assert lines["Random noise, 8/255"].verdict == "talking"
    assert "Unprotected, clean" not in lines
    assert len(lines) == len(CONTROL) - 1


def test_the_best_and_the_attacker_who_undoes_it_are_named(shown):
    found = survives(shown)
    after, best = told(found)
    assert after.startswith("After JPEG and resizing Audio swap (end to end) leaves 0.30 [")
    assert best.startswith(
        "Against its worst attacker Audio swap (end to end) holds best: diffpure restores 0.60 ["
    )
    lines = {line.subject: line.figure for line in found.lines}
    assert lines["Silencer I, 8/255"].startswith("0.90 [")
    assert lines["Silencer I, 8/255"].endswith("of control, most by diffpure")
    assert "Silencer I, 16/255" not in lines


def test_without_attackers_nothing_is_said_of_them():
    assert survives(shown_of(protected(restored={}))) is None


def test_without_the_chain_of_sites_the_worst_is_told_all_the_same():
    found = survives(shown_of(protected(restored={"blur": 0.3})))
    [text] = told(found)
    assert "blur restores 0.40 [" in text


def test_a_row_whose_control_failed_is_invalid_in_the_evidence():
    lines = {line.subject: line for line in silences(shown_of(failing(protected(), "silencer"))).lines}
    assert lines["Silencer I, 8/255"].verdict == "invalid"
    assert lines["Mouth freeze, 8/255"].verdict == "silenced"


@pytest.mark.parametrize(("latent", "verdict"), [(0.3, "better"), (0.5, "worse"), (0.4, "level")])
def test_the_second_stage_is_compared_at_equal_cost(latent, verdict):
    found = stage_two(shown_of(protected({**CONTROL, ("silencer_latent", "budget=8"): latent})))
    [line] = found.lines
    assert line.subject == "Silencer II, 8/255 − Silencer I, 8/255"
    assert line.verdict == verdict
    assert "at I-PSNR 33.0 and 34.0 dB" in line.figure
    assert found.answers[0].text.startswith("Silencer II, 8/255 against Silencer I, 8/255: ")


def test_the_second_stage_is_not_compared_with_another_cost():
    alone = {key: value for key, value in CONTROL.items() if key != ("silencer", "budget=8")}
    assert stage_two(shown_of(protected(alone))) is None


@pytest.mark.parametrize(("kept", "verdict"), [(0.2, "better"), (0.6, "worse"), (0.4, "level")])
def test_ways_of_making_a_protection_are_held_to_the_plain_one(kept, verdict):
    other = {("silencer", "budget=8,timesteps=published"): kept}
    found = made_otherwise(shown_of(protected({**CONTROL, **other})))
    [line] = found.lines
    assert line.subject == "Silencer I, 8/255, published timesteps − Silencer I, 8/255"
    assert line.verdict == verdict
    assert found.answers[0].text.startswith("Silencer I, 8/255, published timesteps: ")


def test_whether_a_protection_holds_on_other_models_is_told_of_the_most_silent(shown):
    assert transfers(shown) is None
    found = transfers(shown_of(protected(restored={"personal_adapter": 0.05, "federated_adapter": -0.05})))
    [text] = told(found)
    assert text.startswith("Audio swap (end to end) leaves 0.05 [")
    assert "by the federated adapter, where the clean portrait has 0.95; 0.15 [" in text
    assert "by the personal adapter, where the clean portrait has 1.05; and 0.10 [" in text
    lines = {line.subject: line for line in found.lines}
    assert {lines[f"Silencer I, 8/255, {who} adapter"].verdict for who in ("federated", "personal")} == {
        "better"
    }


def test_a_model_that_speaks_less_by_itself_is_no_protections_merit():
    """Noise leaves what the clean portrait has before the same model."""
    less = protected({**CONTROL, ("random_noise", "budget=8"): 1.0}, restored={"federated_adapter": -0.2})
    lines = {line.subject: line for line in transfers(shown_of(less)).lines}
    assert lines["Random noise, 8/255, federated adapter"].verdict == "level"
    alone = {key: value for key, value in CONTROL.items() if key[0] != "unprotected"}
    assert transfers(shown_of(protected(alone, restored={"federated_adapter": -0.2}))) is None


def test_nothing_is_said_where_all_are_made_alike(shown):
    assert made_otherwise(shown) is None


def test_attackers_are_called_by_words():
    assert (words("jpeg_and_half_size"), words("")) == ("jpeg and half size", "the photo as it is")
