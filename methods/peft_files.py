"""peft's two files of an adapter, read with nothing taken on trust: what is not understood is refused by name.

A variant of LoRA shows in an option of `adapter_config.json`, in a tensor of `adapter_model.safetensors`, or in the
base that it was trained on. So every option must be one that is known to leave W x + (alpha / r) B A x as it is, or be
at a value that means nothing, and every tensor must be one of a layer's two factors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from privtalk.core.files import write_atomic
from privtalk.core.tensor_files import save_tensors
from privtalk.methods.config import AdapterConfig

PEFT_WEIGHTS = "adapter_model.safetensors"
PEFT_PICKLE = "adapter_model.bin"
PEFT_CONFIG = "adapter_config.json"
PEFT_PREFIX = "base_model.model."
OURS = "privtalk"
"""Entry of the tensors' metadata that holds an `AdapterConfig`."""
PARTS = (".lora_A.weight", ".lora_B.weight")
LARGEST_CONFIG = 1 << 20
"""Bytes of an adapter_config.json that is read."""
LARGEST_FIGURE = 1e15
"""The largest rank and alpha; beyond, whole numbers are no longer exact as floats."""
SHOWN = 60
"""Characters of a value that a message shows."""

ABOUT = frozenset(
    (
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "task_type",
    )
)
"""Options that say where an adapter comes from, how it was trained, or how another option that is off would work."""
READ = frozenset(("peft_type", "r", "lora_alpha", "target_modules", "init_lora_weights", "bias"))
"""Options that are read, each with its own rule."""
INITIAL = (None, True, False, "gaussian", "orthogonal")
"""Ways of `init_lora_weights` to start that leave the base as it is; the others keep a part of it in the adapter."""
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class PeftAdapter(NamedTuple):
    """The content of the files."""

    config: AdapterConfig
    layers: dict[str, tuple[Tensor, Tensor]]
    """Layer -> A [r, in] and B [out, r], float32."""


def write_adapter(folder: Path, config: AdapterConfig, layers: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Both files, each whole or not at all; equal adapters give equal bytes."""
    tensors = {
        f"{PEFT_PREFIX}{name}{part}": factor
        for name, factors in layers.items()
        for part, factor in zip(PARTS, factors, strict=True)
    }
    write_atomic(folder / PEFT_CONFIG, json.dumps(peft_config(config, list(layers)), indent=1) + "\n")
    save_tensors(folder / PEFT_WEIGHTS, tensors, {"format": "pt", OURS: config.model_dump_json()})


def peft_config(config: AdapterConfig, layers: Sequence[str]) -> dict[str, Any]:
    """Contents of peft's adapter_config.json."""
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "target_modules": list(layers),
    }


def read_adapter(folder: Path) -> PeftAdapter:
    """A plain LoRA adapter, ours or another's. `ValueError` in one line for whatever is not one."""
    raw = read_config(folder / PEFT_CONFIG)
    tensors, metadata = _read_tensors(folder)
    path = folder / PEFT_WEIGHTS
    layers = _layers(path, tensors, raw["r"])
    _check_targets(path, raw["target_modules"], layers)
    if OURS in metadata:
        order = raw["target_modules"]
        if set(order) != set(layers):
            raise ValueError(
                f"{path}: target_modules of {PEFT_CONFIG} must list its layers by their whole names"
            )
        return PeftAdapter(_own_config(path, metadata[OURS], raw), {name: layers[name] for name in order})
    config = AdapterConfig(rank=raw["r"], alpha=raw["lora_alpha"], targets=tuple(sorted(layers)))
    return PeftAdapter(config, {name: layers[name] for name in sorted(layers)})


def read_config(path: Path) -> dict[str, Any]:
    """The options, all of them understood."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; name the folder that peft's save_pretrained wrote")
    if path.stat().st_size > LARGEST_CONFIG:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes; options of an adapter take at most {LARGEST_CONFIG}"
        )
    try:
        raw = json.loads(path.read_bytes(), object_pairs_hook=_distinct, parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file of options ({_line(error)})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: holds {_shown(raw)}, must be one JSON object of options")
    _check_kind(path, raw)
    for option, value in raw.items():
        if option not in READ | ABOUT and not _neutral(value):
            raise ValueError(
                f"{path}: {_shown(option, '')}={_shown(value)} is not plain LoRA, which is all that is supported"
            )
    return raw


def _check_kind(path: Path, raw: Mapping[str, Any]) -> None:
    """The options that are read."""
    if raw.get("peft_type") != "LORA":
        raise ValueError(f'{path}: peft_type={_shown(raw.get("peft_type"))}, only "LORA" is supported')
    if raw.get("bias", "none") != "none":
        raise ValueError(
            f'{path}: bias={_shown(raw["bias"])} trains biases of the base; only "none" is supported'
        )
    start = raw.get("init_lora_weights", True)
    plain = start.lower() if isinstance(start, str) else start
    if not any(plain is way or (isinstance(plain, str) and plain == way) for way in INITIAL):
        raise ValueError(
            f"{path}: init_lora_weights={_shown(start)} may change the base, which is not in the files; have peft "
            "convert the adapter to plain LoRA (save_pretrained with path_initial_model_for_weight_conversion)"
        )
    rank, alpha, targets = raw.get("r"), raw.get("lora_alpha"), raw.get("target_modules")
    if not _is_positive(rank, int):
        raise ValueError(f"{path}: r={_shown(rank)}, must be a whole number of at least 1")
    if not _is_positive(alpha, int, float):
        raise ValueError(f"{path}: lora_alpha={_shown(alpha)}, must be a positive number")
    if not (isinstance(targets, str) or _is_names(targets)):
        raise ValueError(f"{path}: target_modules={_shown(targets)}, must be names of layers")


def _read_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    path = folder / PEFT_WEIGHTS
    if not path.is_file():
        pickled = (folder / PEFT_PICKLE).is_file()
        hint = f"{PEFT_PICKLE} is a pickle and is not opened, save it anew with safe_serialization=True"
        raise ValueError(
            f"{path}: no such file; {hint if pickled else 'it holds the tensors of a peft adapter'}"
        )
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: not a safetensors file ({_line(error)})") from error


def _layers(path: Path, tensors: dict[str, Tensor], rank: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Both factors of every layer; a tensor that is neither is refused."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part = next((part for part in PARTS if key.endswith(part)), None)
        name = key.removeprefix(PEFT_PREFIX).removesuffix(part or "")
        if part is None or not key.startswith(PEFT_PREFIX) or not name:
            raise ValueError(
                f"{path}: tensor {_shown(key)} is not plain LoRA's, whose tensors are {PEFT_PREFIX}LAYER{PARTS[0]} "
                f"and {PARTS[1][1:]}"
            )
        found.setdefault(name, {})[part] = _checked(path, key, tensor)
    if not found:
        raise ValueError(f"{path}: holds no tensor, an adapter has two for each layer")
    return {name: _pair(path, name, parts, rank) for name, parts in found.items()}


def _checked(path: Path, key: str, tensor: Tensor) -> Tensor:
    if tensor.dtype not in FLOATS:
        raise ValueError(
            f"{path}: tensor {_shown(key)} is {tensor.dtype}, must be of 16, 32 or 64 bit floats"
        )
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"{path}: tensor {_shown(key)} holds NaN or infinite numbers")
    return tensor.float()


def _pair(path: Path, name: str, parts: Mapping[str, Tensor], rank: int) -> tuple[Tensor, Tensor]:
    for part in PARTS:
        if part not in parts:
            raise ValueError(f"{path}: layer {_shown(name)} lacks {part[1:]}")
    a, b = (parts[part] for part in PARTS)
    fit = a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1] == rank and a.shape[1] and b.shape[0]
    if not fit:
        raise ValueError(
            f"{path}: layer {_shown(name)} has A {list(a.shape)} and B {list(b.shape)}, must be [{rank}, in] and "
            f"[out, {rank}] at r={rank} of {PEFT_CONFIG}"
        )
    return a, b


def _check_targets(path: Path, targets: str | Sequence[str], layers: Mapping[str, Any]) -> None:
    """Raises unless the layers are those that the options name: every one of them, and no other."""
    for name in layers:
        if not _targeted(path, name, targets):
            raise ValueError(f"{path}: layer {_shown(name)} is none of target_modules of {PEFT_CONFIG}")
    for target in () if isinstance(targets, str) else targets:
        if not any(_targeted(path, name, [target]) for name in layers):
            raise ValueError(f"{path}: no tensor of {_shown(target)}, one of target_modules of {PEFT_CONFIG}")


def _targeted(path: Path, name: str, targets: str | Sequence[str]) -> bool:
    """peft's rule: a list holds ends of names, a text is a regular expression."""
    if not isinstance(targets, str):
        return any(name == target or name.endswith(f".{target}") for target in targets)
    if targets == "all-linear":
        return True
    try:
        return re.fullmatch(targets, name) is not None
    except re.error as error:
        raise ValueError(
            f"{path}: target_modules={_shown(targets)} is no regular expression ({error})"
        ) from error


def _own_config(path: Path, text: str, raw: Mapping[str, Any]) -> AdapterConfig:
    try:
        config = AdapterConfig.model_validate_json(text)
    except ValueError as error:
        raise ValueError(
            f"{path}: its {OURS!r} metadata is no configuration of an adapter ({_line(error)})"
        ) from error
    if (config.rank, config.alpha) != (raw["r"], raw["lora_alpha"]):
        raise ValueError(
            f"{path}: made at rank {config.rank} and alpha {config.alpha:g}, {PEFT_CONFIG} says r={raw['r']} and "
            f"lora_alpha={raw['lora_alpha']}; the files do not belong together"
        )
    return config


def _neutral(value: Any) -> bool:
    """Whether an option is off: false, or empty."""
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _is_positive(value: Any, *kinds: type) -> bool:
    return type(value) in kinds and 0 < value <= LARGEST_FIGURE


def _is_names(value: Any) -> bool:
    names = isinstance(value, list) and bool(value) and all(isinstance(name, str) and name for name in value)
    return names and len(set(value)) == len(value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{_shown(name)} stands there twice")
        found[name] = value
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _shown(value: Any, marks: str = '"') -> str:
    """A value in JSON, on one line, cut where it is long."""
    text = json.dumps(value, default=str)
    text = text if marks else text.strip('"')
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _line(error: BaseException) -> str:
    """The first line of what an error says."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
