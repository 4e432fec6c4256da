"""How a protection stood: the figures of a run, and who is said to have undone it."""

from __future__ import annotations

import pytest

from privtalk.bench.photos.standing import BROKEN, Standing, standing
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from tests.leaderboards.protected import CONTROL, RESTORED, protected


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


def test_whoever_gives_nine_tenths_back_has_undone_it(folder):
    found = standing(folder, "silencer", 8)
    assert found.broken_by == tuple(name for name in found.attacked if found.attacked[name] >= BROKEN)
    some = Standing(direct=0.4, attacked={"blur": BROKEN - 0.01, "jpeg_75": BROKEN, "diffpure": 1.2})
    assert some.broken_by == ("diffpure", "jpeg_75")
    said = some.said("mist", 16)
    assert "mist left 0.40 of the mouth to speech at 16/255" in said
    assert "undone by diffpure (1.20), jpeg 75 (0.90); not by blur (0.89)" in said


def test_a_protection_that_nobody_attacked_says_so():
    assert Standing(direct=0.4, attacked={}).said("mist", 16).endswith("nobody attacked it there")


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
