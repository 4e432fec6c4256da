"""Names, axes and orders as a task gives them, and as they are where it gives none."""

from __future__ import annotations

import doctest

import pytest
from pydantic import ValidationError

from privtalk.core import display
from privtalk.core.display import AxisDisplay, Display, MetricFamily, ShareOfBase, Wording


def test_examples_in_docstrings():
    assert doctest.testmod(display).failed == 0


def test_a_task_that_says_nothing_shows_names_as_they_are():
    nothing = Display()
    assert nothing.row_label("mine") == "mine"
    assert nothing.metric_label("psnr_mouth[net]") == "psnr mouth"
    assert nothing.metric_about("psnr") == ""
    assert nothing.at_label("none") == ""
    assert nothing.at_label("budget=3") == "budget = 3"
    assert nothing.family_order("a") == nothing.family_order("b")


def test_rows_are_found_under_dashes_and_underscores():
    shown = Display(rows={"local_only": Wording(label="Local only")})
    assert {shown.row_label(name) for name in ("local_only", "local-only")} == {"Local only"}


@pytest.mark.parametrize(
    ("order", "ordered"),
    [
        ("rising", ["none", "k=2", "k=10", "k=x"]),
        ("falling", ["none", "k=10", "k=2", "k=x"]),
        (("x", "2"), ["none", "k=x", "k=2", "k=10"]),
    ],
)
def test_an_axis_orders_its_values(order, ordered):
    shown = Display(axes=(AxisDisplay(name="k", order=order),))
    assert sorted(["k=x", "k=10", "none", "k=2"], key=shown.at_order) == ordered


def test_several_axes_are_sorted_one_after_the_other():
    shown = Display(axes=(AxisDisplay(name="eps", order="falling"), AxisDisplay(name="k")))
    tiers = ["none", "k=1", "eps=8", "eps=8, k=1", "eps=2"]
    assert sorted(sorted(tiers), key=shown.at_order) == tiers
    assert shown.at_label("eps=8, k=1") == "eps = 8, k = 1"


def test_a_place_that_is_none_is_shown_as_it_is_and_comes_last():
    shown = Display(axes=(AxisDisplay(name="eps"),))
    assert sorted(["odd", "eps=1", "none"], key=shown.at_order)[-1] == "odd"


def test_unknown_keys_are_refused_and_all_comes_back_from_json():
    with pytest.raises(ValidationError):
        Display.model_validate({"rowz": {}})
    whole = Display(
        families=(MetricFamily(name="quality", main=("psnr",)),),
        tolerances={"psnr": 0.1, "fid": ShareOfBase(share=0.05)},
        axes=(AxisDisplay(name="k", order=("a", "b")), AxisDisplay(name="eps", order="falling")),
    )
    assert Display.model_validate_json(whole.model_dump_json()) == whole


ATTACKED = Display(
    axes=(
        AxisDisplay(name="budget", label="budget", value="{}/255"),
        AxisDisplay(name="attacker", label="attacker", value="by {}", apart=True),
    )
)


@pytest.mark.parametrize(
    ("tier", "axis"),
    [
        ("none", None),
        ("budget=8", None),
        ("attacker=blur", "attacker"),
        ("budget=8, attacker=blur", "attacker"),
        ("steps=4", None),
        ("attacker", None),
        ("odd", None),
    ],
)
def test_a_place_is_apart_where_an_axis_with_a_section_of_its_own_names_it(tier, axis):
    assert ATTACKED.apart(tier) == axis
    assert Display().apart(tier) is None


def test_an_axis_apart_is_no_part_of_the_heading_that_other_sections_have():
    assert ATTACKED.at_heading == "budget"
    assert ATTACKED.at_label("budget=8, attacker=blur") == "8/255, by blur"
    alone = Display(axes=(AxisDisplay(name="attacker", apart=True),))
    assert alone.at_heading == "tier"
