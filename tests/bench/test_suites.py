"""Suites expand to the cells one expects; a user's mistakes are told in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from privtalk.bench import suites
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell
from privtalk.core.errors import UserError


def expand(suite="privacy_utility", preset="smoke", **changes):
    return suites.expand(suites.load(suite), preset, **changes)


def test_the_main_suite_has_every_row_at_every_tier_and_seed():
    plan = expand(preset="small")
    rows = {(cell.row, cell.cell.tier) for cell in plan.cells}
    methods = {
        (m, t) for m in ("fedavg", "fedprox", "ffa_lora", "privfedtalk") for t in ("none", "eps=8", "eps=2")
    }
    references = {(r, "none") for r in ("noise", "static", "autoencoder", "difftalk", "centralised")}
    references |= {("local_only", "personal=64")}
    assert rows == methods | references
    assert {cell.cell.seed for cell in plan.cells} == {0, 1}
    assert len(plan.cells) == 2 * len(rows)


def test_the_ablation_is_the_full_grid():
    plan = expand("ablation", preset="small", seeds=[0], methods=["privfedtalk"])
    found = {}
    for planned in plan.cells:
        options = planned.cell.training.options
        found[planned.row, planned.cell.tier] = (options["gamma"] > 0, options["lambda_tdc"] > 0)
    switches = {
        "adapters only": (False, False),
        "isfa": (True, False),
        "tdc": (False, True),
        "isfa+tdc": (True, True),
    }
    assert found == {(row, tier): on for row, on in switches.items() for tier in ("none", "eps=8")}


@pytest.mark.parametrize("preset", ["published", "paper", "large"])
def test_published_weights_are_those_of_the_paper(preset):
    options = [p.cell.training.options for p in expand(preset=preset, methods=["privfedtalk"]).cells]
    weights = {f"lambda_{name}" for name in ("tdc", "identity", "perceptual", "sync")}
    for own in options:
        assert [own[name] for name in sorted(weights)] == [0.1, 0.1, 0.05, 0.05]


def test_the_paper_preset_is_what_the_paper_says():
    """PrivFedTalk (arXiv 2604.08037): 128 px, 32 frames, rank 16 and alpha 32, ten clients a round, lr 5e-6."""
    cell = expand(preset="paper", methods=["privfedtalk"]).cells[0].cell
    own = cell.training
    assert (cell.corpus.size, cell.corpus.train.frames) == (128, 32)
    assert (own.adapter.rank, own.adapter.alpha, len(own.adapter.targets)) == (16, 32.0, 4)
    assert own.federation.rate * cell.corpus.clients == 10
    assert own.federation.local_steps * own.federation.windows == cell.corpus.train.clips, "one epoch"
    assert (own.federation.lr, own.federation.server_lr, own.privacy.clip) == (5e-6, 0.5, 1.0)
    assert max(own.attack.timesteps) < 250


def test_the_difftalk_preset_is_what_the_paper_says():
    """DiffTalk (Shen et al. 2023): 256 px, 200 steps of DDIM, in-painting, each frame the next one's reference."""
    cell = expand(preset="difftalk", methods=["difftalk"]).cells[0].cell
    found = cell.evaluation
    assert (cell.corpus.size, found.steps, found.track, found.progressive) == (256, 200, "inpaint", True)


def test_in_the_overfit_preset_every_client_is_attacked_and_trains_far_longer_than_by_default():
    found = {}
    for preset in ("overfit", "small"):
        cell = next(p.cell for p in expand(preset=preset, methods=["fedavg"]).cells)
        federation = cell.training.federation
        assert preset == "small" or cell.corpus.attacked == cell.corpus.clients
        found[preset] = federation.rounds * federation.rate * federation.local_steps
    assert found["overfit"] >= 10 * found["small"]


@pytest.mark.parametrize("suite", suites.names())
@pytest.mark.parametrize("preset", ["smoke", "small", "paper"])
def test_every_preset_of_every_suite_expands_to_distinct_cells(suite, preset):
    cells = expand(suite, preset).cells
    assert len({planned.cell.id for planned in cells}) == len(cells)
    assert len({planned.key for planned in cells}) == len(cells)


def test_an_id_depends_on_what_is_computed_and_on_nothing_else():
    ids = [planned.cell.id for planned in expand().cells]
    assert [planned.cell.id for planned in expand().cells] == ids
    assert not {planned.cell.id for planned in expand(changes=["federation.lr=0.1"]).cells} & {
        planned.cell.id for planned in expand().cells if planned.cell.training
    }


def test_rows_without_training_do_not_depend_on_training():
    plain = {p.cell.id for p in expand().cells if p.cell.training is None}
    changed = {p.cell.id for p in expand(changes=["federation.rounds=9"]).cells if p.cell.training is None}
    assert plain == changed
    assert len(plain) == 4


def test_an_id_is_pinned():
    """A change of the hash or of a default orphans everybody's records: then this id must be changed knowingly."""
    cell = TalkingHeadCell.model_validate(
        {
            "method": "static",
            "seed": 0,
            "corpus": {
                "version": 1,
                "clients": 4,
                "heldout": 4,
                "tested": 2,
                "attacked": 2,
                "train": {"clips": 1, "frames": 4},
                "test": {"clips": 1, "frames": 4},
                "fresh": {"clips": 2, "frames": 4},
            },
            "partition": {},
            "evaluation": {},
            "backbone": {"name": "tiny"},
            "training": None,
        }
    )
    assert cell.id == "ea14d865dfe917ad"


def test_cells_survive_json():
    for planned in expand(preset="small").cells:
        assert TalkingHeadCell.model_validate_json(planned.cell.model_dump_json()) == planned.cell


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (
            {"suite": "utility"},
            "unknown suite 'utility' (did you mean privacy_utility?); valid: ablation, methods, portrait",
        ),
        ({"preset": "smal"}, "unknown preset 'smal' (did you mean small?); valid: smoke, small, paper"),
        ({"methods": ["fedsgd"]}, "unknown method 'fedsgd'"),
        (
            {"changes": ["federation.round=3"]},
            "unknown key 'federation.round' (did you mean federation.rounds?); valid: ",
        ),
        (
            {"changes": ["federal.rounds=3"]},
            "unknown key 'federal' (did you mean federation?); valid: corpus, ",
        ),
        ({"changes": ["federation.rounds=many"]}, "federation.rounds: Input should be a valid integer"),
        (
            {"changes": ["federation.rounds=0"]},
            "federation.rounds: Input should be greater than or equal to 1",
        ),
        ({"changes": ["federation.rounds"]}, "--set federation.rounds: write it as key=value"),
        ({"changes": ["federation.rounds=[1"]}, "--set federation.rounds=[1: '[1' is not a YAML value"),
        (
            {"changes": ["federation=3"]},
            "federation: Input should be a valid dictionary or instance of Federation",
        ),
        ({"changes": ["corpus.tested=900"]}, "corpus: tested is 900, but there are 16 clients"),
        (
            {"changes": ["partition.kind=odd"]},
            "partition.kind: Input should be 'natural', 'dirichlet' or 'quantity'",
        ),
    ],
)
def test_mistakes_are_one_line(mistake, line):
    with pytest.raises(UserError) as caught:
        expand(**mistake)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_expanding_needs_no_torch():
    code = (
        "import sys; from privtalk.bench import suites; "
        "suites.expand(suites.load('ablation'), 'small'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
