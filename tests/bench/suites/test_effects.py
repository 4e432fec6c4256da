"""A setting that would change nothing is refused; one that changes something is taken."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from privtalk.bench import suites
from privtalk.bench.suites.effects import leaves
from privtalk.bench.tasks.talking_head.effects import CONDITIONS, FILLED_IN
from privtalk.bench.tasks.talking_head.settings import TalkingHeadSettings
from privtalk.bench.tasks.talking_head.task import BY_AXIS
from privtalk.core.errors import UserError
from privtalk.methods.registry import METHODS


def expand(*changes, suite="privacy_utility", preset="small", **options):
    return suites.expand(suites.load(suite), preset, changes=changes, **options)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            ["privacy.epsilon=1"],
            "privacy.epsilon has no effect: every row's tier decides it; use --tiers eps=1",
        ),
        (["privacy={epsilon: 1}"], "privacy.epsilon has no effect"),
        (
            ["privacy.epsilon=null"],
            "privacy.epsilon has no effect: every row's tier decides it; use --tiers none",
        ),
        (["corpus.name=../../etc"], "corpus.name is filled in by the program, name a corpus with --corpus"),
        (["corpus.version=99"], "corpus.version is filled in by the program"),
        (["backbone.sha256=x"], "backbone.sha256 is filled in by the program"),
        (["backbone.name=tiny"], "backbone.name is filled in by the program"),
        (["evaluation.evaluators={a: b}"], "evaluation.evaluators is filled in by the program"),
        (["evaluation={evaluators: {a: b}}"], "evaluation.evaluators is filled in by the program"),
        (
            ["privacy.quantile=0.3"],
            "privacy.quantile has no effect here: what reads it is a row with an epsilon and",
        ),
        (
            ["partition.alpha=1"],
            "partition.alpha has no effect here: what reads it is partition.kind=dirichlet",
        ),
        (["partition.kind=dirichlet", "partition.skew=2"], "partition.skew has no effect here"),
        (["federation.appended_share=0.5"], "federation.appended_share has no effect here"),
        (["federation.grid_bound=2"], "federation.grid_bound has no effect here"),
        (["attack.worlds=0", "attack.world_steps=3"], "attack.world_steps has no effect here"),
        (["attack.victims=0", "attack.inversion_steps=3"], "attack.inversion_steps has no effect here"),
        (["options.gamma=0", "options.alpha=0.2"], "options.privfedtalk.alpha has no effect here"),
        (
            ["options.privfedtalk.gamma=0", "options.alpha=0.2"],
            "options.privfedtalk.alpha has no effect here",
        ),
        (
            ["personalisation.steps=[]", "personalisation.adapter.rank=3"],
            "personalisation.adapter.rank has no effect here: what reads it is a row with private steps",
        ),
        (["personalisation.adapter.rank=3"], "personalisation.adapter.rank has no effect here"),
        (["options.fedprox={}"], "options.fedprox={} sets nothing"),
        (["federation={}"], "federation={} sets nothing"),
    ],
)
def test_a_setting_without_effect_is_refused(changes, line):
    with pytest.raises(UserError) as caught:
        expand(*changes)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        ["federation.rounds=3"],
        ["federation.rounds=8"],  # as it is already
        ["privacy.delta=null"],
        ["privacy.clipping=adaptive", "privacy.quantile=0.3", "privacy.placement=central"],
        ["partition={kind: dirichlet, alpha: 1}"],
        ["options.mu=0"],
        ["options.fedprox.mu=0"],
        ["federation.secure_aggregation=true", "federation.grid_bound=2"],
        ["federation.normalisation=appended", "federation.appended_share=0.5"],
        ["adapter.targets=['*.to_v']"],
        ["corpus.train={clips: 3, frames: 8}"],
        ["personalisation.steps=[8]"],
        ["personalisation.lr=0.01", "personalisation.windows=2"],
        ["personalisation.part=added", "personalisation.adapter.rank=3"],
    ],
)
def test_a_setting_with_effect_is_taken(changes):
    assert expand(*changes).cells


def test_factors_of_the_grid_decide_for_some_rows_alone():
    assert expand("options.gamma=0.9", suite="ablation").cells
    with pytest.raises(UserError, match=r"options\.fedprox\.mu has no effect here: .* is a row of fedprox"):
        expand("options.mu=0.9", suite="ablation")


def test_the_rows_that_are_run_do_not_matter_but_those_of_the_preset():
    """A folder may get its other rows later, and run.json holds the settings of all."""
    assert expand("options.mu=0.9", methods=["fedavg"]).cells


def test_what_the_corpus_fixes_is_not_the_users():
    fixed = {"corpus": {"clients": 9, "tested": 5, "attacked": 5}}
    with pytest.raises(UserError, match=r"corpus\.clients=50 has no effect: rows have 9 there"):
        expand("corpus.clients=50", "corpus.tested=5", "corpus.attacked=5", fixed=fixed)
    assert expand(fixed=fixed).settings.corpus.clients == 9


def test_tiers_stand_in_place_of_the_grids():
    plan = expand(tiers=["none", "eps=1"])
    assert {cell.cell.tier for cell in plan.cells} == {"none", "eps=1", "personal=64"}
    assert {c.row for c in plan.cells if c.cell.tier == "eps=1"} == {
        "fedavg",
        "fedprox",
        "ffa_lora",
        "privfedtalk",
    }
    assert {c.row for c in plan.cells} == {c.row for c in expand().cells}


@pytest.mark.parametrize(
    "tier", ["eps=0", "eps=-1", "eps=inf", "eps=nan", "strong", "personal=4", "eps=8, personal=4"]
)
def test_tiers_that_are_none_are_refused(tier):
    with pytest.raises(UserError, match="tier"):
        expand(tiers=[tier])


@pytest.mark.parametrize(
    "change",
    [
        "corpus.clients=99999999999",
        "adapter.rank=999999999",
        "evaluation.steps=99999999",
        "attack.canaries=99999999999",
        "federation.rounds=99999999999",
    ],
)
def test_slips_of_the_keyboard_are_refused(change):
    with pytest.raises(UserError, match="less than or equal to"):
        expand(change)


def settings_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every setting there is, by its path."""
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += settings_of(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def test_conditions_are_of_settings_that_exist():
    """A setting that is renamed must not lose its condition in silence."""
    there = settings_of(TalkingHeadSettings)
    there += [f"options.{name}.{own}" for name in METHODS for own in METHODS[name].Options.model_fields]
    branches = {path[:place] for path in there for place, mark in enumerate(path) if mark == "."}
    for path in [*CONDITIONS, *FILLED_IN, *BY_AXIS]:
        assert path in there or path in branches, path


@pytest.mark.parametrize("suite", suites.names())
def test_what_suites_say_themselves_has_an_effect(suite):
    found = suites.load(suite)
    for preset, chosen in found.presets.items():
        plan = suites.expand(found, preset)
        said = [path for path, _ in leaves(chosen.settings, FILLED_IN)]
        assert (
            suites.expand(found, preset, changes=[f"{p}={_value(chosen.settings, p)}" for p in said]) == plan
        )


def _value(tree, path):
    for part in path.split("."):
        tree = tree[part]
    return tree
