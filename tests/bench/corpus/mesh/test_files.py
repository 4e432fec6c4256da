"""Files that layouts share: templates in all forms, regions and notes; nothing that is pickled is opened."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts.files import (
    MeshTemplates,
    open_array,
    read_motion,
    read_notes,
    read_regions,
    templates_absent,
)
from privtalk.bench.corpus.mesh.layouts.meshes import read_vertices
from privtalk.bench.corpus.mesh.layouts.recordings import MeshFault
from privtalk.core.errors import UserError

POINTS = np.arange(12, dtype=np.float32).reshape(4, 3) / 4
HEAD = (
    "ply\nformat {kind} 1.0\ncomment a face\nelement vertex 4\n{fields}"
    "element face 1\nproperty list uchar int k\nend_header\n"
)
AXES = "property float x\nproperty float y\nproperty float z\n"


class Bomb:
    """An object whose unpickling leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_ply_of_text_and_of_bytes_and_obj_give_the_same_vertices(tmp_path):
    text = "\n".join(" ".join(map(str, row)) for row in POINTS)
    (tmp_path / "a.ply").write_text(HEAD.format(kind="ascii", fields=AXES) + text + "\n3 0 1 2\n")
    packed = np.zeros(4, [("red", "u1"), ("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    packed["x"], packed["y"], packed["z"] = POINTS.T
    head = HEAD.format(kind="binary_little_endian", fields="property uchar red\n" + AXES)
    (tmp_path / "b.ply").write_bytes(head.encode() + packed.tobytes() + b"\x03\0\0\0\0")
    rows = "\n".join(f"v {x} {y} {z}" for x, y, z in POINTS)
    (tmp_path / "c.obj").write_text(f"# face\n{rows}\nvn 0 0 1\nf 1 2 3\n")
    for name in ("a.ply", "b.ply", "c.obj"):
        np.testing.assert_allclose(read_vertices(tmp_path / name), POINTS)


@pytest.mark.parametrize(
    "text", ["", "ply\n", "plx\nend_header\n", HEAD.format(kind="ascii", fields=AXES) + "1 2 3\n",
             HEAD.format(kind="ascii", fields="property float x\n") + "1\n" * 4]
)  # fmt: skip
def test_a_broken_ply_is_refused(tmp_path, text):
    (tmp_path / "a.ply").write_text(text)
    with pytest.raises(MeshFault, match=r"not a readable .ply or .obj file \(a.ply\)"):
        read_vertices(tmp_path / "a.ply")


def test_one_bad_template_refuses_its_person_alone(tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    np.save(folder / "ann.npy", POINTS)
    np.save(folder / "ben.npy", POINTS)
    np.save(folder / "cut.npy", POINTS[:3])
    np.save(folder / "nan.npy", POINTS * np.nan)
    (folder / "ply.ply").write_text("ply\n")
    found = MeshTemplates(tmp_path)
    assert (sorted(found.points), found.vertices) == (["ann", "ben"], 4)
    found.check("ann")
    for name, why in [
        ("cut", "another number of vertices (3, not 4)"),
        ("nan", "finite"),
        ("ply", "readable"),
        ("zoe", "no"),
    ]:
        with pytest.raises(MeshFault) as fault:
            found.check(name)
        assert why in str(fault.value)


def test_pickles_are_never_opened(tmp_path):
    trap = tmp_path / "sprung"
    (tmp_path / "templates.pkl").write_bytes(pickle.dumps(Bomb(trap)))
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Bomb(trap)))
    np.save(tmp_path / "objects.npy", np.array([Bomb(trap)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "templates.npz", ann=np.array([Bomb(trap)], dtype=object))
    for name in ("plain.npy", "objects.npy"):
        with pytest.raises(MeshFault, match=r"not a readable \.npy file of plain numbers"):
            open_array(tmp_path / name)
    with pytest.raises(UserError, match="plain numbers"):
        MeshTemplates(tmp_path)
    (tmp_path / "templates.npz").unlink()
    assert "templates.pkl is a pickle, which is never opened; save templates.npz" in str(
        templates_absent(tmp_path)
    )
    assert not trap.exists()


def test_motion_is_read_flat_or_not_and_thinned(tmp_path):
    moved = np.random.default_rng(0).normal(size=(5, 4, 3))
    np.save(tmp_path / "flat.npy", moved.reshape(5, 12))
    np.save(tmp_path / "deep.npy", moved)
    np.save(tmp_path / "odd.npy", moved.reshape(5, 12)[:, :11])
    np.testing.assert_allclose(read_motion(tmp_path / "flat.npy"), moved, rtol=1e-6)
    np.testing.assert_allclose(read_motion(tmp_path / "deep.npy", 2), moved[::2], rtol=1e-6)
    with pytest.raises(MeshFault, match=r"not \[T, V \* 3\] \(\[5, 11\]\)"):
        read_motion(tmp_path / "odd.npy")


def test_regions_stand_in_the_folder_or_beside_it(tmp_path):
    source = tmp_path / "data"
    source.mkdir()
    with pytest.raises(UserError, match=r'no regions.json in it.*supply {"lips": .*numbers from 0 to 5'):
        read_regions(source, 6)
    (tmp_path / "regions.json").write_text(json.dumps({"lips": [2, 0], "upper": [1], "eyes": [5]}))
    assert read_regions(source, 6).lips.tolist() == [0, 2]


@pytest.mark.parametrize("lips", [None, [], [6], [-1], [1, 1], [True], [0.5], "0"])
def test_regions_must_be_numbers_of_vertices(tmp_path, lips):
    (tmp_path / "regions.json").write_text(json.dumps({"lips": lips, "upper": [1], "eyes": [5]}))
    with pytest.raises(UserError, match="lips must list numbers of vertices, each once, from 0 to 5"):
        read_regions(tmp_path, 6)


@pytest.mark.parametrize("text", ["{", '{"fps": 0}', '{"fpz": 25}', '{"fps": NaN}'])
def test_notes_that_cannot_be_read_are_one_line(tmp_path, text):
    (tmp_path / "about.json").write_text(text)
    with pytest.raises(UserError, match=r"about.json: ") as error:
        read_notes(tmp_path)
    assert "\n" not in str(error.value)
