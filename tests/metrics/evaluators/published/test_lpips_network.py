"""LPIPS against the package's own forward, on the same random trunk."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from privtalk.metrics.evaluators.published.lpips_network import Lpips

import lpips  # isort: skip
import torchvision  # isort: skip

BUILDERS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


@pytest.fixture(scope="module", params=BUILDERS)
def trunk(request, tmp_path_factory):
    """A net's name, and a file of torchvision's names with random weights that keep the signal's size."""
    generator = torch.Generator().manual_seed(0)
    network = getattr(torchvision.models, BUILDERS[request.param])(weights=None)
    state = {}
    for name, value in network.features.state_dict().items():
        scale = (2 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
        state[f"features.{name}"] = scale * torch.randn(value.shape, generator=generator)
    path = tmp_path_factory.mktemp("trunk") / f"{request.param}.pth"
    torch.save(state | {"classifier.1.weight": torch.zeros(2, 2)}, path)
    return request.param, path


@pytest.fixture(scope="module")
def oracle(trunk):
    """The package's network, its trunk filled by torchvision's own names."""
    net, path = trunk
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = torch.load(path, weights_only=True)
    with torch.no_grad():
        for name, value in network.net.named_parameters():
            value.copy_(state["features." + name.split(".", 1)[1]])
    return network


def clip(seed, frames=3, height=64, width=48):
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), np.uint8)


def test_whole_and_map_are_the_packages(trunk, oracle):
    ours, theirs = clip(0), clip(1)
    result = Lpips(*trunk)(ours, theirs)
    with torch.no_grad():
        pair = [torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 for frames in (ours, theirs)]
        whole = oracle(*pair, normalize=True)[:, 0, 0, 0].numpy()
        oracle.spatial = True
        by_place = oracle(*pair, normalize=True)[:, 0].numpy()
        oracle.spatial = False
    assert whole.min() > 0.01, "the oracle tells these frames apart"
    assert result.whole.shape == (3,)
    assert result.map.shape == (3, 64, 48)
    np.testing.assert_allclose(result.whole, whole, rtol=0, atol=1e-5)
    np.testing.assert_allclose(result.map, by_place, rtol=0, atol=1e-5)


def test_equal_frames_have_no_distance_and_batches_do_not_matter(trunk, monkeypatch):
    network = Lpips(*trunk)
    ours, theirs = clip(0, 5), clip(1, 5)
    theirs[3] = ours[3]
    whole = network(ours, theirs).whole
    assert whole[3] == 0
    assert (np.delete(whole, 3) > 0).all()
    monkeypatch.setattr("privtalk.metrics.evaluators.published.lpips_network.BATCH", 2)
    np.testing.assert_allclose(network(ours, theirs).whole, whole, rtol=1e-5)


def test_the_map_shows_where_frames_differ(trunk):
    ours = clip(0, 1, 96, 96)
    theirs = ours.copy()
    theirs[:, :24, :24] = 255 - theirs[:, :24, :24]
    by_place = Lpips(*trunk)(ours, theirs).map[0]
    assert by_place[:48, :48].mean() > 3 * by_place[48:, 48:].mean()


def test_building_one_leaves_the_global_generator_alone(trunk):
    before = torch.get_rng_state()
    Lpips(*trunk)
    assert torch.equal(torch.get_rng_state(), before)


def test_other_files_are_one_line(trunk, tmp_path):
    net, path = trunk
    other = next(name for name in BUILDERS if name != net)
    with pytest.raises(ValueError, match=rf"{path}: no weights of the LPIPS trunk {other} \(") as refused:
        Lpips(other, path)
    assert "\n" not in str(refused.value)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.pth: no weights that can be read"):
        Lpips(net, tmp_path / "text.pth")


def test_objects_in_a_file_are_never_built(tmp_path):
    class Harm:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").touch, ())

    torch.save({"features.0.weight": Harm()}, tmp_path / "harm.pth")
    with pytest.raises(ValueError, match=r"harm\.pth: no weights that can be read"):
        Lpips("alex", tmp_path / "harm.pth")
    assert not tmp_path.joinpath("harm").exists()


def test_clips_of_different_size_are_refused(trunk):
    with pytest.raises(ValueError, match="both must be alike"):
        Lpips(*trunk)(clip(0), clip(1, 2))
