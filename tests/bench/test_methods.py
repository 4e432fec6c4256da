"""Methods with state, long or short messages and personal adapters, through the whole path on toy weights."""

from __future__ import annotations

import pytest
import torch

from privtalk.bench.commands import run as command
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.core.records import RunStore
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.registry import METHODS

ROWS = ("fedavg", "scaffold", "fedadam", "ditto", "fedsa_lora", "smp_lora")


@pytest.fixture(scope="module")
def records(small_request, tmp_path_factory):
    """Every row with and without privacy, by row and tier; `folder` is the run's."""
    folder = tmp_path_factory.mktemp("methods") / "run"
    request = small_request(*ROWS, out=folder, suite="methods", changes=("federation.window_frames=3",))
    assert command.run(request) == command.OK
    return {(record.method, record.tier): record for record in RunStore(folder)} | {"folder": folder}


def adapter(records, row, tier="none"):
    """The released adapter."""
    return AdapterBank.from_peft(records["folder"] / records[row, tier].artifacts["adapter"])


def test_every_method_is_scored_and_audited(records):
    for row in ROWS:
        for tier in ("none", "eps=8"):
            record = records[row, tier]
            assert record.metrics["psnr"].estimate.n == 3
            assert record.cell["training"]["options"] == METHODS[row]().options.model_dump()
            [audit] = record.audits
            assert audit.violations == ()


def test_every_method_is_accounted_by_its_own_messages(records):
    for row in ROWS:
        guarantee, plain = records[row, "eps=8"].privacy, records[row, "none"].privacy
        assert guarantee.guarantee
        assert 7.9 < guarantee.epsilons.outsider <= 8
        assert not plain.guarantee
    d = adapter(records, "fedavg").dim
    of_a = int(adapter(records, "fedavg").of_a().sum())
    lengths = {"fedavg": d, "scaffold": 2 * d, "fedsa_lora": of_a}
    for row, length in lengths.items():
        [entry] = records[row, "eps=8"].privacy.ledger
        assert entry["releases"][0]["discrete"]["dim"] == length
        sent = records[row, "none"].communication_bytes["up"]
        assert sent / records["fedavg", "none"].communication_bytes["up"] == pytest.approx(length / d)
    assert "empirical defence" in records["smp_lora", "none"].privacy.reason


def test_a_method_without_a_guarantee_claims_none(records, small_request, monkeypatch):
    from privtalk.bench import suites
    from privtalk.methods.federation.transcript import Transcript

    plan = suites.expand(suites.load("methods"), "smoke", methods=["fedavg"])
    cell = next(p.cell for p in plan.cells if p.cell.tier == "eps=8")
    used = privacy.mechanism(cell.training, 16, 100)
    monkeypatch.setattr(METHODS["fedavg"], "no_guarantee", "its devices say more than their messages")
    found = privacy.account(cell, used, 16, 100, Transcript())
    assert not found.guarantee
    assert found.reason == "its devices say more than their messages"


def variants(record):
    """Private steps -> PSNR."""
    return {v.at["personal"]: v.metrics["psnr"].estimate.value for v in record.variants}


def test_personal_adapters_are_scored_and_not_released(records):
    """Ditto's release is FedAvg's, and what devices keep is a variant, from which private steps go on."""
    ours, theirs = (adapter(records, row).flatten() for row in ("ditto", "fedavg"))
    assert torch.equal(ours, theirs)
    ditto, fedavg = (records[row, "none"] for row in ("ditto", "fedavg"))
    assert ditto.metrics == fedavg.metrics
    assert list(variants(ditto)) == ["0", "4"]
    assert list(variants(fedavg)) == ["4"]
    assert ditto.metrics["psnr"].estimate.value != variants(ditto)["0"] != variants(ditto)["4"]
    assert variants(ditto)["4"] != variants(fedavg)["4"]
    assert list(variants(records["fedsa_lora", "eps=8"])) == ["0", "4"]
    assert [name for name in records["ditto", "none"].artifacts if name.startswith("adapter")] == ["adapter"]


def test_attacks_on_what_ditto_releases_are_those_on_fedavg(records):
    ours, theirs = (records[row, "none"].attacks for row in ("ditto", "fedavg"))
    assert {n: a.auc.value for n, a in ours.items()} == {n: a.auc.value for n, a in theirs.items()}


def test_attacks_that_do_not_apply_say_why(records):
    """Attackers see A alone of FedSA-LoRA, in the release and in messages alike."""
    assert not any(factors.b.any() for factors in adapter(records, "fedsa_lora").factors.values())
    attacks = records["fedsa_lora", "none"].attacks
    applied = records["fedavg", "none"].attacks
    assert {n for n in applied if not n.endswith("_over_base")} <= set(attacks)
    for name, attack in attacks.items():
        assert attack.auc.missing.startswith("not run: "), name
        assert attack.auc.value is None
        assert not attack.valid


def test_without_victims_messages_that_are_not_read_are_left_alone(small_request, tmp_path):
    request = small_request(
        "fedsa_lora", out=tmp_path / "run", suite="methods", tiers=("none",), changes=("attack.victims=0",)
    )
    assert command.run(request) == command.OK
    [record] = RunStore(tmp_path / "run")
    assert "learned_inversion" not in record.attacks


def test_the_others_are_attacked(records):
    for row in ("scaffold", "fedadam", "smp_lora"):
        applied = records["fedavg", "none"].attacks
        ours = records[row, "none"].attacks
        assert set(ours) == set(applied)
        found = {name: attack.auc.value is None for name, attack in ours.items()}
        assert found == {name: attack.auc.value is None for name, attack in applied.items()}
