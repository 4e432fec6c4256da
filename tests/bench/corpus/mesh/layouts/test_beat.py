"""BEAT’s layout: emotions by both ends of a range, whole recordings, weights by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS
from privtalk.bench.corpus.mesh.layouts.beat import BeatLayout, BeatName, beat_emotion, beat_part
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
    MeshFault,
)
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    WEIGHTS,
    taken,
    told,
    write_wav,
)


def beat(folder, stem, *, names=CHANNELS, values=WEIGHTS, times=None):
    folder.mkdir(exist_ok=True)
    frames = [
        {"weights": row.tolist()} | ({} if times is None else {"time": times[k]})
        for k, row in enumerate(values)
    ]
    (folder / f"{stem}.json").write_text(
        json.dumps({"frames": frames} | ({} if names is None else {"names": names}))
    )
    write_wav(folder / f"{stem}.wav", len(values) / 60)
    return folder


@pytest.mark.parametrize(
    ("first", "end", "emotion"),
    [(0, 64, "neutral"), (65, 72, "happy"), (73, 80, "angry"), (81, 86, "sad"), (87, 94, "contemptuous"),
     (95, 102, "surprised"), (103, 110, "afraid"), (111, 118, "disgusted")],
)  # fmt: skip
def test_both_ends_of_a_range_have_its_emotion(first, end, emotion):
    assert {beat_emotion(0, number) for number in range(first, end + 1)} == {emotion}
    with pytest.raises(MeshFault, match="id without an emotion"):
        beat_emotion(0, 119)


def test_conversations_are_neutral():
    assert beat_emotion(1, 70) == "neutral"


def test_beat_splits_as_published():
    parts = [beat_part(1, kind, k) for kind, last in ((0, 118), (1, 12)) for k in range(1, last + 1)]
    assert [parts.count(part) for part in ("train", "validation", "test", "")] == [98, 16, 16, 0]
    parts = [beat_part(5, kind, k) for kind, last in ((0, 118), (1, 12)) for k in range(1, last + 1)]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [18, 4, 12]
    assert [beat_part(speaker, 1, 4) for speaker in (5, 29)] == ["", "train"]


@pytest.mark.parametrize(
    ("name", "role"),
    [(BeatName(1, "a", 0, 9, 16), "train"), (BeatName(1, "a", 0, 1, 8), "test"), (BeatName(5, "a", 0, 1, 8), "test"),
     (BeatName(5, "a", 0, 65, 65), "test"), (BeatName(1, "a", 0, 72, 72), VALIDATION),
     (BeatName(31, "a", 0, 9, 9), OUTSIDE),
     (BeatName(5, "a", 0, 17, 17), OUTSIDE), (BeatName(1, "a", 0, 9, 8), OUTSIDE),
     (BeatName(1, "a", 0, 8, 9), "the recording spans training and other parts of the official split"),
     (BeatName(1, "a", 2, 1, 1), "not English, so not in the official split")],
)  # fmt: skip
def test_a_whole_recording_has_one_role(name, role):
    assert name.role() == role


def test_beat_matches_weights_by_name(tmp_path):
    order = np.random.default_rng(1).permutation(51)
    shuffled = [CHANNELS[k] for k in order]
    renamed = [name[0].upper() + name[1:] for name in shuffled] + ["TongueOut"]
    values = np.column_stack([WEIGHTS[:, order], np.ones(8)])
    folder = beat(tmp_path / "data", "1_wayne_0_66_66", names=renamed, values=values)
    beat(folder / "2", "2_scott_0_72_72")
    layout = BeatLayout()
    assert layout.recognises(folder) is None
    found = taken(layout, folder)["1_wayne_0_66_66"]
    assert (found.identity, found.sentence, found.emotion, found.level) == ("1_wayne", "0_66_66", "happy", 1)
    np.testing.assert_allclose(found.motion(), WEIGHTS[::2], rtol=1e-6)
    assert (layout.face(folder).fps, layout.face(folder).channels) == (30, CHANNELS)
    assert told(layout, folder)["2_scott_0_72_72"] == VALIDATION


def test_beat_without_names_needs_them_told(tmp_path):
    folder = beat(tmp_path / "data", "1_wayne_0_9_9", names=None)
    with pytest.raises(MeshFault, match=r"does not name its weights; list them in names.json"):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()
    (folder / "names.json").write_text(json.dumps(CHANNELS[::-1]))
    np.testing.assert_allclose(
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion(), WEIGHTS[::2, ::-1], rtol=1e-6
    )
    (folder / "names.json").write_text(json.dumps(CHANNELS[1:]))
    with pytest.raises(
        UserError, match=r"names.json: not all of ARKit's weights by name \(no browDownLeft\)"
    ):
        taken(BeatLayout(), folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [("[]", "no frames"), ('{"frames": []}', "no frames"), ("{", "not a readable JSON"),
     ('{"frames": [{"weights": [1]}], "names": ["jawOpen"]}', "not all of ARKit's"),
     ('{"frames": [{"weights": [1, 2]}], "names": ["jawOpen"]}', "another number of weights"),
     ('{"frames": [{"weights": [1]}, {"weights": [1, 2]}], "names": ["jawOpen"]}', "not equally many"),
     ('{"frames": [{"weights": [1, 1]}], "names": ["jawOpen", "JawOpen"]}', "the same name")],
)  # fmt: skip
def test_a_bad_recording_of_beat_is_refused(tmp_path, content, why):
    folder = beat(tmp_path / "data", "1_wayne_0_9_9")
    (folder / "1_wayne_0_9_9.json").write_text(content)
    with pytest.raises(MeshFault, match=why):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()


def test_the_rate_of_beat_is_what_its_times_say(tmp_path):
    lengths = {}
    for rate in (60, 30):
        times = [k / rate for k in range(8)]
        folder = beat(tmp_path / str(rate), "1_wayne_0_9_9", times=times)
        lengths[rate] = len(taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion())
    assert lengths == {60: 4, 30: 8}
    folder = beat(tmp_path / "odd", "1_wayne_0_9_9", times=[k / 10 for k in range(8)])
    with pytest.raises(MeshFault, match="not 60 or 30 a second"):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()


def test_beat_names_the_folder_below(tmp_path):
    beat(tmp_path / "data", "notes")
    (tmp_path / "data" / "1").mkdir()
    beat(tmp_path / "data" / "1", "1_wayne_0_9_9")
    assert (
        BeatLayout().recognises(tmp_path) == f"its recordings stand one level below; name {tmp_path / 'data'}"
    )
