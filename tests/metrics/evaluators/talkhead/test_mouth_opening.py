"""The mouth reader: NumPy against torch, files, and a fit on drawn mouths."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.metrics.evaluators.crops.mouth_crop import COLUMNS, ROWS, standardised
from privtalk.metrics.evaluators.fitting import mouth_fitting
from privtalk.metrics.evaluators.fitting.mouth_fitting import FitConfig, fit, validate
from privtalk.metrics.evaluators.talkhead.mouth_opening import MouthReader
from privtalk.metrics.regions import mouth_opening

SIZE, T = 48, 20
QUICK = FitConfig(channels=(6, 8), width=12, epochs=24, batch=32, rate=1e-2, light=0.2)


def stream(*names):
    return torch_stream(5, *names)


def person(index):
    """(frames, landmarks): a dark ellipse that opens and closes on a face of one's own colour, place and mouth."""
    rng = np.random.default_rng(index)
    skin, lips, inside = rng.uniform(90, 230, 3), rng.uniform(80, 140, 3), rng.uniform(5, 50, 3)
    centre, wide = np.array([24, 32]) + rng.uniform(-2, 2, 2), rng.uniform(3.5, 5.5)
    half = np.maximum(rng.uniform(-0.5, 2.5, T), 0)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    across, down = ((x - centre[0]) / wide) ** 2, np.abs(y - centre[1])
    arch = np.sqrt(np.maximum(1 - across, 0))
    opened = np.clip(half[:, None, None] * arch - down + 0.5, 0, 1)[..., None] * (across < 1)[..., None]
    lip = np.clip((half[:, None, None] + 1.5) * arch - down + 0.5, 0, 1)[..., None] * (across < 1)[..., None]
    frames = skin * (1 - lip) + lips * (lip - np.minimum(opened, lip)) + inside * np.minimum(opened, lip)
    points = np.zeros((T, 68, 2), np.float32)
    points[:, 36], points[:, 45], points[:, 31:36] = (14, 18), (34, 18), (24, 26)
    points[:, 48:68] = centre
    points[:, 48, 0], points[:, 54, 0] = centre[0] - wide, centre[0] + wide
    points[:, 61:64, 1] -= half[:, None]
    points[:, 65:68, 1] += half[:, None]
    return np.rint(frames).astype(np.uint8), points


def people(indices):
    return zip(*(person(i) for i in indices), strict=True)


@pytest.fixture(scope="module")
def reader():
    return fit(*people(range(24)), stream, QUICK)


def test_numpy_reads_what_torch_reads():
    network = mouth_fitting._network(FitConfig(), torch.Generator().manual_seed(0))
    images = torch.randn(5, ROWS, COLUMNS, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(images.permute(0, 3, 1, 2))[:, 0].numpy()
    read = mouth_fitting._exported(network, 5.0, 0.5).read(images.numpy())
    np.testing.assert_allclose(read, np.maximum(5.0 + 0.5 * expected, 0), rtol=1e-5)


def test_unseen_people_are_read(reader):
    result = validate(reader, *people(range(100, 112)))
    assert result.correlation > 0.88
    assert result.error < 0.5 * result.spread
    assert result.clips == 12


def test_the_reading_comes_from_pixels_and_not_from_landmarks(reader):
    """A frozen face under a driving clip whose mouth moves reads as a constant."""
    frames, points = person(100)
    assert mouth_opening(points).std() > 0.05
    frozen = np.repeat(frames[:1], T, 0)
    assert np.ptp(reader(frozen, points)) == 0


def test_one_generator_one_reader():
    one, again = (fit(*people(range(4)), stream, replace(QUICK, epochs=2)) for _ in range(2))
    for weights in vars(one):
        np.testing.assert_array_equal(getattr(one, weights), getattr(again, weights))


def test_files_keep_the_reader(reader, tmp_path):
    reader.save(tmp_path / "reader.npz")
    frames, points = person(100)
    loaded = MouthReader.load(tmp_path / "reader.npz")
    np.testing.assert_array_equal(loaded(frames, points), reader(frames, points))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "evil.npz").write_bytes(pickle.dumps({"a": 1}))
    np.savez(tmp_path / "partial.npz", bias1=np.zeros(3))
    np.savez(tmp_path / "objects.npz", bias1=np.array([{}], dtype=object))
    for name in ("evil", "partial", "objects", "absent"):
        with pytest.raises(ValueError, match=rf"{name}.npz: no mouth reader"):
            MouthReader.load(tmp_path / f"{name}.npz")


def test_flat_frames_read_as_one_value(reader):
    flat = standardised(np.full((3, ROWS, COLUMNS, 3), 80, np.float32))
    assert np.ptp(reader.read(flat)) == 0


def test_silent_clips_cannot_validate(reader):
    frames, points = person(100)
    with pytest.raises(ValueError, match="no clip has a moving mouth"):
        validate(reader, [frames], [np.repeat(points[:1], T, 0)])
