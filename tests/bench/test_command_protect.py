"""`bench protect`: a photo comes back protected and whole, and mistakes are one line that writes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privtalk.bench import cli
from privtalk.bench.photos.reading import MARK

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
MODELS, CLIP = SHARED / "models", SHARED / "real" / "retalk_a" / "clip_22fps.mp4"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.fromarray(np.full((80, 80, 3), 120, np.uint8)).save(path)
    return path


def line(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err.strip()


MISTAKES = {
    "a lossy file": (["-o", "{0}/out.jpg"], "written as PNG"),
    "the photo itself": (["-o", "{0}/me.png"], "name another file"),
    "no such method": (["-o", "{0}/out.png", "--method", "cloak"], "unknown protection 'cloak'"),
    "no protection": (["-o", "{0}/out.png", "--method", "unprotected"], "changes nothing"),
    "no such folder": (["-o", "{0}/out.png", "--weights", "{0}/none"], "no such folder"),
    "no run": (["-o", "{0}/out.png", "--board", "{0}/none"], "no run is there"),
    "a folder without networks": (["-o", "{0}/out.png", "--weights", "{0}"], "put the network in it"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(
    name: str, photo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options, said = MISTAKES[name]
    code = cli.guarded(["protect", str(photo), *(o.format(photo.parent) for o in options)])
    told = line(capfd)
    assert code == 2
    assert said in told
    assert told.count("\n") == 0
    assert list(photo.parent.iterdir()) == [photo]


@pytest.mark.skipif(
    not (MODELS.is_dir() and CLIP.is_file()), reason="needs the shared face models and a real clip"
)
def test_a_real_face_is_protected_within_its_budget(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import av

    with av.open(str(CLIP)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    Image.fromarray(frame).save(tmp_path / "me.png")
    out = tmp_path / "out.png"
    asked = [
        "protect",
        str(tmp_path / "me.png"),
        "-o",
        str(out),
        "--weights",
        str(MODELS),
        "--iterations",
        "2",
    ]
    assert cli.guarded(asked) == 0
    said = capfd.readouterr().out
    assert "public voices move the mouth by" in said
    assert "hides nobody's identity" in said
    with Image.open(out) as made:
        assert made.info[MARK] == "silencer, 8/255"
        apart = np.abs(np.asarray(made).astype(int) - frame)
    assert 0 < apart.max() <= 8
    assert (apart.max(-1) == 0).mean() > 0.3  # what lies off the face is left alone
    assert (tmp_path / "out-before-after.png").exists()
    assert cli.guarded(["protect", str(out), "-o", str(tmp_path / "twice.png")]) == 2
    assert "protected already" in line(capfd)
