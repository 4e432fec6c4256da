"""The frozen backbone that a run uses is found where the package keeps it."""

from __future__ import annotations

from privtalk.bench.networks import find_network
from privtalk.methods.backbone import weights


def test_the_embedded_backbone_is_the_packages_own():
    network = find_network("embedded")
    assert network.folder == str(weights.embedded())
    assert network.size == 64
    assert network.spec.sha256
