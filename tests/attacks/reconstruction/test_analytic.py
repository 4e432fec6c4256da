"""The closed form of a fully connected layer's input."""

import pytest
import torch
from torch import nn

from privtalk.attacks.reconstruction.analytic import invert_linear
from privtalk.core.seeds import torch_stream


def layer_and_head(seed, dtype=torch.float32):
    generator = torch_stream(seed, "weights")
    layer, head = nn.Linear(192, 32), nn.Linear(32, 10)
    with torch.no_grad():
        for part in (*layer.parameters(), *head.parameters()):
            part.copy_(0.1 * torch.randn(part.shape, generator=generator))
    return layer.to(dtype), nn.Sequential(nn.Tanh(), head.to(dtype))


def gradients_of(x, layer, head):
    loss = nn.functional.cross_entropy(head(layer(x)), torch.full((len(x),), 3))
    return torch.autograd.grad(loss, [layer.weight, layer.bias])


@pytest.mark.parametrize("seed", range(3))
def test_one_image_comes_back_beyond_100_db(seed):
    image = torch.rand(1, 192, generator=torch_stream(seed, "image"))
    made = invert_linear(*gradients_of(image, *layer_and_head(seed)))
    assert -10 * torch.log10((made - image[0]).square().mean()) > 100


def test_of_two_images_only_a_mixture_comes_back():
    images = torch.rand(2, 192, generator=torch_stream(0, "image"))
    made = invert_linear(*gradients_of(images, *layer_and_head(0)))
    assert min((made - image).square().mean() for image in images) > 1e-4


def test_a_dead_layer_and_foreign_shapes_are_refused():
    with pytest.raises(ValueError, match="take another layer"):
        invert_linear(torch.zeros(3, 4), torch.zeros(3))
    with pytest.raises(ValueError, match="of one layer"):
        invert_linear(torch.zeros(3, 4), torch.zeros(4))
