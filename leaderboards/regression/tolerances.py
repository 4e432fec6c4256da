"""How much worse a metric may get before it counts: built in, or from a file."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from privtalk.core.errors import UserError, unknown


class Share(NamedTuple):
    """A tolerance that grows with the base value."""

    of_base: float


Tolerances = Mapping[str, float | Share]
"""Metric, by its full name or the name before its evaluator -> smallest worsening that counts."""

TOLERANCES = {
    "psnr": 0.1,
    "psnr_face": 0.1,
    "psnr_mouth": 0.1,
    "ssim": 0.003,
    "ssim_face": 0.005,
    "ssim_mouth": 0.005,
    "ms_ssim": 0.003,
    "ms_ssim_3": 0.003,
    "lpips": 0.005,
    "lpips_face": 0.01,
    "lpips_mouth": 0.01,
    "identity": 0.01,
    "lmd": 0.002,
    "lmd_face": 0.002,
    "lmd_aligned": 0.002,
    "jitter_error": 0.02,
    "subject_consistency": 0.005,
    "theval": 0.05,
    "mouth_sync": 0.02,
    "mouth_opening_error": 0.005,
    "mouth_opening_error_aligned": 0.005,
    "lse_c": 0.03,
    "lse_d": 0.03,
    "mouth_sync_offset": 0.1,
    "av_offset": 0.1,
}
"""Smallest worsening that counts, in the metric's unit: less may come from another machine's arithmetic.

Those of psnr, psnr_mouth, ssim, ssim_mouth, jitter_error, mouth_sync and mouth_opening_error have been in use since
the first baseline. The others are guessed from the size of differences worth a look: processors of two makers were
apart by less than a hundredth of any of them. Offsets in frames need their own, as a share of a value near 0 is none.
"""

RELATIVE_TOLERANCES = {"fid": 0.05, "kid": 0.05, "fvd": 0.05, "warping_error": 0.05, "landmark_jerk": 0.05}
"""The same as a share of the base value, where the unit is arbitrary or depends on the number of clips; provisional."""

RELATIVE_TOLERANCE = 0.01
"""For other metrics: share of the base value."""


def tolerance(metric: str, base: float, tolerances: Tolerances) -> float:
    """Tolerance of a metric, by its full name, else by the name before its evaluator, else relative.

    >>> tolerance("psnr", 24.0, TOLERANCES), tolerance("fid[inception]", 20.0, {}), tolerance("other", -50.0, {})
    (0.1, 1.0, 0.5)
    >>> tolerance("fid[inception]", 20.0, {"fid": Share(0.25)})
    5.0
    """
    names = (metric, metric.split("[")[0])
    for name in names:
        if name in tolerances:
            allowed = tolerances[name]
            return allowed.of_base * abs(base) if isinstance(allowed, Share) else allowed
    share = next((RELATIVE_TOLERANCES[n] for n in names if n in RELATIVE_TOLERANCES), RELATIVE_TOLERANCE)
    return share * abs(base)


def read_tolerances(path: Path, metrics: Collection[str]) -> dict[str, float | Share]:
    """Tolerances of a YAML file: `metric: 0.2`, in its unit, or `metric: 5 %` of the base value.

    `metrics` are those of the records: a tolerance that nothing would heed is a mistake, as is one that is no number.
    """
    valid = sorted({name for metric in metrics for name in (metric, metric.split("[")[0])})
    found = {}
    for name, value in _mapping(path).items():
        if not isinstance(name, str) or name not in valid:
            raise UserError(f"{path}: {unknown('metric', str(name), valid)}")
        found[name] = _allowed(path, name, value)
    return found


class _Loader(yaml.SafeLoader):
    """YAML in which a name that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"{name!r} stands twice")
        return super().construct_mapping(node, deep)


def _mapping(path: Path) -> dict[Any, Any]:
    try:
        value = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a YAML file of tolerances") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a YAML file of tolerances ({said})") from error
    if not isinstance(value, dict) or not value:
        raise UserError(f"{path}: holds no tolerances; write a line a metric, such as psnr: 0.2 or fid: 5 %")
    return value


def _allowed(path: Path, name: str, value: Any) -> float | Share:
    share = re.fullmatch(r"\s*([0-9.eE+-]+)\s*%\s*", value) if isinstance(value, str) else None
    try:
        number = float(share[1]) if share else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError
        if not (math.isfinite(number) and number >= 0):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{path}: {name}: {value!s:.40} is no tolerance; write a number from 0, in the metric's unit, or a "
            "share of the base value such as 5 %"
        ) from error
    return Share(number / 100) if share else float(number)
