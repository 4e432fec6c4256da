"""All systems from speech to motion by name, in the order in which boards list them."""

from __future__ import annotations

from privtalk.core.errors import unknown
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.emotalk import EmoTalk
from privtalk.methods.speech_3d.facediffuser import FaceDiffuser, FaceDiffuserReleased
from privtalk.methods.speech_3d.faceformer import FaceFormer
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


def find_speech_method(name: str) -> type[SpeechToMotion]:
    """Returns a system by its name; a `UserError` that lists them where there is none."""
    if name not in SPEECH_METHODS:
        raise unknown("method", name, list(SPEECH_METHODS))
    return SPEECH_METHODS[name]
