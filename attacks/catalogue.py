"""Every attack by its name: the one list of what each sees, asks and rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity import attribute_inference, weights_to_identity
from privtalk.attacks.membership import lira, malicious_client, registry, rmia, source_inference
from privtalk.attacks.reconstruction.catalogue import ATTACKS as RECONSTRUCTIONS
from privtalk.attacks.server import MESSAGE_ATTACKS, SUM_ATTACKS


def _all() -> Iterator[Declaration]:
    yield from (registry.declaration(name) for name in registry.NAMES)
    yield from (lira.ATTACK, rmia.ATTACK)
    yield from (malicious_client.COSINE, malicious_client.LOSS)
    yield from (attack.declaration for attack in MESSAGE_ATTACKS.values())
    yield from (source_inference.DECLARATION, attribute_inference.DECLARATION)
    yield weights_to_identity.ATTACK.declaration
    yield from (attack.declaration for attack in SUM_ATTACKS.values())
    yield from (attack.declaration for attack in RECONSTRUCTIONS.values())


CATALOGUE: Mapping[str, Declaration] = {declaration.name: declaration for declaration in _all()}
"""Attack -> what it declares. Attacks on a release also run over the frozen base, as `NAME_over_base`."""
