"""Folders that look like a peft adapter: plain LoRA is read exactly, everything else is refused by name."""

from __future__ import annotations

import json
import os
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from privtalk.core import torchvision_guard as torchvision_guard  # before peft

from peft import LoHaConfig, LoraConfig, LoraRuntimeConfig, get_peft_model  # isort: skip

from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.config import AdapterConfig
from privtalk.methods.peft_files import PEFT_CONFIG, PEFT_PREFIX, PEFT_WEIGHTS, read_config

CONFIG: dict[str, Any] = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["to_q", "to_v"]}


class Net(nn.Module):
    """Two adapted layers and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.to_q, self.to_v, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(torch.tanh(self.to_q(x)) + self.to_v(x))
        return found


def factors() -> dict[str, Tensor]:
    shapes = {"lora_A.weight": (2, 8), "lora_B.weight": (8, 2)}
    g = torch.Generator().manual_seed(0)
    return {
        f"{PEFT_PREFIX}{name}.{part}": torch.randn(shape, generator=g)
        for name in ("to_q", "to_v")
        for part, shape in shapes.items()
    }


def folder_of(folder: Path, config: Any = None, tensors: dict[str, Tensor] | None = None) -> Path:
    """A folder with the two files, each as given or whole."""
    folder.mkdir(parents=True, exist_ok=True)
    text = config if isinstance(config, str) else json.dumps(CONFIG if config is None else config)
    (folder / PEFT_CONFIG).write_text(text, encoding="utf-8")
    save_file(factors() if tensors is None else tensors, folder / PEFT_WEIGHTS)
    return folder


def refusal(folder: Path) -> str:
    """What `from_peft` says; one line."""
    with pytest.raises(ValueError, match=r"adapter_(config|model)\.") as caught:
        AdapterBank.from_peft(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_the_folder_of_these_tests_is_read(tmp_path: Path) -> None:
    bank = AdapterBank.from_peft(folder_of(tmp_path))
    assert bank.config == AdapterConfig(rank=2, alpha=4, targets=("to_q", "to_v"))
    assert torch.equal(bank.factors["to_v"].b[0], factors()[f"{PEFT_PREFIX}to_v.lora_B.weight"])


# ---- options


def made_by_peft(folder: Path, config: Any) -> Path:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft takes biases of an adapter for damaged weights
        torch.manual_seed(1)
        get_peft_model(Net(), config).save_pretrained(str(folder))
    return folder


def test_every_option_of_peft_at_its_default_is_understood(tmp_path: Path) -> None:
    options = LoraConfig(target_modules=["to_q"]).to_dict()
    path = tmp_path / PEFT_CONFIG
    path.write_text(json.dumps({**options, "peft_type": "LORA"}, default=list))
    assert read_config(path)["r"] == options["r"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"init_lora_weights": False},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "orthogonal"},
        {"lora_dropout": 0.5, "revision": "x"},
        {"runtime_config": LoraRuntimeConfig(ephemeral_gpu_offload=False)},
        {"target_modules": r".*to_[qv]"},
    ],
)
@torch.no_grad()
def test_plain_lora_of_peft_is_read_exactly(tmp_path: Path, settings: dict[str, Any]) -> None:
    lora = LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": ["to_q", "to_v"], **settings})
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(2))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = get_peft_model(Net(), lora)
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.normal_()
    model.eval().save_pretrained(str(tmp_path))
    base = Net()
    with adapted(base, AdapterBank.from_peft(tmp_path)):
        torch.testing.assert_close(base(x), model(x))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"lora_bias": True}, "lora_bias=true"),
        ({"bias": "all"}, 'bias="all"'),
        ({"bias": "lora_only"}, 'bias="lora_only"'),
        ({"use_rslora": True}, "use_rslora=true"),
        ({"use_dora": True}, "use_dora=true"),
        ({"init_lora_weights": "pissa"}, 'init_lora_weights="pissa"'),
        ({"init_lora_weights": "pissa_niter_4"}, 'init_lora_weights="pissa_niter_4"'),
        ({"init_lora_weights": "olora"}, 'init_lora_weights="olora"'),
        ({"modules_to_save": ["head"]}, 'modules_to_save=["head"]'),
        ({"rank_pattern": {"to_q": 2}}, "rank_pattern="),
        ({"alpha_pattern": {"to_q": 2}}, "alpha_pattern="),
        ({"exclude_modules": ["head"]}, "exclude_modules="),
    ],
)
def test_variants_that_peft_writes_are_refused_by_their_option(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    lora = LoraConfig(r=4, lora_alpha=6, target_modules=["to_q", "to_v"], **settings)
    assert named in refusal(made_by_peft(tmp_path, lora))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("init_lora_weights", "corda"),
        ("init_lora_weights", "eva"),
        ("init_lora_weights", "loftq"),
        ("init_lora_weights", "lora_ga"),
        ("init_lora_weights", 3),
        ("init_lora_weights", 1),
        ("fan_in_fan_out", True),
        ("trainable_token_indices", [1]),
        ("layer_replication", [[0, 4]]),
        ("megatron_config", {"a": 1}),
        ("alora_invocation_tokens", [1]),
        ("target_parameters", ["w"]),
        ("use_qalora", True),
        ("use_bdlora", {"a": 1}),
        ("eva_config", {"rho": 2.0}),
        ("corda_config", {"x": 1}),
        ("loftq_config", {"bits": 4}),
        ("arrow_config", {"k": 1}),
        ("kasa_config", {"beta": 1}),
        ("ensure_weight_tying", True),
        ("layers_to_transform", [1]),
        ("layers_pattern", "h"),
        ("an_option_of_next_year", "on"),
        ("peft_type", "ADALORA"),
        ("peft_type", None),
        ("bias", None),
        ("bias", 0),
    ],
)
def test_an_option_that_is_not_understood_is_refused_by_name(tmp_path: Path, option: str, value: Any) -> None:
    message = refusal(folder_of(tmp_path, {**CONFIG, option: value}))
    assert f"{option}={json.dumps(value)}" in message


def test_another_kind_of_adapter_is_refused(tmp_path: Path) -> None:
    message = refusal(made_by_peft(tmp_path, LoHaConfig(r=2, target_modules=["to_q"])))
    assert 'peft_type="LOHA"' in message


def test_what_an_unknown_option_that_is_off_says_is_let_pass(tmp_path: Path) -> None:
    off = {"a": None, "b": False, "c": {}, "d": [], "e": ""}
    assert len(AdapterBank.from_peft(folder_of(tmp_path, CONFIG | off))) == 1


# ---- tensors

WEIGHT = f"{PEFT_PREFIX}to_q.lora_A.weight"
OTHER = f"{PEFT_PREFIX}to_q.lora_B.weight"
OPTIONS = json.dumps(CONFIG)


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        (f"{PEFT_PREFIX}to_q.lora_B.bias", torch.zeros(8), "to_q.lora_B.bias"),
        (f"{PEFT_PREFIX}to_q.lora_magnitude_vector", torch.ones(8), "lora_magnitude_vector"),
        (f"{PEFT_PREFIX}head.weight", torch.ones(4, 8), "head.weight"),
        ("to_q.lora_A.weight", torch.ones(2, 8), "to_q.lora_A.weight"),
        (f"{PEFT_PREFIX}.lora_A.weight", torch.ones(2, 8), ".lora_A.weight"),
        (f"{PEFT_PREFIX}../../x.lora_A.weight", torch.ones(2, 8), "../../x"),
        (f"{PEFT_PREFIX}head.lora_A.weight", torch.ones(2, 8), "lora_B.weight"),
        (WEIGHT, torch.full((2, 8), torch.nan), "NaN"),
        (WEIGHT, torch.full((2, 8), torch.inf), "infinite"),
        (WEIGHT, torch.ones(2, 8, dtype=torch.int64), "int64"),
        (WEIGHT, torch.ones(2, 8, dtype=torch.bool), "bool"),
        (WEIGHT, torch.ones(3, 8), "[3, 8]"),
        (WEIGHT, torch.ones(8, 2), "[8, 2]"),
        (WEIGHT, torch.ones(2, 8, 1), "[2, 8, 1]"),
        (WEIGHT, torch.ones(()), "A []"),
        (WEIGHT, torch.ones(2, 0), "[2, 0]"),
    ],
)
def test_a_tensor_that_is_not_understood_is_refused_by_name(
    tmp_path: Path, name: str, tensor: Tensor, said: str
) -> None:
    assert said in refusal(folder_of(tmp_path, tensors={**factors(), name: tensor}))


def test_a_layer_or_a_target_without_the_other_is_refused(tmp_path: Path) -> None:
    whole = factors()
    less = {name: t for name, t in whole.items() if "to_v" not in name}
    assert 'no tensor of "to_v"' in refusal(folder_of(tmp_path, tensors=less))
    assert 'layer "to_v" is none' in refusal(folder_of(tmp_path, {**CONFIG, "target_modules": ["to_q"]}))
    assert "regular expression" in refusal(folder_of(tmp_path, {**CONFIG, "target_modules": "*"}))
    half = {name: t for name, t in whole.items() if name != OTHER}
    assert "lacks lora_B.weight" in refusal(folder_of(tmp_path, tensors=half))
    assert "holds no tensor" in refusal(folder_of(tmp_path, tensors={}))


def test_a_rank_that_the_tensors_do_not_have_is_refused(tmp_path: Path) -> None:
    assert "r=4" in refusal(folder_of(tmp_path, {**CONFIG, "r": 4}))
    assert "r=999999999999" in refusal(folder_of(tmp_path, {**CONFIG, "r": 999999999999}))


FIGURES: dict[str, tuple[Any, ...]] = {
    "r": (0, -2, "2", 2.0, True, None, [2]),
    "lora_alpha": (0, -1, "4", None, True),
    "target_modules": (None, [], [1], ["to_q", "to_q", "to_v"], {"to_q": 1}),
}


@pytest.mark.parametrize(("option", "value"), [(name, v) for name, bad in FIGURES.items() for v in bad])
def test_a_figure_that_is_none_is_refused(tmp_path: Path, option: str, value: Any) -> None:
    assert f"{option}=" in refusal(folder_of(tmp_path, {**CONFIG, option: value}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"LORA"',
        "[" * 200_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        OPTIONS.replace('"r": 2', '"r": 2, "r": 4'),
        OPTIONS.replace('"lora_alpha": 4', '"lora_alpha": NaN'),
        OPTIONS.replace('"lora_alpha": 4', '"lora_alpha": 1e999'),
        OPTIONS.replace('"r": 2', '"r": ' + "9" * 5000),
        " " * (1 << 20) + OPTIONS,
    ],
    ids=lambda text: text[:20] or "empty",
)
def test_options_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    assert PEFT_CONFIG in refusal(folder_of(tmp_path, text))


def test_options_that_are_not_text_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / PEFT_CONFIG).write_bytes(b"\xff\xfe{}")
    assert PEFT_CONFIG in refusal(tmp_path)


def header(entries: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(entries)) + entries.encode() + data


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "noise": lambda whole: bytes(range(256)) * 4,
    "longer": lambda whole: whole + b"x",
    "no header": lambda whole: struct.pack("<Q", 1 << 60) + whole[8:],
    "pickle": lambda whole: b"\x80\x04\x95" + whole,
    "list": lambda whole: header("[]"),
    "deep": lambda whole: header('{"a":' + "[" * 100_000),
    "twice": lambda whole: header(
        "{" + ",".join([f'"{WEIGHT}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'] * 2) + "}",
        b"\0" * 4,
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_tensors_that_are_none_are_refused(tmp_path: Path, damage: str) -> None:
    path = folder_of(tmp_path) / PEFT_WEIGHTS
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert PEFT_WEIGHTS in refusal(tmp_path)


def test_files_that_are_missing_or_no_files_are_refused(tmp_path: Path) -> None:
    assert PEFT_CONFIG in refusal(tmp_path / "nothing")
    folder_of(tmp_path)
    (tmp_path / PEFT_WEIGHTS).unlink()
    assert PEFT_WEIGHTS in refusal(tmp_path)
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    assert "adapter_model.bin is a pickle" in refusal(tmp_path)
    os.mkfifo(tmp_path / PEFT_WEIGHTS)
    assert PEFT_WEIGHTS in refusal(tmp_path)
    (tmp_path / PEFT_CONFIG).unlink()
    (tmp_path / PEFT_CONFIG).mkdir()
    assert PEFT_CONFIG in refusal(tmp_path)


def test_halves_are_read_as_peft_reads_them(tmp_path: Path) -> None:
    bank = AdapterBank.from_peft(folder_of(tmp_path, tensors={k: t.half() for k, t in factors().items()}))
    assert bank.factors["to_q"].a.dtype == torch.float32
    with adapted(net := Net(), bank):
        assert net(torch.ones(1, 8)).isfinite().all()


# ---- our own files


def written(folder: Path) -> AdapterBank:
    config = AdapterConfig(rank=2, targets=("*",))
    bank = AdapterBank.initial(Net(), config, lambda *names: torch.Generator().manual_seed(0))
    bank.to_peft(folder)
    return bank


def test_equal_adapters_are_equal_bytes(tmp_path: Path) -> None:
    for number in range(8):
        written(tmp_path / str(number))
    for name in (PEFT_WEIGHTS, PEFT_CONFIG):
        assert len({(tmp_path / str(number) / name).read_bytes() for number in range(8)}) == 1
    assert {path.name for path in (tmp_path / "0").iterdir()} == {PEFT_WEIGHTS, PEFT_CONFIG}


def test_our_files_of_two_adapters_are_not_read_as_one(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / PEFT_CONFIG
    options = json.loads(path.read_text())
    path.write_text(json.dumps({**options, "lora_alpha": 9}))
    assert "do not belong together" in refusal(tmp_path)
    path.write_text(json.dumps({**options, "target_modules": ["to_q", "to_v", "head"][::-1]}))
    assert list(AdapterBank.from_peft(tmp_path).factors) == ["head", "to_v", "to_q"]
    path.write_text(json.dumps({**options, "target_modules": ".*"}))
    assert "whole names" in refusal(tmp_path)


def test_our_metadata_is_not_trusted(tmp_path: Path) -> None:
    folder_of(tmp_path)
    for text in ("", "[]", '{"rank": 0}', '{"x": 1}'):
        save_file(factors(), tmp_path / PEFT_WEIGHTS, metadata={"privtalk": text})
        assert "metadata" in refusal(tmp_path)


def test_an_adapter_of_other_layers_is_refused_before_it_is_applied(tmp_path: Path) -> None:
    bank = AdapterBank.from_peft(folder_of(tmp_path))
    other = Net()
    other.to_q = nn.Linear(8, 6)
    with pytest.raises(ValueError, match="8 inputs and 6 outputs"), adapted(other, bank):
        pass
    other.to_q = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(ValueError, match="linear layers"), adapted(other, bank):
        pass


def test_a_write_that_fails_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    before = (tmp_path / PEFT_WEIGHTS).read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        written(tmp_path)
    assert (tmp_path / PEFT_WEIGHTS).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
