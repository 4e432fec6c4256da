"""All protections by name, in the order in which boards list them."""

from __future__ import annotations

from privtalk.core.errors import unknown
from privtalk.methods.protection.advdm import AdvDMMinus, AdvDMPlus
from privtalk.methods.protection.audio_swap import AudioSwap
from privtalk.methods.protection.method import Protection
from privtalk.methods.protection.mist import Mist
from privtalk.methods.protection.mouth_freeze import MouthFreeze
from privtalk.methods.protection.photoguard import PhotoGuard
from privtalk.methods.protection.random_noise import RandomNoise
from privtalk.methods.protection.sds import SDSMinus, SDSPlus
from privtalk.methods.protection.silencer import Silencer
from privtalk.methods.protection.silencer_latent import SilencerLatent, SilencerLatentProjected
from privtalk.methods.protection.unprotected import Unprotected

PROTECTIONS: dict[str, type[Protection]] = {
    cls.name: cls
    for cls in (
        Unprotected,
        RandomNoise,
        AudioSwap,
        Silencer,
        SilencerLatent,
        SilencerLatentProjected,
        AdvDMPlus,
        AdvDMMinus,
        PhotoGuard,
        Mist,
        SDSPlus,
        SDSMinus,
        MouthFreeze,
    )
}


def find_protection(name: str) -> type[Protection]:
    """Returns a protection by its name; a `UserError` that lists them where there is none."""
    if name not in PROTECTIONS:
        raise unknown("protection", name, list(PROTECTIONS))
    return PROTECTIONS[name]
