"""Tiny data sets in every layout that `bench data prepare --layout NAME` knows, out of rendered people: what to try the
commands on before the real data set is there.

    python examples/layout_trees.py FOLDER

writes FOLDER/hdtf, FOLDER/lrs3 ... with four people or more and two short films each, in some seconds.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip
from privtalk.bench.corpus.rendered.embedded import character, film

FRAMES = 54
"""Frames a film: two seconds, and some."""
CLIPS = 2
SIZE = 192
"""Pixels a side, so that a face is large enough for detectors."""

Films = list[list[Clip]]
"""The clips by person."""


def main(
    folder: str = "trees", people: int = 4, clips: int = CLIPS, only: str = "", frames: int = FRAMES
) -> None:
    """Writes trees below `folder` in the layouts named by `only`, with commas between them, or in all."""
    filmed = render(people, clips, frames)
    for name, write in TREES.items():
        if not only or name in only.split(","):
            write(Path(folder) / name, filmed)
            print(f"bench data prepare {Path(folder) / name} --layout {name} -o DST")


def render(people: int, clips: int, frames: int = FRAMES, size: int = SIZE) -> Films:
    """Clips of the first clients of the embedded population."""
    cast = [character(0, "clients", index) for index in range(people)]
    return [[film(person, "train", number, frames, size) for number in range(clips)] for person in cast]


def write_film(path: Path, clip: Clip, *, codec: str = "libx264", sound: str | None = "aac") -> None:
    """Writes a clip as a film; without sound where that is None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(codec, rate=Fraction(round(clip.fps)))
        pictures.width = pictures.height = clip.size
        pictures.pix_fmt, pictures.bit_rate = "yuv420p", 1_500_000
        voice: Any = container.add_stream(sound, rate=SAMPLE_RATE, layout="mono") if sound else None
        for number, picture in enumerate(clip.frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, round(clip.fps))
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        if voice is not None:
            _write_sound(container, voice, clip)


def write_sound(path: Path, clip: Clip) -> None:
    """Writes the sound of a clip alone: .m4a or .wav."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        codec = "pcm_s16le" if path.suffix == ".wav" else "aac"
        _write_sound(container, container.add_stream(codec, rate=SAMPLE_RATE, layout="mono"), clip)


def _write_sound(container: Any, voice: Any, clip: Clip) -> None:
    for start in range(0, len(clip.audio), 1024):
        piece = np.ascontiguousarray(clip.audio[None, start : start + 1024])
        block = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        container.mux(voice.encode(block))
    container.mux(voice.encode())


# ---- a tree a layout


def folders(root: Path, filmed: Films) -> None:
    """One folder a person, and a table of people."""
    for person, clips in enumerate(filmed):
        for number, clip in enumerate(clips):
            write_film(root / f"person{person}" / f"take{number}.mp4", clip)
    lines = ["identity,role,language"]
    lines += [f"person{person},,{('english', 'french')[person % 2]}" for person in range(len(filmed))]
    (root / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def grid(root: Path, filmed: Films) -> None:
    """One folder a talker; every other one as it is unpacked, deeper down."""
    for person, clips in enumerate(filmed, 1):
        inner = Path(f"s{person}", "video", "mpg_6000") if person % 2 else Path(f"s{person}")
        for number, clip in enumerate(clips):
            path = root / inner / f"bbaf{number + 1}n.mpg"
            write_film(path, clip, codec="mpeg1video", sound=None)
            write_sound(root / "audio_25k" / f"s{person}" / f"{path.stem}.wav", clip)


def hdtf(root: Path, filmed: Films) -> None:
    """Everything in one folder; the last person is held out."""
    names = [
        (f"WDA_Person{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[person]}", f"RD_Radio{person}")
        for person in range(len(filmed))
    ]
    for person, clips in enumerate(filmed):
        for number, clip in enumerate(clips):
            weekly, radio = names[person]
            name = f"{radio}_{number:03d}" if person % 2 else f"{weekly}{number}_000"
            write_film(root / f"{name}.mp4", clip)
            if person == len(filmed) - 1:
                with (root / "test.txt").open("a", encoding="utf-8") as listed:
                    listed.write(f"{name}\n")


def lrs3(root: Path, filmed: Films) -> None:
    """The last person is in test, the first in pretrain, too."""
    for person, clips in enumerate(filmed):
        part = "test" if person == len(filmed) - 1 else "trainval"
        for number, clip in enumerate(clips):
            path = root / part / f"talk{person}" / f"{50001 + number}.mp4"
            write_film(path, clip)
            path.with_suffix(".txt").write_text("Text:  RENDERED\n", encoding="utf-8")
            if person == 0:
                (root / "pretrain" / "talk0").mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / "pretrain" / "talk0" / f"{number + 1:05d}.mp4")


def mead(root: Path, filmed: Films) -> None:
    """Films without sound, sound beside them, and another view."""
    for person, clips in enumerate(filmed):
        of = root / f"{'MW'[person % 2]}{person + 3:03d}"
        for number, clip in enumerate(clips):
            said = Path("angry", f"level_{number % 3 + 1}", f"{number + 1:03d}")
            write_film(of / "video" / "front" / f"{said}.mp4", clip, sound=None)
            write_sound(of / "audio" / f"{said}.m4a", clip)
            if number == 0:
                write_film(of / "video" / "left_30" / f"{said}.mp4", clip, sound=None)


def ravdess(root: Path, filmed: Films) -> None:
    """Films with sound, and the same without."""
    for person, clips in enumerate(filmed, 1):
        of = root / f"Video_Speech_Actor_{person:02d}" / f"Actor_{person:02d}"
        for number, clip in enumerate(clips):
            rest = f"01-{number % 8 + 1:02d}-01-{number % 2 + 1:02d}-{number // 2 + 1:02d}-{person:02d}"
            write_film(of / f"01-{rest}.mp4", clip)
            if number == 0:
                write_film(of / f"02-{rest}.mp4", clip, sound=None)


def voxceleb2(root: Path, filmed: Films) -> None:
    """Films and sound in two trees; the last person is in test."""
    rows = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "]
    for person, clips in enumerate(filmed):
        part, identity = ("test" if person == len(filmed) - 1 else "dev"), f"id{person + 12:05d}"
        rows.append(f"{identity} ,n{person + 12:06d} ,{'mf'[person % 2]} ,{part} ")
        for number, clip in enumerate(clips):
            below = Path(identity, f"video{number}", f"{number + 1:05d}")
            write_film(root / part / "mp4" / f"{below}.mp4", clip, sound=None)
            write_sound(root / part / "aac" / f"{below}.m4a", clip)
    (root / "vox2_meta.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


TREES: dict[str, Callable[[Path, Films], None]] = {
    "folders": folders,
    "grid": grid,
    "hdtf": hdtf,
    "lrs3": lrs3,
    "mead": mead,
    "ravdess": ravdess,
    "voxceleb2": voxceleb2,
}
"""Layout -> what writes a tree in it."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Tiny data sets of rendered people in every layout")
    parser.add_argument("folder", nargs="?", default="trees", help="folder to write to")
    parser.add_argument("--people", type=int, default=4, help="people of each tree; 6 leave two to be public")
    given = parser.parse_args()
    main(given.folder, given.people)
