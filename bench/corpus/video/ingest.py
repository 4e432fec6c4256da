"""One real video into clips: its face followed, cropped steadily, given landmarks, and cut into segments.

Three passes over the file, so that memory holds one segment: the face's box in every frame, its landmarks, and,
once these have told how to frame it, the crops.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from privtalk.bench.corpus.clip import FPS, SAMPLE_RATE, Clip
from privtalk.bench.corpus.video import decoding as video
from privtalk.bench.corpus.video import tracking
from privtalk.bench.corpus.video.balance import Balance
from privtalk.bench.corpus.video.crop import extract, face_unit, features, frame_face, to_crop
from privtalk.bench.corpus.video.decoding import Probe, VideoError
from privtalk.bench.corpus.video.faces import Detector, Face, Landmarker
from privtalk.bench.corpus.video.liveliness import Fault, fault, repeats
from privtalk.bench.corpus.video.sound import SILENCE, Sound, read_sound, start_of_sound
from privtalk.bench.corpus.video.tracking import FaceTrack

Pixels = NDArray[np.uint8]

SIZES = (64, 128, 256)
SAMPLES = round(SAMPLE_RATE / FPS)
"""Samples of sound a frame."""

MIN_FACE = 16.0
"""Least face unit (about the distance between the eyes), pixels of the video: about a quarter of a 64 px crop."""

BOX_SECONDS = 0.06
"""Smoothing of the boxes that the landmark network sees: enough against a detector's jitter."""

PASSES = (0.65, 0.25, 0.1)
"""Share of a video's time that each pass takes, for the progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """Choices of the user; those that change the clips are part of a video's key."""

    detector: Path | None = None
    """Weights of the face detector; None: see `faces.find_weights`."""
    landmarks: Path | None = None
    """Weights of the landmark network; None likewise."""
    size: int = 64
    """Height and width of the clips, pixels."""
    seconds: float = 3.0
    """Length that segments come close to."""
    min_seconds: float = 2.0
    """Least length of a segment."""
    score: float = 0.6
    """Least score of a face, 0..1."""
    workers: int = 1
    """Processes; the clips are the same for any number."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"--size {self.size}: a clip has {', '.join(map(str, SIZES))} pixels")
        if not 0 < self.min_seconds <= self.seconds:
            raise ValueError(
                f"--min-seconds {self.min_seconds:g} must be positive and at most --seconds {self.seconds:g}"
            )
        if not 0 < self.score < 1 or self.workers < 1:
            raise ValueError("--score lies between 0 and 1, --workers is at least 1")


class VideoSource(NamedTuple):
    """A file to prepare."""

    path: Path
    identity: str | None
    """None where it stands in no identity's folder."""
    utterance: str
    sound: Path | None = None
    """The file that holds the sound; None where the film does."""


Tick = Callable[[float], None]
"""Called with the share of one video that is done, 0..1."""

Note = Callable[[str], None]
"""Called with what the user should know of a video that is taken."""


class Models(NamedTuple):
    """The networks, loaded."""

    detect: Detector
    locate: Landmarker


def cut_segments(start: int, stop: int, target: int, least: int) -> list[range]:
    """Frames start..stop in equal runs of about `target` and at least `least`; the few left over are dropped.

    >>> cut_segments(0, 160, 75, 50)
    [range(0, 80), range(80, 160)]
    >>> cut_segments(0, 49, 75, 50)
    []
    """
    count = max(1, min(round((stop - start) / target), (stop - start) // least))
    length = (stop - start) // count
    return (
        [range(start + i * length, start + (i + 1) * length) for i in range(count)] if length >= least else []
    )


class Sightings:
    """Faces in each frame of a video and whether a new shot begins; a repeated frame is searched once."""

    def __init__(self, path: Path, detect: Detector, seen: Callable[[int], None]) -> None:
        self.frames = video.read_frames(path, FPS)
        self.detect = detect
        self.seen = seen
        self.empty: list[bool] = []
        """Whether no face is in a frame, for each frame so far."""

    @property
    def count(self) -> int:
        """Frames so far."""
        return len(self.empty)

    def __iter__(self) -> Iterator[tuple[list[Face], bool]]:
        last: Pixels | None = None
        thumbnail: NDArray[np.float32] | None = None
        faces: list[Face] = []
        for frame in self.frames:
            cut = False
            if frame is not last:
                before, thumbnail = thumbnail, tracking.thumbnail(frame)
                cut = tracking.is_cut(before, thumbnail)
                faces, last = self.detect(frame), frame
            self.empty.append(not faces)
            self.seen(self.count)
            yield faces, cut


def follow_face(sightings: Sightings) -> FaceTrack:
    """The face that is largest for longest; raises where there is none."""
    tracks = tracking.link(sightings, FPS)
    if not tracks:
        raise VideoError(f"faceless: no face in {sightings.count} frames")
    return max(tracks, key=lambda track: track.weight)


def convert(
    source: VideoSource, options: PrepareOptions, models: Models, tick: Tick, note: Note
) -> Iterator[Clip]:
    """The clips of one video, one by one; raises a `VideoError` with the reason where it is refused."""
    if source.identity is None:
        raise VideoError("stands in no identity's folder: move it to SRC/<identity>/")
    header = video.probe(source.path, silent=source.sound is not None)
    heard = heard_of(source, header)
    sound = heard.samples
    expected = (header.duration or len(sound) / SAMPLE_RATE) * FPS
    sightings = Sightings(
        source.path, models.detect, lambda count: tick(PASSES[0] * min(1.0, count / expected))
    )
    track = follow_face(sightings)
    video.check_whole(source.path, header, sightings.count / FPS, heard)
    runs = segments_with_sound(track, sound, options)
    balance = Balance(lost=left_out(sightings, track, len(sound) // SAMPLES, runs))
    faults: Counter[Fault] = Counter()
    landmarks = locate_face(
        source.path, track, models.locate, lambda share: tick(PASSES[0] + PASSES[1] * share)
    )
    for done, segment in enumerate(crop_segments(source.path, track, landmarks, runs, options.size), 1):
        tick(1 - PASSES[2] * (1 - done / len(runs)))
        if wrong := fault(segment.pictures, seen_in(track, segment.run), segment.fresh):
            faults[wrong] += len(segment.run)
            balance.lost[wrong.why] += len(segment.run)
            continue
        balance.kept += len(segment.run)
        yield Clip(
            frames=segment.pictures,
            audio=sound_of(sound, segment.run),
            fps=FPS,
            landmarks=segment.landmarks,
            identity=source.identity,
            utterance=f"{source.utterance}-{segment.run.start:06d}",
        )
    if not balance.kept:
        raise VideoError(faults.most_common(1)[0][0].reason)
    for text in (*header.notes, *heard.notes, *filter(None, [balance.note])):
        note(text)


def heard_of(source: VideoSource, header: Probe) -> Sound:
    """The sound of a film, from its own file where it has one: both then begin at the same moment."""
    if source.sound is None:
        return read_sound(source.path, header.start)
    try:
        return read_sound(source.sound, start_of_sound(source.sound))
    except VideoError as error:
        raise VideoError(f"its sound, {source.sound.name}: {error}") from error


def sound_of(sound: NDArray[np.float32], run: range) -> NDArray[np.float32]:
    """The samples that belong to a run of frames."""
    return sound[run.start * SAMPLES : run.stop * SAMPLES]


def seen_in(track: FaceTrack, run: range) -> NDArray[np.bool_]:
    """Whether the face was seen, for each frame of a run."""
    return track.seen[run.start - track.start : run.stop - track.start]


def segments_with_sound(track: FaceTrack, sound: NDArray[np.float32], options: PrepareOptions) -> list[range]:
    """Runs of frames that become clips: the face is in view and something is heard."""
    stop = max(track.start, min(track.start + len(track), len(sound) // SAMPLES))
    runs = cut_segments(track.start, stop, round(options.seconds * FPS), round(options.min_seconds * FPS))
    if not runs:
        seconds = (stop - track.start) / FPS
        raise VideoError(
            f"too short: a face and sound for {seconds:.2f} s, at least {options.min_seconds:g} are needed"
        )
    heard = [run for run in runs if np.abs(sound_of(sound, run)).max() >= SILENCE]
    if not heard:
        raise VideoError("soundless: digital silence while the face is in view")
    return heard


def left_out(sightings: Sightings, track: FaceTrack, heard: int, runs: list[range]) -> Counter[str]:
    """Frames that are in no run, by the reason; sound lasts for `heard` frames."""
    stop = track.start + len(track)
    outside = sightings.empty[: track.start] + sightings.empty[stop:]
    late = max(0, stop - max(heard, track.start))
    return Counter(
        {
            "without a face": sum(outside),
            "of other shots or faces": len(outside) - sum(outside),
            "past the sound's end": late,
            "silent or left over": len(track) - late - sum(map(len, runs)),
        }
    )


def locate_face(path: Path, track: FaceTrack, locate: Landmarker, tick: Tick) -> NDArray[np.float64]:
    """Landmarks [n, 68, 2] of a track in pixels of the video; raises where the face is too small to be of use."""
    boxes = gaussian_filter1d(track.boxes, BOX_SECONDS * FPS, axis=0, mode="nearest")
    found = np.empty((len(track), 68, 2))
    frames = itertools.islice(video.read_frames(path, FPS), track.start, track.start + len(track))
    for at, frame in enumerate(frames):
        found[at] = locate(frame, boxes[at])
        tick((at + 1) / len(track))
    if not np.isfinite(found).all():
        raise VideoError("the landmarks hold NaN or infinite values")
    if (unit := float(np.median(face_unit(features(found))))) < MIN_FACE:
        raise VideoError(
            f"face too small: {unit:.0f} pixels between the eyes, at least {MIN_FACE:.0f} are needed"
        )
    return found


class Segment(NamedTuple):
    run: range
    pictures: Pixels
    """[T, size, size, 3]."""
    landmarks: NDArray[np.float32]
    """[T, 68, 2] in pixels of the pictures."""
    fresh: int
    """Pictures that do not repeat the one before."""


def crop_segments(
    path: Path, track: FaceTrack, landmarks: NDArray[np.float64], runs: list[range], size: int
) -> Iterator[Segment]:
    """Each run of frames, framed steadily over the whole track."""
    framing = frame_face(landmarks, FPS)
    frames, position = video.read_frames(path, FPS), 0
    for run in runs:
        pictures: list[Pixels] = []
        points: list[NDArray[np.float64]] = []
        last: Pixels | None = None
        fresh = 0
        for number, frame in zip(run, itertools.islice(frames, run.start - position, None), strict=False):
            at = number - track.start
            centre, side = framing.centres[at], float(framing.sides[at])
            pictures.append(extract(frame, centre, side, size))
            points.append(to_crop(landmarks[at], centre, side, size))
            fresh += not repeats(frame, last, track.boxes[at])
            last = frame
        position = run.stop
        yield Segment(run, np.stack(pictures), np.stack(points).astype(np.float32), fresh)
