"""A bound on the memory of pre-training: what follows from it, and that it holds in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from privtalk.bench.pretraining.memory import fitted
from privtalk.core.errors import UserError
from privtalk.methods.backbone.presets import base, tiny

PROGRAM = """
import json, sys
import torch
from pathlib import Path
from privtalk.bench.pretraining.memory import fitted
from privtalk.bench.pretraining.backbone import built, Sources
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.latent_data import LatentData
from privtalk.methods.backbone.optimise import Compute, OptimiserConfig
from privtalk.methods.backbone.presets import base
from privtalk.methods.backbone.pretrain import pretrain_denoiser
from privtalk.methods.backbone.public_data import PublicData
from tests.bench.pretraining.test_recorded_pool import filmed

torch.set_num_threads(1)
bound = float(sys.argv[1])
config, recipe = base(64).config, base(64).recipe
steps = OptimiserConfig(steps=2, batch=int(sys.argv[2]), learning_rate=1e-4)
recipe = recipe.model_copy(update={"denoiser": steps, "autoencoder": steps.model_copy(update={"batch": 4})})
found = fitted(config, recipe, bound)
backbone = built(config, recipe, Sources()).freeze()
data = PublicData.gather([filmed("ann", 0), filmed("bob", 0)])
latents = LatentData.encode(backbone, data, recipe)
pretrain_denoiser(
    backbone, latents, recipe, lambda *names: torch_stream(0, *names), compute=Compute(recomputes=found.recomputes)
)
# not getrusage: a child's maximum there begins with its parent's
status = Path('/proc/self/status').read_text()
peak = int(status.partition('VmHWM:')[2].split()[0]) / 1024
print(json.dumps({"peak": peak, "expected": found.mib, "recomputes": found.recomputes}))
"""


BATCH = 384
"""So large that the difference is far above what a process takes more or less from one time to the next."""


def child(bound: float, batch: int = BATCH) -> dict[str, float]:
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bound), str(batch)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_a_bound_holds_and_without_it_would_not():
    """The peaks are those of processes that train two steps."""
    free = child(1e6)
    assert not free["recomputes"]
    assert free["peak"] <= free["expected"]
    tight = child(free["expected"] - 1)
    assert tight["recomputes"]
    assert tight["peak"] <= tight["expected"] < free["peak"], (tight, free)


def test_a_larger_frame_takes_more_and_so_does_a_larger_batch():
    def expected(size: int, batch: int) -> float:
        found = tiny(size)
        stage = found.recipe.denoiser.model_copy(update={"batch": batch})
        return fitted(found.config, found.recipe.model_copy(update={"denoiser": stage}), 1e6, True).mib

    assert expected(64, 16) == pytest.approx(expected(64, 8))  # what goes on is another stage
    assert expected(128, 16) > expected(64, 16)


def test_processes_that_share_a_batch_need_less():
    found = base(64)
    alone, shared = (fitted(found.config, found.recipe, 1e6, ranks=ranks).mib for ranks in (1, 4))
    assert shared < alone


def test_what_does_not_fit_says_the_batch_that_would():
    found = base(128)
    with pytest.raises(UserError, match=r"lower --set recipe\.\w+\.batch to \d+") as error:
        fitted(found.config, found.recipe, 1100.0)
    stage, batch = str(error.value).split("recipe.")[1].split(".batch to ")
    smaller = getattr(found.recipe, stage).model_copy(update={"batch": int(batch)})
    others = dict.fromkeys(("autoencoder", "denoiser"), smaller)
    assert fitted(found.config, found.recipe.model_copy(update=others), 1100.0).mib <= 1100


def test_the_default_step_at_128_pixels_fits_four_gigabytes():
    found = base(128)
    assert fitted(found.config, found.recipe, 4096.0).mib < 4096
