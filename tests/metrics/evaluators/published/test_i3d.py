"""The windows, the scaling and the resizing, on a TorchScript network that shows what it was given."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from privtalk.metrics.evaluators.published.i3d import I3D


class Shows(torch.nn.Module):
    """400 numbers: the arguments, the shape, the extremes, and the first values of three frames' first row."""

    def forward(
        self,
        x: torch.Tensor,
        rescale: bool = True,
        resize: bool = True,
        return_features: bool = False,
    ) -> torch.Tensor:
        said = torch.zeros(x.shape[0], 400)
        said[:, 0] = float(rescale) + 2 * float(resize) + 4 * float(return_features)
        for axis in range(4):
            said[:, 1 + axis] = x.shape[1 + axis]
        said[:, 5] = x.flatten(1).min(1)[0]
        said[:, 6] = x.flatten(1).max(1)[0]
        said[:, 10:26] = x[:, 1, :, 0, 0]
        said[:, 26:250] = x[:, 2, 0, 100]
        return said


def saved(network: torch.nn.Module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(network).save(str(path))
    return path


@pytest.fixture
def network(tmp_path):
    return I3D(saved(Shows(), tmp_path / "i3d.pt"))


def clip(frames):
    return np.random.default_rng(0).integers(0, 256, (frames, 12, 10, 3), np.uint8)


@pytest.mark.parametrize(("frames", "windows"), [(0, 0), (15, 0), (16, 1), (47, 2), (80, 5)])
def test_windows_that_fit(network, frames, windows):
    features = network(clip(frames))
    assert features.shape == (windows, network.dim) == (windows, 400)
    assert features.dtype == np.float32


def test_the_network_gets_scaled_resized_windows_in_order(network):
    frames = clip(40)
    frames[:, 0, 0, 1] = np.arange(40)
    frames[0, 4:7], frames[1, 4:7] = 255, 0
    said = network(frames)
    assert (said[:, 0] == 4).all(), "rescale=False, resize=False, return_features=True"
    assert (said[:, 1:5] == (3, 16, 224, 224)).all()
    np.testing.assert_allclose(said[0, 5:7], [-1, 1], atol=1e-6)
    np.testing.assert_allclose(said[:, 10:26].ravel(), np.arange(32) / 127.5 - 1, atol=1e-6)


def test_the_resizing_is_bilinear_between_pixel_centres(network):
    frames = clip(16)
    at = (np.arange(224) + 0.5) * 10 / 224 - 0.5
    row = (100 + 0.5) * 12 / 224 - 0.5
    above, share = int(row), row - int(row)
    line = (1 - share) * frames[0, above, :, 2] + share * frames[0, above + 1, :, 2]
    np.testing.assert_allclose(
        network(frames)[0, 26:250], np.interp(at, range(10), line) / 127.5 - 1, atol=1e-4
    )


def test_other_files_are_one_line(tmp_path):
    path = tmp_path / "text.pt"
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.pt: no TorchScript archive of I3D$"):
        I3D(path)


def test_other_features_are_refused(tmp_path):
    class Short(Shows):
        def forward(
            self,
            x: torch.Tensor,
            rescale: bool = True,
            resize: bool = True,
            return_features: bool = False,
        ) -> torch.Tensor:
            return x.flatten(1)[:, :399]

    with pytest.raises(ValueError, match=r"I3D gave \(1, 399\) features, not \(1, 400\)"):
        I3D(saved(Short(), tmp_path / "short.pt"))(clip(16))
