"""The layout of BEAT: weights of ARKit in JSON and a wav for each recording, English ones by the official split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from privtalk.bench.corpus.mesh.clip import NEUTRAL
from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS, places
from privtalk.bench.corpus.mesh.layouts.files import read_table, unasked
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
    Floats,
    MeshFace,
    MeshFault,
    MeshRecording,
    MeshRefusal,
    is_role,
)
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError

NAME = re.compile(r"(\d+)_([^_]+)_(\d)_(\d+)_(\d+)")
SPEECH, CONVERSATION = 0, 1
FULL_RATE, RATE = 60.0, 30.0
DRIFT = 0.25
"""Seconds by which the frames' times may leave an even rate."""
NAMES = "names.json"
EMOTIONS = (
    (0, 64, NEUTRAL), (65, 72, "happy"), (73, 80, "angry"), (81, 86, "sad"), (87, 94, "contemptuous"),
    (95, 102, "surprised"), (103, 110, "afraid"), (111, 118, "disgusted"),
)  # fmt: skip
"""First and last id of each emotion, both included."""

FOUR_HOURS = frozenset({1, 2, 3, 4, 6, 7, 8, 9, 11, 21})
"""Speakers with four hours each; the twenty others have one."""
SPEAKERS = frozenset(range(1, 31))
LATE = 29
"""The speaker whose conversations 0 and 4 belong to training, too."""
FIRST_OF_MOODS = frozenset({65, 73, 81, 87, 95, 103, 111})
LAST_OF_MOODS = frozenset({72, 80, 86, 94, 102, 110, 118})
MOODS = frozenset(range(65, 119))
ONE_HOUR_MOODS = frozenset({66, 74, 82, 88, 96, 104, 112, 118})


def beat_emotion(kind: int, number: int) -> str:
    """Returns the emotion of an id: conversations are neutral.

    >>> [beat_emotion(SPEECH, number) for number in (64, 65, 72, 80, 118)]
    ['neutral', 'happy', 'happy', 'angry', 'disgusted']
    """
    if kind == CONVERSATION:
        return NEUTRAL
    found = [emotion for first, end, emotion in EMOTIONS if first <= number <= end]
    if not found:
        raise MeshFault("an id without an emotion", str(number))
    return found[0]


def beat_part(speaker: int, kind: int, number: int) -> str:
    """Returns the part of the official split that a whole id belongs to. Speakers of one hour share the first ids of
    moods between test and validation by halves: these are tested as a whole, as nobody trains on them.

    >>> [beat_part(1, SPEECH, k) for k in (8, 9, 64)], [beat_part(5, SPEECH, k) for k in (4, 8, 16, 17)]
    (['test', 'train', 'validation'], ['test', 'validation', 'train', ''])
    """
    long = speaker in FOUR_HOURS
    if kind == CONVERSATION:
        return _conversation_part(speaker, number)
    if number in FIRST_OF_MOODS or 1 <= number <= (8 if long else 4):
        return "test"
    if number in ((MOODS - LAST_OF_MOODS) if long else ONE_HOUR_MOODS) or 9 <= number <= (56 if long else 16):
        return "train"
    validated = number in LAST_OF_MOODS or 57 <= number <= 64 if long else 5 <= number <= 8
    return "validation" if validated else ""


def _conversation_part(speaker: int, number: int) -> str:
    trained = set(range(2, 12)) if speaker in FOUR_HOURS else {2, 3} | ({0, 4} if speaker == LATE else set())
    if number == 1 or number in trained:
        return "test" if number == 1 else "train"
    return "validation" if speaker in FOUR_HOURS and number == 12 else ""


class BeatName(NamedTuple):
    """The parts of a recording's file name."""

    speaker: int
    person: str
    kind: int
    start: int
    end: int

    @property
    def ids(self) -> range:
        return range(self.start, self.end + 1)

    def role(self) -> str:
        """Returns the role of the whole recording, or why it has none."""
        if self.kind not in (SPEECH, CONVERSATION):
            return "not English, so not in the official split"
        parts = {beat_part(self.speaker, self.kind, number) for number in self.ids}
        if not parts or "" in parts or self.speaker not in SPEAKERS:
            return OUTSIDE
        if "train" in parts and len(parts) > 1:
            return "the recording spans training and other parts of the official split"
        return VALIDATION if parts == {"validation"} else "test" if "test" in parts else "train"

    def emotion(self) -> str:
        """Returns the emotion of the start id; a `MeshFault` where another one follows before the end."""
        found = {beat_emotion(self.kind, number) for number in self.ids}
        if len(found) > 1:
            raise MeshFault("the recording spans several emotions")
        return beat_emotion(self.kind, self.start)


class BeatLayout:
    """BEAT's English recordings: thirty people, eight emotions, 51 weights and no mesh."""

    name: ClassVar[str] = "beat"
    about: ClassVar[str] = (
        "<id>_<name>_<type>_<start>_<end>.json (frames[i].weights, names) and .wav, in SRC or a folder a speaker; "
        "60 fps, of which 30 are kept; names.json where a file does not name its weights"
    )
    licence: ClassVar[str] = "as its authors say; not stated with the split"
    citation: ClassVar[str] = (
        "Liu et al., BEAT: A Large-Scale Semantic and Emotional Multi-Modal Dataset, ECCV 2022"
    )
    split: ClassVar[str] = (
        "the official one of whole recordings; it has no strangers, and halves are never parted"
    )

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout; None where it is."""
        if _paths(folder):
            return unasked(folder)
        for below in sorted(path for path in folder.iterdir() if path.is_dir()):
            if _paths(below):
                return f"its recordings stand one level below; name {shown(below)}"
        return "no <id>_<name>_<type>_<start>_<end>.json in it or in its folders"

    def face(self, folder: Path) -> MeshFace:
        """Returns a face of weights alone."""
        return MeshFace(fps=RATE, channels=CHANNELS)

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields whole recordings."""
        told = _told_names(folder)
        for path in _paths(folder):
            name = _parsed(path)
            assert name is not None
            try:
                role, emotion = name.role(), name.emotion()
                if not is_role(role):
                    raise MeshFault(role)
            except MeshFault as fault:
                yield MeshRefusal(name=path.stem, reason=fault.reason, detail=fault.detail)
                continue
            yield MeshRecording(
                name=path.stem,
                identity=f"{name.speaker}_{name.person}",
                sentence=f"{name.kind}_{name.start}_{name.end}",
                role=role,
                audio=path.with_suffix(".wav"),
                sources=(path, *([folder / NAMES] if told else [])),
                motion=partial(_weights, path, told),
                emotion=emotion,
                level=int(emotion != NEUTRAL),
            )


def _parsed(path: Path) -> BeatName | None:
    matched = NAME.fullmatch(path.stem)
    if matched is None:
        return None
    speaker, person, kind, start, end = matched.groups()
    return BeatName(int(speaker), person, int(kind), int(start), int(end))


def _paths(folder: Path) -> list[Path]:
    found = [*folder.glob("*.json"), *folder.glob("*/*.json")]
    return sorted((path for path in found if _parsed(path) is not None), key=lambda path: path.name)


def _told_names(folder: Path) -> list[str] | None:
    """The names that the user gives for files that have none."""
    path = folder / NAMES
    if not path.is_file():
        return None
    try:
        names = read_table(path)
        if not _are_names(names):
            raise MeshFault("not a list of the weights' names in their order")
        places(names)
    except MeshFault as fault:
        raise UserError(f"{shown(path)}: {fault}") from fault
    return list(names)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _weights(path: Path, told: Sequence[str] | None) -> Floats:
    """The weights [T, 51] of `CHANNELS` at 30 frames a second."""
    table = read_table(path)
    frames = table.get("frames") if isinstance(table, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise MeshFault("the JSON has no frames")
    names = table.get("names", told)
    if not _are_names(names):
        raise MeshFault(f"the JSON does not name its weights; list them in {NAMES}")
    try:
        values = np.array([frame["weights"] for frame in frames], dtype=np.float64)
        times = np.array([frame["time"] for frame in frames if "time" in frame], dtype=np.float64)
    except (KeyError, ValueError, TypeError) as error:
        raise MeshFault("the JSON's frames have no weights, or not equally many") from error
    if values.shape != (len(frames), len(names)):
        raise MeshFault("the JSON names another number of weights than it has")
    return np.array(values[:: _every(times, len(frames)), places(names)], dtype=np.float32)


def _every(times: np.typing.NDArray[np.float64], frames: int) -> int:
    """The step between frames that are kept, by the frames' times; files without have 60 a second."""
    if len(times) < frames or frames < 2:
        return 2
    left = {
        every: float(np.abs(times - times[0] - np.arange(frames) / rate).max())
        for rate, every in ((FULL_RATE, 2), (RATE, 1))
    }
    nearest = min(left, key=lambda every: left[every])
    if not left[nearest] <= DRIFT:
        raise MeshFault("the frames' times are not 60 or 30 a second")
    return nearest
