"""One photo as pixels, or one line that says why not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from privtalk.core.errors import UserError

Pixels = NDArray[np.uint8]
MARK = "privtalk-protection"
"""The key of a PNG's text by which a protected photo is known."""
MOST_PIXELS = 100_000_000
LEAST_SIDE = 48
"""Pixels below which no face can be read."""
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of more than 8 bits a colour."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, upright."""

    pixels: Pixels
    """[H, W, 3] RGB."""
    alpha: Pixels | None
    """[H, W] of a photo with transparency."""
    notes: tuple[str, ...]
    """The changes that reading made to what was on disk."""


def read_photo(path: Path) -> Photo:
    """Returns the photo in a file, turned as its EXIF data says; a `UserError` in one line where it is none.

    Greyscale becomes colour and transparency is kept beside it. Animated files, more than 8 bits a colour, and
    pictures that are too small or too large are refused, as is one that is protected already: a second perturbation
    on top would break the first one's budget.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; name a photo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check(path, image)
                return _read(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, UserError):
            raise
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path}: cannot be read as a photo ({line}); give a PNG, JPEG or WebP") from error


def _check(path: Path, image: Image.Image) -> None:
    width, height = image.size
    pictures = int(getattr(image, "n_frames", 1))
    if pictures > 1:
        raise UserError(f"{path}: an animated file of {pictures} pictures; save one of them and give that")
    if image.mode in DEEP:
        raise UserError(f"{path}: more than 8 bits a colour ({image.mode}); save it with 8 and give that")
    if width * height > MOST_PIXELS:
        raise UserError(
            f"{path}: {width} x {height} pixels, at most {MOST_PIXELS:,} are read; make it smaller"
        )
    if min(width, height) < LEAST_SIDE:
        raise UserError(
            f"{path}: {width} x {height} pixels, each side needs {LEAST_SIDE}; give the photo as it was taken"
        )
    if MARK in image.info:
        raise UserError(f"{path}: protected already ({image.info[MARK]}); give the photo from before")


def _read(image: Image.Image) -> Photo:
    notes = []
    upright = ImageOps.exif_transpose(image)
    if upright.size != image.size or image.getexif().get(0x0112, 1) != 1:
        notes.append("turned as its EXIF data says")
    if image.mode in ("L", "LA", "1"):
        notes.append("greyscale, written in colour")
    alpha = None
    if "A" in upright.getbands() or "transparency" in image.info:
        alpha = np.asarray(upright.convert("RGBA").getchannel("A"), dtype=np.uint8)
        notes.append("transparency is kept")
    return Photo(np.asarray(upright.convert("RGB"), dtype=np.uint8), alpha, tuple(notes))


def write_photo(path: Path, pixels: Pixels, alpha: Pixels | None, said: str) -> None:
    """Writes a PNG that says of itself that it is protected, whole or not at all."""
    from PIL.PngImagePlugin import PngInfo

    from privtalk.core.files import partial

    shown = Image.fromarray(pixels if alpha is None else np.dstack([pixels, alpha]))
    info = PngInfo()
    info.add_text(MARK, said)
    with partial(path) as part:
        shown.save(part, format="PNG", pnginfo=info)
