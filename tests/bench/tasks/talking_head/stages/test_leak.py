"""Attacks on personal adapters in a whole tiny run: what the record holds, and where."""

from __future__ import annotations

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.tasks.talking_head.stages import leak
from privtalk.core.records import RunStore

QUICK = (
    "federation.rounds=1",
    "personalisation.steps=[1, 2]",
    "attack.worlds=0",
    "attack.victims=0",
    "attack.canaries=0",
    "attack.leaked=2",
)
NAMES = {leak.WHO, leak.CLIP, leak.OTHERS}


@pytest.fixture(scope="module")
def records(small_request, tmp_path_factory):
    out = tmp_path_factory.mktemp("leak") / "run"
    request = small_request("fedavg", "local_only", out=out, tiers=("none",), changes=QUICK)
    assert command.run(request) == command.OK
    return {record.method: record for record in RunStore(out)}


def test_the_last_variant_of_a_federated_row_is_attacked(records):
    record = records["fedavg"]
    first, last = record.variants
    assert first.attacks == {}
    assert set(last.attacks) == NAMES
    assert not NAMES & set(record.attacks)
    assert {attack.view for attack in last.attacks.values()} == {"personal"}


def test_the_row_that_shares_nothing_is_attacked_itself(records):
    record = records["local_only"]
    assert set(record.attacks) >= NAMES
    assert [variant.attacks for variant in record.variants] == [{}]


def test_who_is_asked_about(records):
    """Three owners of six attacked, two of whose adapters leak; six people took no part."""
    found = records["fedavg"].variants[-1].attacks
    assert (found[leak.CLIP].positives, found[leak.CLIP].negatives) == (3, 3)
    assert (found[leak.OTHERS].positives, found[leak.OTHERS].negatives) == (4, 6)
    assert found[leak.WHO].positives == 3
    for name in (leak.CLIP, leak.OTHERS):
        assert set(found[name].controls) == {"blind", "never_trained", "permuted_labels"}


def test_strength_is_measured_on_the_attackers_own_people(request_for):
    """Each of the three attacks on a personal adapter states the adapters that its strength was measured on."""
    changes = (*(c for c in QUICK if "worlds" not in c), "attack.worlds=3", "attack.world_steps=1")
    request = request_for("fedavg", tiers=("none",), changes=(*changes, "corpus.shadows=8"))
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    found = record.variants[-1].attacks
    assert "4 adapters of the attacker's people, 2 private steps" in found[leak.CLIP].strength.planted
    assert found[leak.WHO].strength.planted == found[leak.CLIP].strength.planted
    assert "3 adapters, each of one person 2 private steps" in found[leak.OTHERS].strength.planted
    assert all(0 <= found[name].strength.estimate.value <= 1 for name in NAMES)


def test_without_shadow_worlds_strength_is_unknown(records):
    assert {attack.strength for attack in records["fedavg"].variants[-1].attacks.values()} == {None}


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        (("attack.leaked=0",), leak.OTHERS, leak.SILENT),
        (("attack.leaked=3", "corpus.attacked=3"), leak.OTHERS, leak.ALL_OWN),
        (
            (
                "personalisation.part=added",
                "personalisation.adapter={rank: 2, targets: ['up_blocks.1.*.to_v']}",
            ),
            leak.WHO,
            leak.ADDED,
        ),
    ],
    ids=["nobody asked", "everybody owns", "added"],
)
def test_what_was_not_run_says_why(request_for, changes, name, reason):
    request = request_for("fedavg", tiers=("none",), changes=(*QUICK, *changes))
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    found = record.variants[-1].attacks
    assert found[name].auc.missing == reason
    assert found[leak.CLIP].auc.value is not None
