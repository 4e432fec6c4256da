"""All attackers of portraits by name, in the order in which boards list them."""

from __future__ import annotations

from privtalk.attacks.purification.adverse_cleaner import AdverseCleaner
from privtalk.attacks.purification.attacker import PortraitAttacker
from privtalk.attacks.purification.audio_guidance import AudioGuidance
from privtalk.attacks.purification.blur import Blur
from privtalk.attacks.purification.colour_depth import ColourDepth
from privtalk.attacks.purification.diffpure import DiffPure, GrIDPure
from privtalk.attacks.purification.jpeg import JPEG50, JPEG75
from privtalk.attacks.purification.learned_purifier import LearnedPurifier
from privtalk.attacks.purification.other_model import FederatedAdapter, PersonalAdapter
from privtalk.attacks.purification.other_sampler import OtherSampler
from privtalk.attacks.purification.realignment import Realignment
from privtalk.attacks.purification.reanimation import Reanimation
from privtalk.attacks.purification.resizing import HalfSize, JPEGAndHalfSize
from privtalk.attacks.purification.round_trip import RoundTrip
from privtalk.attacks.purification.several_photos import SeveralPhotos
from privtalk.core.errors import unknown

ATTACKERS: dict[str, type[PortraitAttacker]] = {
    cls.name: cls
    for cls in (
        PortraitAttacker,
        JPEG75,
        JPEG50,
        HalfSize,
        JPEGAndHalfSize,
        Blur,
        ColourDepth,
        AdverseCleaner,
        DiffPure,
        GrIDPure,
        RoundTrip,
        OtherSampler,
        AudioGuidance,
        Reanimation,
        SeveralPhotos,
        LearnedPurifier,
        Realignment,
        FederatedAdapter,
        PersonalAdapter,
    )
}


def find_attacker(name: str) -> type[PortraitAttacker]:
    """Returns an attacker by its name; a `UserError` that lists them where there is none."""
    if name not in ATTACKERS:
        raise unknown("attacker", name, list(ATTACKERS))
    return ATTACKERS[name]
