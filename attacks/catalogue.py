"""Every attack by its name: the one list of what each sees, asks and rests on, to which people add their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from privtalk.attacks.checking import checked
from privtalk.attacks.declaration import FAMILIES, Attack, Declaration, Footage, Sees
from privtalk.attacks.identity import animation, attribute_inference, weights_to_identity
from privtalk.attacks.membership import malicious_client, registry, source_inference
from privtalk.attacks.membership.registry import PERSON_ATTACKS, RELEASE_ATTACKS, PersonAttack, ReleaseAttack
from privtalk.attacks.membership.release import OVER_BASE
from privtalk.attacks.membership.shadow_attacks import SHADOW_ATTACKS, ShadowAttack
from privtalk.attacks.pairs import MessageAttack
from privtalk.attacks.personal import clip_in_personal, others_in_personal
from privtalk.attacks.reconstruction.catalogue import ATTACKS as RECONSTRUCTIONS
from privtalk.attacks.server import MESSAGE_ATTACKS, SUM_ATTACKS

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = 200
"""Characters of a line that an attack says of itself."""
HEADLINES: Mapping[Sees, tuple[str, ...]] = {
    "release": ("auc",),
    "server": ("auc", "rank1", "source"),
    "sums": ("auc", "rank1", "source"),
}
"""View -> measures that the attacks on it have."""


class Shelf(NamedTuple):
    """A place for attacks that are run alike."""

    attacks: dict[str, Any]
    kind: type[Attack]
    function: str
    """The field that holds what the attack computes."""
    view: Sees


SHELVES = (
    Shelf(RELEASE_ATTACKS, ReleaseAttack, "statistic", "release"),
    Shelf(PERSON_ATTACKS, PersonAttack, "join", "release"),
    Shelf(SHADOW_ATTACKS, ShadowAttack, "score", "release"),
    Shelf(MESSAGE_ATTACKS, MessageAttack, "score", "server"),
    Shelf(SUM_ATTACKS, MessageAttack, "score", "sums"),
)
"""The places where attacks that people bring may stand."""


def _all() -> Iterator[Declaration]:
    yield from (registry.declaration(name) for name in registry.names())
    yield from (attack.declaration for attack in SHADOW_ATTACKS.values())
    yield from (malicious_client.COSINE, malicious_client.LOSS)
    yield from (attack.declaration for attack in MESSAGE_ATTACKS.values())
    yield from (source_inference.DECLARATION, attribute_inference.DECLARATION)
    yield weights_to_identity.ATTACK.declaration
    yield from (clip_in_personal.DECLARATION, others_in_personal.DECLARATION)
    yield from (attack.declaration for attack in SUM_ATTACKS.values())
    yield from (attack.declaration for attack in RECONSTRUCTIONS.values())
    yield from (animation.MOTION, animation.IDENTITY_EMBEDDING, animation.EMOTION_EMBEDDING)


_catalogue = {declaration.name: declaration for declaration in _all()}
CATALOGUE: Mapping[str, Declaration] = MappingProxyType(_catalogue)
"""Attack -> what it declares, of all that there are so far. Attacks on a release also run over the frozen base, as
`NAME_over_base`.
"""
_brought: dict[str, Attack] = {}


# ---- attacks that people bring


def register(attack: Attack) -> str:
    """Enters an attack, which is run and recorded from then on like any other; returns its name.

    `ValueError` in one line where it is none, lacks a part, or its name is not free. Entering the same one again does
    nothing. What it computes is checked whenever it is called (`attacks.checking`).
    """
    name = check(attack)
    if _brought.get(name) is not attack:
        if name in CATALOGUE:
            raise ValueError(f"attack {name!r} is there already; give it another name")
        _shelf(attack).attacks[name] = checked(attack)
        _catalogue[name] = attack.declaration
        _brought[name] = attack
    return name


def forget(name: str) -> None:
    """Takes out an attack that was entered, so that its name is free again."""
    del _shelf(_brought.pop(name)).attacks[name]
    del _catalogue[name]


def check(attack: object) -> str:
    """Returns the name of an attack that can be entered; `ValueError` in one line for anything else."""
    if not isinstance(attack, Attack):
        kinds = " or ".join(dict.fromkeys(shelf.kind.__name__ for shelf in SHELVES))
        raise ValueError(f"it is {type(attack).__name__!r}, not an attack; write NAME = {kinds}(...)")
    about = attack.declaration
    if not isinstance(about, Declaration):
        raise ValueError("its declaration is none; write declaration=Declaration(name=..., ...)")
    if fault := undeclared(about):
        raise ValueError(f"attack {about.name!r}: {fault}")
    shelf = _shelf(attack)
    if about.headline not in HEADLINES[shelf.view]:
        valid = " or ".join(HEADLINES[shelf.view])
        raise ValueError(f"attack {about.name!r}: headline is {about.headline!r}; write {valid}")
    function = shelf.function
    if not callable(found := getattr(attack, function)):
        raise ValueError(f"attack {about.name!r}: {function} is {found!r}; give it a function")
    if isinstance(attack, PersonAttack):
        _check_signals(attack)
    return about.name


def undeclared(about: Declaration) -> str:
    """Returns what a declaration lacks; empty where it lacks nothing."""
    if not isinstance(about.name, str) or not NAME.fullmatch(about.name) or about.name.endswith(OVER_BASE):
        return "a name is up to 40 small letters, digits and _, and does not end on _over_base; write it so"
    for part, valid in (("family", FAMILIES), ("view", get_args(Sees)), ("footage", get_args(Footage))):
        if getattr(about, part) not in valid:
            return f"{part} is {getattr(about, part)!r}; write one of {', '.join(valid)}"
    for part in ("statistic", "source"):
        said = getattr(about, part)
        if not isinstance(said, str) or not said.strip() or len(said) > LONGEST or not said.isprintable():
            return f"{part} is not said; write it in a line of at most {LONGEST} characters"
    return ""


def _check_signals(attack: PersonAttack) -> None:
    about = attack.declaration
    if not attack.signals:
        raise ValueError(
            f"attack {about.name!r}: it reads no signals; name some of {', '.join(RELEASE_ATTACKS)}"
        )
    for signal in attack.signals:
        if signal not in RELEASE_ATTACKS:
            valid = ", ".join(RELEASE_ATTACKS)
            raise ValueError(f"attack {about.name!r}: there is no signal {signal!r}; there are {valid}")


def _shelf(attack: Attack) -> Shelf:
    """The place of an attack."""
    views = [shelf.view for shelf in SHELVES if isinstance(attack, shelf.kind)]
    for shelf in SHELVES:
        if isinstance(attack, shelf.kind) and attack.declaration.view == shelf.view:
            return shelf
    name, kind = attack.declaration.name, type(attack).__name__
    if not views:
        raise ValueError(f"attack {name!r}: a {kind} cannot be added; bring one of another kind")
    raise ValueError(
        f"attack {name!r}: a {kind} sees {' or '.join(views)}, not {attack.declaration.view}; change its view"
    )
