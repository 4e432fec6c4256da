"""How a protection stood: the figures of a run, and who is said to have undone it."""

from __future__ import annotations

import pytest

from privtalk.bench.photos.standing import BROKEN, Standing, standing
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from tests.leaderboards.protected import CONTROL, RESTORED, failing, protected


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with two seeds of every row."""
    found = tmp_path_factory.mktemp("standing")
    for record in protected().records:
        RunStore(found).write(record, [])
    return found


@pytest.mark.parametrize(("method", "budget"), [("silencer", 8), ("audio_swap", 8)])
def test_the_figures_are_those_of_the_run(folder, method, budget):
    found = standing(folder, method, budget)
    control = CONTROL[method, f"budget={budget}"]
    assert found.direct == pytest.approx(control, abs=0.01)
    assert found.attacked == pytest.approx(
        {name: control + more for name, more in RESTORED.items()}, abs=0.02
    )


def test_whoever_gives_back_nine_tenths_of_what_the_clean_portrait_has_has_undone_it(folder):
    found = standing(folder, "silencer", 8)
    assert found.clean == pytest.approx(
        {name: min(1 + more, 1.1) for name, more in RESTORED.items()}, abs=0.03
    )
    assert found.broken_by == ()
    some = Standing(
        direct=0.4,
        attacked={"blur": BROKEN - 0.01, "jpeg_75": BROKEN, "diffpure": 1.2, "personal_adapter": 0.39},
        clean={"diffpure": 1.3, "personal_adapter": 0.4},
    )
    assert some.broken_by == ("diffpure", "jpeg_75")
    said = some.said("mist", 16)
    assert "mist left 0.40 of the mouth to speech at 16/255" in said
    assert "undone by diffpure (1.20), jpeg 75 (0.90); not by blur (0.89), personal adapter (0.39)" in said
    louder = Standing(direct=0.5, attacked={"audio_guidance": 1.0}, clean={"audio_guidance": 1.5})
    assert louder.broken_by == ()


def test_what_protects_nothing_is_not_undone(folder):
    said = standing(folder, "random_noise", 8).said("random_noise", 8)
    assert said.endswith("it protects nothing that an attacker would have to undo")


def test_a_failed_control_is_all_that_is_said(tmp_path):
    for record in failing(protected(), "silencer").records:
        RunStore(tmp_path).write(record, [])
    said = standing(tmp_path, "silencer", 8).said("silencer", 8)
    assert said == (
        "in that run silencer at 8/255 failed its control 'noise of equal I-PSNR': nothing is known of it"
    )


def test_a_protection_that_nobody_attacked_says_so():
    said = Standing(direct=0.4, attacked={}, clean={}).said("mist", 16)
    assert said.endswith("nobody attacked it there")


@pytest.mark.parametrize(("method", "budget"), [("silencer", 12), ("mist", 8)])
def test_what_the_run_lacks_is_said_with_what_it_has(folder, method, budget):
    with pytest.raises(
        UserError, match=f"holds no figure of {method} at {budget}/255; it holds audio_swap at 8/255, "
    ):
        standing(folder, method, budget)


def test_a_run_of_another_task_holds_no_protection(tmp_path):
    (tmp_path / "records").mkdir()
    with pytest.raises(UserError, match="it holds no protection"):
        standing(tmp_path, "silencer", 8)
