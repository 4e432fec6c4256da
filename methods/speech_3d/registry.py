"""All systems from speech to motion by name, in the order in which boards list them."""

from __future__ import annotations

from privtalk.core.errors import unknown
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.emotalk import EmoTalk
from privtalk.methods.speech_3d.facediffuser import FaceDiffuser, FaceDiffuserReleased
from privtalk.methods.speech_3d.faceformer import FaceFormer
from privtalk.methods.speech_3d.federated import FederatedTalker, PublicRegressor
from privtalk.methods.speech_3d.method import SpeechToMotion
from privtalk.methods.speech_3d.regressor import Regressor
from privtalk.methods.speech_3d.selftalk import SelfTalk
from privtalk.methods.speech_3d.teacher import EnhancedTeacher, Scratch, Teacher
from privtalk.methods.speech_3d.unitalker import UniTalker

SPEECH_METHODS: dict[str, type[SpeechToMotion]] = {
    cls.name: cls
    for cls in (
        DiffusionTalker,
        Teacher,
        EnhancedTeacher,
        Scratch,
        Regressor,
        FaceFormer,
        FaceDiffuser,
        FaceDiffuserReleased,
        UniTalker,
        SelfTalk,
        EmoTalk,
    )
}
FEDERATED_METHODS: dict[str, type[SpeechToMotion]] = {
    cls.name: cls for cls in (PublicRegressor, FederatedTalker)
}
"""The system that devices train together, and the one that they start from."""


def find_speech_method(name: str) -> type[SpeechToMotion]:
    """Returns a system by its name; a `UserError` that lists them where there is none."""
    every = SPEECH_METHODS | FEDERATED_METHODS
    if name not in every:
        raise unknown("method", name, list(every))
    return every[name]
