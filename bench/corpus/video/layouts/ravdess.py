"""The layout of RAVDESS: actors who speak two sentences in eight emotions, told by seven numbers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FEMALE, MALE, FilmLayout, FilmPlace, PassedOver

ACTOR = re.compile(r"Actor_(\d\d)")
CODES = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
FULL, SPEECH = "01", "01"
MODALITIES = {"02": "pictures alone, without sound", "03": "sound alone"}
EMOTIONS = dict(
    enumerate(("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), start=1)
)
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}


class RavdessLayout(FilmLayout):
    """RAVDESS: 24 actors; films with sound of speech are taken."""

    name: ClassVar[str] = "ravdess"
    about: ClassVar[str] = (
        "Actor_01/01-01-03-01-01-01-01.mp4, in SRC or one folder further down (Video_Speech_Actor_01/)"
    )
    dataset: ClassVar[str] = "RAVDESS"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = (
        "Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, PLoS ONE 13(5), 2018"
    )
    version: ClassVar[str] = "1.0.0"
    split: ClassVar[str] = "none; song, pictures alone and sound alone are passed over"

    def place(self, path: PurePosixPath) -> FilmPlace | PassedOver | None:
        """Returns what the seven numbers say: modality, channel, emotion, intensity, statement, repetition, actor."""
        folder, codes = ACTOR.fullmatch(path.parent.name), CODES.fullmatch(path.stem)
        if folder is None or codes is None or len(path.parts) > 3:
            return None
        modality, channel, emotion, intensity, statement, repetition, actor = codes.groups()
        if modality != FULL:
            return PassedOver(reason=MODALITIES.get(modality, "of no known modality"))
        if channel != SPEECH:
            return PassedOver(reason="song")
        return FilmPlace(
            identity=f"Actor_{actor}",
            utterance=PurePosixPath(path.name),
            attributes={
                "emotion": EMOTIONS.get(int(emotion), emotion),
                "intensity": INTENSITIES.get(intensity, intensity),
                "statement": STATEMENTS.get(statement, statement),
                "repetition": str(int(repetition)),
            },
            person={"sex": MALE if int(actor) % 2 else FEMALE, "language": "english"},
        )
