"""Synthetic records and samples, shaped like those of the default suite: for tests only, never published."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import beta

from privtalk.core.cache import content_hash
from privtalk.core.records import (
    AttackResult,
    Code,
    Control,
    Epsilons,
    Estimate,
    FederationBlock,
    OperatingPoint,
    Privacy,
    Record,
    RunStore,
    Sample,
    Score,
)
from privtalk.core.upgrade import at_of
from tests.leaderboards.attacked import attacked
from tests.leaderboards.pictures import with_strips

CLIENTS, CLIPS, MEMBERS = 24, 3, 96
GAINS = {
    ("noise", "none"): -14.0,
    ("static", "none"): -3.4,
    ("difftalk", "none"): 0.0,
    ("local", "none"): 0.45,
    ("centralised", "none"): 1.35,
    ("autoencoder", "none"): 9.2,
    ("fedavg", "none"): 0.92,
    ("fedprox", "none"): 0.90,
    ("privfedtalk", "none"): 1.08,
    ("fedavg", "eps=8"): 0.38,
    ("fedprox", "eps=8"): 0.36,
    ("privfedtalk", "eps=8"): 0.47,
    ("fedavg", "eps=2"): 0.05,
    ("fedprox", "eps=2"): 0.02,
    ("privfedtalk", "eps=2"): -0.12,
}
"""dB over the zero-shot backbone."""
KINDS = {
    "noise": "floor",
    "static": "floor",
    "autoencoder": "ceiling",
    "difftalk": "reference",
    "local": "reference",
}
KINDS |= {"centralised": "ceiling"}
AUC = {"none": 0.76, "eps=8": 0.57, "eps=2": 0.51}
METRICS: dict[str, tuple[str, Any, str]] = {
    "psnr": ("dB", "higher", "quality"),
    "psnr_mouth": ("dB", "higher", "quality"),
    "ssim": ("", "higher", "quality"),
    "ssim_mouth": ("", "higher", "quality"),
    "lpips[talkhead]": ("", "lower", "quality"),
    "lpips[alex]": ("", "lower", "quality"),
    "lpips_face[alex]": ("", "lower", "quality"),
    "lpips[vgg]": ("", "lower", "quality"),
    "fid[talkhead]": ("", "lower", "distribution"),
    "kid[talkhead]": ("", "lower", "distribution"),
    "fid[inception]": ("", "lower", "distribution"),
    "identity[talkhead]": ("", "higher", "identity"),
    "identity[arcface]": ("", "higher", "identity"),
    "lmd[pfld]": ("face widths", "lower", "landmarks"),
    "jitter": ("", "reference", "temporal"),
    "jitter_error": ("", "lower", "temporal"),
    "subject_consistency[talkhead]": ("", "higher", "temporal"),
    "mouth_sync": ("", "higher", "sync"),
    "mouth_sync_offset": ("frames", "reference", "sync"),
    "lse_c[talkhead]": ("", "higher", "sync"),
    "lse_c[syncnet]": ("", "higher", "sync"),
}
"""Name -> unit, direction, family."""
SET_LEVEL = ("fid", "kid", "fvd")
WEIGHTS = {
    "lpips[alex]": "lpips-alex",
    "lpips_face[alex]": "lpips-alex",
    "lpips[vgg]": "lpips-vgg",
    "fid[inception]": "inception",
    "identity[arcface]": "arcface",
    "lmd[pfld]": "pfld",
    "lse_c[syncnet]": "syncnet",
}
"""Metric -> the weights without which it has no value in any row, as on the default run."""


@dataclass
class Runs:
    """Records with their samples by cell id."""

    records: list[Record] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def add(self, record: Record, samples: list[Sample]) -> None:
        self.records.append(record)
        self.samples[record.cell_id] = samples

    def cell(self, method: str, tier: str, seed: int) -> str:
        """Id of a record's cell."""
        return next(r.cell_id for r in self.records if (r.method, r.tier, r.seed) == (method, tier, seed))

    def write(self, folder: Path) -> Path:
        store = RunStore(folder)
        for record in self.records:
            store.write(record, self.samples[record.cell_id])
        return folder

    def changed(self, change: Callable[[Record], Record]) -> Runs:
        return Runs([change(r) for r in self.records], self.samples)

    def rescored(self, shift: Callable[[Record, Sample], Mapping[str, float | None]]) -> Runs:
        """The same runs with some scores replaced."""
        moved = {
            r.cell_id: [
                s.model_copy(update={"scores": {**s.scores, **shift(r, s)}}) for s in self.samples[r.cell_id]
            ]
            for r in self.records
        }
        return Runs([remeasured(r, moved[r.cell_id]) for r in self.records], moved)

    def only(self, keep: Callable[[Record], bool]) -> Runs:
        kept = [r for r in self.records if keep(r)]
        return Runs(kept, {r.cell_id: self.samples[r.cell_id] for r in kept})


def make_runs(
    gains: Mapping[tuple[str, str], float] = GAINS, seeds: Sequence[int] = (0, 1), clients: int = CLIENTS
) -> Runs:
    """One record a row and seed; rows differ by their gain and by noise that clients share across rows."""
    runs = Runs()
    for seed in seeds:
        for (method, tier), gain in gains.items():
            samples = make_samples(method, tier, seed, gain, clients)
            runs.add(make_record(method, tier, seed, samples), samples)
    return runs


def make_samples(method: str, tier: str, seed: int, gain: float, clients: int = CLIENTS) -> list[Sample]:
    own = np.random.default_rng([seed, *f"{method}{tier}".encode()])
    samples = []
    for client in range(clients):
        shared = np.random.default_rng([client, 7])
        level, response = 22 + 1.5 * shared.normal(), 1 + 0.35 * shared.normal()
        for clip in range(CLIPS):
            psnr = level + 0.6 * shared.normal() + gain * response + 0.12 * own.normal()
            samples.append(
                Sample(client=f"c{client:03d}", clip=f"u{clip}", scores=_scores(method, psnr, gain, own))
            )
    return samples


def _scores(method: str, psnr: float, gain: float, own: np.random.Generator) -> dict[str, float | None]:
    still = method == "static"
    ssim = 1 / (1 + math.exp(-(psnr - 15) / 5))
    noise = 8.0 if method == "noise" else 0.0
    measured = {
        "psnr": psnr,
        "psnr_mouth": psnr - 3.1 + 0.2 * own.normal(),
        "ssim": ssim,
        "ssim_mouth": ssim - 0.08 + 0.01 * own.normal(),
        "jitter": 0.0 if still else 0.021 + 0.001 * own.normal() + (0.3 if method == "noise" else 0.0),
        "jitter_error": 1.0 if still else abs(0.12 - 0.02 * gain + 0.03 * own.normal()),
        "mouth_sync": None if still else float(np.tanh(1.2 + 0.2 * gain + 0.15 * own.normal())),
        "mouth_sync_offset": None if still else float(own.integers(-1, 2)),
        "lpips[talkhead]": 0.3 - 0.01 * (psnr - 22) + 0.01 * own.normal(),
        "fid[talkhead]": 1.5 if still else 12.4 - 0.9 * gain + noise + 1.5 * own.normal(),
        "kid[talkhead]": 4e-4 if still else 1.9e-3 - 2e-4 * gain + noise / 100 + 3e-4 * own.normal(),
        "identity[talkhead]": 0.97 if still else 0.81 + 0.01 * gain - noise / 20 + 0.02 * own.normal(),
        "subject_consistency[talkhead]": 1.0 if still else 0.95 - noise / 20 + 0.01 * own.normal(),
        "lse_c[talkhead]": None if still else 4.1 + 0.2 * gain + 0.5 * own.normal(),
    }
    return measured | dict.fromkeys(WEIGHTS)


def estimate(samples: Sequence[Sample], metric: str) -> Estimate:
    values = np.array([v for s in samples if (v := s.scores.get(metric)) is not None])
    if not len(values):
        lacking = WEIGHTS.get(metric)
        why = (
            f"no weights of {lacking}: bench weights fetch {lacking}"
            if lacking
            else "the generated frames do not move"
        )
        return Estimate(missing=why)
    error = 1.96 * float(values.std()) / math.sqrt(len(values))
    middle = float(values.mean())
    return Estimate(value=middle, low=middle - error, high=middle + error, n=len(values), clusters=CLIENTS)


def remeasured(record: Record, samples: Sequence[Sample]) -> Record:
    scores = {n: s.model_copy(update={"estimate": estimate(samples, n)}) for n, s in record.metrics.items()}
    return record.model_copy(update={"metrics": scores})


def make_record(method: str, tier: str, seed: int, samples: Sequence[Sample]) -> Record:
    trained = method in ("fedavg", "fedprox", "privfedtalk", "local", "centralised")
    truths = {"jitter": 0.0214, "mouth_sync_offset": 0.0}
    cell = {
        "method": {"name": method},
        "tier": tier,
        "seed": seed,
        "corpus": {"name": "talkhead"},
        "training": {"rounds": 30, "learning_rate": 0.003},
    }
    return Record(
        task="talking_head",
        cell_id=content_hash(cell),
        cell=cell,
        suite="privacy_utility",
        preset="default",
        row=method,
        at=at_of(tier),
        seed=seed,
        kind=KINDS.get(method, "method"),
        code=Code(version="0.1.0", commit="3f9a2c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", dirty=False),
        environment={"python": "3.12.3", "torch": "2.13.0", "platform": "Linux", "processor": "two cores"},
        started=f"2026-01-0{seed + 1}T10:00:00Z",
        timings={"corpus": 1.2, "training": 48.0 if trained else 0.0, "generation": 9.5, "attack": 4.1},
        peak_memory_mib=2140.0 + 10 * seed,
        federation=FederationBlock(
            communication_bytes={"up": 31_000_000, "down": 31_000_000} if trained else {},
            training={"loss": [0.9, 0.7, 0.6]} if trained else {},
            privacy=make_privacy(tier, trained),
        ),
        metrics={
            name: Score(
                estimate=estimate(samples, name),
                unit=unit,
                direction=direction,
                ground_truth=truths.get(name),
                family=family,
                about=f"What {name} measures",
                level="set" if name.startswith(SET_LEVEL) else "clip",
            )
            for name, (unit, direction, family) in METRICS.items()
        },
        attacks={"user_inference": make_attack(AUC[tier], seed, method)}
        if trained and method != "local"
        else {},
        artifacts={},
    )


def make_privacy(tier: str, trained: bool) -> Privacy:
    if tier == "none":
        return Privacy(
            mechanism="none", guarantee=False, reason="no noise is added" if trained else "nothing is trained"
        )
    epsilon = float(tier.removeprefix("eps="))
    return Privacy(
        mechanism="central-gaussian",
        guarantee=True,
        target_epsilon=epsilon,
        delta=1e-3,
        noise_multiplier=8 / epsilon,
        clip=1.0,
        sampling="poisson",
        sampling_rate=0.1,
        rounds=30,
        neighbouring="add or remove one client",
        epsilons=Epsilons(server=None, secure_aggregation=epsilon - 0.01, outsider=epsilon - 0.01),
        checks={"rdp": epsilon * 1.1},
    )


def auc_estimate(positives: np.ndarray, negatives: np.ndarray) -> Estimate:
    wins = (positives[:, None] > negatives[None]).mean()
    error = 1.96 * math.sqrt(max(float(wins * (1 - wins)), 0.01) / len(positives))
    low, high = max(float(wins) - error, 0.0), min(float(wins) + error, 1.0)
    return Estimate(
        value=float(wins), low=low, high=high, n=len(positives) + len(negatives), clusters=len(positives)
    )


def make_attack(auc: float, seed: int, method: str) -> AttackResult:
    generator = np.random.default_rng([seed, *method.encode()])
    shift = math.sqrt(2) * float(ndtri(auc))
    positives, negatives = generator.normal(shift, 1, MEMBERS), generator.normal(0, 1, MEMBERS)
    thresholds = np.sort(np.concatenate([positives, negatives]))[::-1]
    roc = [(0.0, 0.0)] + [
        (float((negatives >= t).mean()), float((positives >= t).mean())) for t in thresholds
    ]
    control = np.linspace(0, 1, MEMBERS)
    return AttackResult(
        view="ReleaseView",
        statistic="mean log-ratio to the frozen backbone",
        positives=MEMBERS,
        negatives=MEMBERS,
        auc=auc_estimate(positives, negatives),
        advantage=Estimate(value=max(t - f for f, t in roc), low=0.0, high=1.0, n=2 * MEMBERS),
        points=(_point(roc, 0.1), _point(roc, 0.01), _refused(0.001)),
        roc=tuple(roc),
        controls={
            name: Control(auc=auc_estimate(control, control[::-1]), passed=True)
            for name in ("never trained", "permuted labels")
        },
        valid=True,
        seconds=4.1,
    )


def _point(roc: Sequence[tuple[float, float]], target: float) -> OperatingPoint:
    fpr, tpr = max(p for p in roc if p[0] <= target)
    hits = round(tpr * MEMBERS)
    bounds = (
        float(beta.ppf(0.025, hits, MEMBERS - hits + 1)),
        float(beta.ppf(0.975, hits + 1, MEMBERS - hits)),
    )
    low = 0.0 if hits == 0 else bounds[0]
    tpr_estimate = Estimate(value=tpr, low=low, high=bounds[1], n=MEMBERS, clusters=MEMBERS)
    return OperatingPoint(fpr_target=target, fpr_realised=fpr, threshold=0.5, tpr=tpr_estimate)


def _refused(target: float) -> OperatingPoint:
    return OperatingPoint(fpr_target=target, tpr=Estimate(missing="needs 1000 non-members, there are 96"))


def sharpness(record: Record) -> float:
    """Gain of a record's frames."""
    return 3.0 if record.kind == "ceiling" else GAINS[record.method, record.tier]


@pytest.fixture(scope="session")
def make() -> Callable[..., Runs]:
    """`make_runs`: test files cannot import this one."""
    return make_runs


@pytest.fixture(scope="session")
def attack() -> Callable[..., AttackResult]:
    """`make_attack`."""
    return make_attack


@pytest.fixture(scope="session")
def runs() -> Runs:
    """The default suite at two seeds; treat as read-only."""
    return make_runs()


@pytest.fixture(scope="session")
def run_folder(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on disk, with strips of three clips; treat as read-only."""
    folder = tmp_path_factory.mktemp("media") / "run"
    strips = with_strips(folder, ["c000-u0", "c007-u1", "c019-u2"], sharpness)
    return runs.changed(strips).write(folder)


@pytest.fixture(scope="session")
def attacked_runs() -> Runs:
    """Two methods at three tiers and a ceiling, under the whole attack set; treat as read-only."""
    rows = {
        key: GAINS[key] for key in GAINS if key[0] in ("difftalk", "centralised", "fedavg", "privfedtalk")
    }
    return make_runs(rows, seeds=(0, 1), clients=5).changed(attacked)
