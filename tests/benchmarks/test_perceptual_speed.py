"""LPIPS and Inception as metrics call them, against the packages' own ways over the same frames.

Ours gives LPIPS twice, as a value and as a map, from one reading of the frames.
Both are timed by the processor time of one thread, in turns, so that other work on the machine does not decide.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch

from privtalk.metrics.evaluators.published.inception import Inception
from privtalk.metrics.evaluators.published.lpips_network import BATCH, Lpips, signed

import lpips  # isort: skip
import torchvision  # isort: skip
from pytorch_fid import inception  # isort: skip

TOLERANCE = 1.25
"""The most of the package's time that ours may take: a change that costs a quarter is seen, a busy cache is not."""
ROUNDS = 9


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def clip(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, 64, 64, 3), np.uint8)


def ratio(ours: Callable[[], object], theirs: Callable[[], object], benchmark: object) -> float:
    """The median over turns of our time over theirs, which was measured just before: what disturbs a turn disturbs
    both of its halves, and a single disturbed one does not decide."""
    ours(), theirs()
    times: list[float] = []

    def before_each() -> None:
        began = time.process_time()
        theirs()
        times.append(time.process_time() - began)

    benchmark.pedantic(ours, setup=before_each, rounds=ROUNDS)  # type: ignore[attr-defined]
    own = benchmark.stats.stats.data  # type: ignore[attr-defined]
    result = median(mine / other for mine, other in zip(own, times, strict=True))
    benchmark.extra_info |= {"theirs_s": median(times), "ratio": result}  # type: ignore[attr-defined]
    return result


@pytest.mark.slow
@pytest.mark.benchmark(timer=time.process_time)
def test_lpips_is_no_slower_than_the_package(benchmark: object, tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.save(torchvision.models.alexnet(weights=None).state_dict(), tmp_path / "alex.pth")
    network = Lpips("alex", tmp_path / "alex.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    generated, truth = clip(0, 3 * BATCH), clip(1, 3 * BATCH)

    def theirs() -> None:
        with torch.no_grad():
            for start in range(0, len(truth), BATCH):
                part = slice(start, start + BATCH)
                package(signed(generated[part]), signed(truth[part]))

    assert ratio(lambda: network(generated, truth), theirs, benchmark) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.benchmark(timer=time.process_time)
def test_inception_is_no_slower_than_the_package(
    benchmark: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        torch.save(inception.fid_inception_v3().state_dict(), tmp_path / "inception.pth")
        package = inception.InceptionV3([3]).eval()
    network, frames = Inception(tmp_path / "inception.pth"), clip(0, 6)

    def theirs() -> None:
        pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 255
        with torch.no_grad():
            package(pixels)

    assert ratio(lambda: network(frames), theirs, benchmark) <= TOLERANCE
