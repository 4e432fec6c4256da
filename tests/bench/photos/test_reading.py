from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privtalk.bench.photos.reading import MARK, read_photo, write_photo
from privtalk.core.errors import UserError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_plain_photo_is_read_as_it_is(tmp_path: Path) -> None:
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(PIXELS)))
    assert (photo.pixels == PIXELS).all()
    assert photo.alpha is None
    assert photo.notes == ()


def test_exif_turns_the_photo(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera lay on its side: turn by 90 degrees clockwise
    photo = read_photo(saved(tmp_path / "a.png", image, exif=exif))
    assert (photo.pixels == np.rot90(PIXELS, -1)).all()
    assert photo.notes == ("turned as its EXIF data says",)


def test_greyscale_becomes_colour_and_says_so(tmp_path: Path) -> None:
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(PIXELS[..., 0])))
    assert (photo.pixels == PIXELS[..., :1]).all()
    assert photo.notes == ("greyscale, written in colour",)


def test_transparency_is_kept_through_reading_and_writing(tmp_path: Path) -> None:
    alpha = RNG.integers(0, 256, (60, 80), dtype=np.uint8)
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(np.dstack([PIXELS, alpha]))))
    assert photo.alpha is not None
    write_photo(tmp_path / "b.png", photo.pixels, photo.alpha, "silencer, 8/255")
    with Image.open(tmp_path / "b.png") as written:
        assert (np.asarray(written) == np.dstack([PIXELS, alpha])).all()
        assert written.info[MARK] == "silencer, 8/255"


def animated(path: Path) -> None:
    Image.fromarray(PIXELS).save(path, save_all=True, append_images=[Image.fromarray(255 - PIXELS)])


def cut(path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(PIXELS).save(whole, format="PNG")
    path.write_bytes(whole.getvalue()[:2000])


REFUSED = {
    "animated.gif": (animated, "animated file of 2 pictures"),
    "deep.png": (lambda p: Image.fromarray(np.zeros((64, 64), np.uint16)).save(p), "more than 8 bits"),
    "tiny.png": (lambda p: Image.fromarray(PIXELS[:20]).save(p), "each side needs 48"),
    "text.png": (lambda p: p.write_text("hello"), "cannot be read as a photo"),
    "cut.png": (cut, "cannot be read as a photo"),
    "marked.png": (lambda p: write_photo(p, PIXELS, None, "mist, 4/255"), "protected already (mist, 4/255)"),
    "absent.png": (lambda p: None, "no such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    make, reason = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(UserError) as error:
        read_photo(tmp_path / name)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_huge_picture_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privtalk.bench.photos.reading.MOST_PIXELS", 4000)
    with pytest.raises(UserError, match="at most 4,000 are read"):
        read_photo(saved(tmp_path / "a.png", Image.fromarray(PIXELS)))


def test_a_photo_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dimension"):
        write_photo(tmp_path / "b.png", PIXELS, PIXELS[:2, :2, 0], "x")
    assert list(tmp_path.iterdir()) == []
