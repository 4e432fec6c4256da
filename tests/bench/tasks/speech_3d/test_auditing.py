"""Canaries among the sums of a federation of speakers, in its own record and with faults planted."""

from __future__ import annotations

import pytest
import torch

from privtalk.attacks.audit import canary_run
from privtalk.attacks.audit.report import PrivacyViolationError
from privtalk.bench.tasks.speech_3d.auditing import CANARIES, audits
from privtalk.bench.tasks.speech_3d.federating import block
from privtalk.bench.tasks.speech_3d.lessons import corpus_of, kept_rounds
from privtalk.core.records import RunStore
from privtalk.methods.speech_3d.federated import FederatedRound
from tests.bench.tasks.speech_3d.planned import cells_of


@pytest.fixture(scope="module")
def private(together):
    """(cell, clients, rounds) of the row at ε = 8."""
    [cell] = [cell for cell in cells_of(together) if (cell.method, cell.tier) == ("federated", "eps=8")]
    return cell, len(corpus_of(cell).speakers), kept_rounds(cell)


def guarantee(cell, rounds):
    return block(cell, corpus_of(cell), rounds, rounds[0].messages.shape[1]).privacy


def test_every_federated_row_is_audited_and_without_noise_canaries_are_found(together):
    found = {r.tier: r.audits for r in RunStore(together) if r.method == "federated"}
    assert all(len(audit) == 1 for audit in found.values())
    assert {audit[0].canaries for audit in found.values()} == {CANARIES}
    assert found["none"][0].auc.low > 0.75  # half of 2,000 canaries crowd some hundred numbers
    assert found["eps=8"][0].auc.value < found["none"][0].auc.value
    [upper] = found["eps=8"][0].upper
    assert upper.epsilon <= 8
    assert all(low.epsilon <= upper.epsilon for low in found["eps=8"][0].certified)
    assert all(not r.audits for r in RunStore(together) if r.method != "federated")


def test_noise_that_is_left_out_is_found(private, monkeypatch):
    cell, clients, rounds = private
    cell = cell.model_copy(update={"at": {"eps": "1"}})
    claimed = guarantee(cell, rounds)
    assert len(audits(cell, clients, rounds, claimed)) == 1
    monkeypatch.setattr(canary_run, "with_noise", lambda summed, *_: summed)
    with pytest.raises(PrivacyViolationError):
        audits(cell, clients, rounds, claimed)


def test_where_nobody_sent_anything_nothing_is_audited(private):
    cell, clients, rounds = private
    empty = FederatedRound(0, rounds[0].adapter, (), torch.zeros(0, rounds[0].messages.shape[1]))
    assert audits(cell, clients, [empty], guarantee(cell, rounds)) == ()
