"""The frozen backbone that a run uses is found where the package keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from privtalk.bench.corpus.population import Person, Population, Role
from privtalk.bench.networks import BackboneSpec, Network, check_unseen, find_network
from privtalk.core.errors import UserError
from privtalk.methods.backbone import weights


def test_the_embedded_backbone_is_the_packages_own():
    network = find_network("embedded")
    assert network.folder == str(weights.embedded())
    assert network.size == 64
    assert network.spec.sha256


def population(**roles: str) -> Population:
    """Somebody's corpus: names by role, with commas between them."""

    def people(role: Role) -> list[Person]:
        return [Person(name, role, k) for k, name in enumerate(filter(None, roles.get(role, "").split(",")))]

    return cast(Population, SimpleNamespace(people=people))


@pytest.mark.parametrize("role", ["clients", "heldout", "shadow"])
def test_a_backbone_that_was_trained_on_somebody_with_a_role_is_refused(role):
    network = Network(BackboneSpec(), None, 64, seen=frozenset({"ann", "bob"}))
    with pytest.raises(
        UserError, match=f"bob is among the {role}, and the backbone was trained on that person"
    ):
        check_unseen(network, population(**{role: "cyd,bob"}))
    check_unseen(network, population(**{role: "cyd"}, public="ann,bob"))
    check_unseen(replace(network, seen=frozenset()), population(**{role: "cyd,bob"}))


def test_a_folder_of_weights_says_whom_it_was_trained_on(tmp_path):
    manifest = {"sha256": "0" * 64, "config": {"size": 64}, "data": {"people": ["ann"], "held_back": ["bob"]}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert find_network(str(tmp_path)).seen == {"ann"}
    assert find_network("embedded").seen == frozenset()
