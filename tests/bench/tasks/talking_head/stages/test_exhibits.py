"""What a run leaves to look at: the first clip of each of a few clients, the same in every row."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.media import write_strip
from privtalk.bench.tasks.talking_head.stages.exhibits import SHARED, SHOWN, chosen, exhibit
from privtalk.bench.tasks.talking_head.stages.generate import Stage
from tests.metrics.toys import face, noise, speech

CLIENTS = ("ann", "ann", "bob", "cid", "bob", "dan", "eve")


def stage_of(clients=CLIENTS):
    truth = tuple(
        Clip(
            frames=noise(k, 10, 32),
            audio=speech(10),
            fps=25.0,
            landmarks=face(10, 32),
            identity=name,
            utterance="hello",
        )
        for k, name in enumerate(clients)
    )
    clips = tuple(f"test-{clients[:k].count(name):02d}" for k, name in enumerate(clients))
    return Stage(scene=SimpleNamespace(), truth=truth, clients=tuple(clients), clips=clips)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    run, stage = tmp_path_factory.mktemp("run"), stage_of()
    stale = run / "artifacts/row/frames/old.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier attempt")
    frames = {k: torch.from_numpy(noise(100 + k, 10, 32)) for k in chosen(stage)}
    return run, stage, frames, exhibit(run, run / "artifacts/row", frames, stage, None)


def test_the_first_clip_of_each_of_the_first_clients_is_chosen():
    assert chosen(stage_of()) == [0, 2, 3, 5]
    assert len(chosen(stage_of())) == SHOWN
    assert chosen(stage_of(("ann", "ann"))) == [0]


def test_nothing_but_the_chosen_clips_is_asked_for(shown):
    _, stage, frames, _ = shown
    assert sorted(frames) == chosen(stage)
    assert len(frames) < len(stage)


def test_names_lead_to_files_of_the_row_and_of_the_truth(shown):
    run, _, _, found = shown
    named = {f"{client}-test-00" for client in ("ann", "bob", "cid", "dan")}
    assert set(found) == {
        f"{row}{kind}"
        for row in ("", "truth/")
        for name in named
        for kind in (f"frames/{name}.png", f"clips/{name}.mp4", f"closeups/{name}.png")
    }
    for name, path in found.items():
        assert (run / path).stat().st_size > 0
        assert path.startswith(SHARED if name.startswith("truth/") else "artifacts/row/")


def test_strips_show_the_clips_that_they_name(shown, tmp_path):
    run, stage, frames, found = shown
    for k, name in ((0, "ann"), (5, "dan")):
        for row, pictures in (("", frames[k].numpy()), ("truth/", stage.truth[k].frames)):
            write_strip(tmp_path / "expected.png", pictures)
            with (
                Image.open(run / found[f"{row}frames/{name}-test-00.png"]) as strip,
                Image.open(tmp_path / "expected.png") as expected,
            ):
                np.testing.assert_array_equal(np.asarray(strip), np.asarray(expected))


def test_what_an_earlier_attempt_left_is_gone(shown):
    run, _, _, found = shown
    left = {path.relative_to(run).as_posix() for path in run.rglob("*.*") if path.is_file()}
    assert left == set(found.values())


def test_true_clips_are_written_once_for_all_rows(shown):
    run, stage, frames, found = shown
    true = [run / path for name, path in found.items() if name.startswith("truth/")]
    before = [path.stat().st_mtime_ns for path in true]
    exhibit(run, run / "artifacts/other", frames, stage, None)
    assert [path.stat().st_mtime_ns for path in true] == before
