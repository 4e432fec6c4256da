"""Private steps: limits that are identities, and what a client's own steps depend on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, adapted, joined
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig, FederationConfig, PersonalisationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import train_stacked
from privtalk.methods.federation.personalisation import PrivateTraining, take_steps

LATE = AdapterConfig(rank=3, alpha=12.0, targets=("up_blocks.1.attentions.1.*.to_v",))
WHOLE = PersonalisationConfig(steps=(1, 3))
ADDED = PersonalisationConfig(steps=(1, 3), part="added", adapter=LATE)


def moved(bank: AdapterBank, k: int = 1, seed: int = 3) -> AdapterBank:
    """K adapters with B not zero."""
    noise = torch.randn(k, bank.dim, generator=torch.Generator().manual_seed(seed))
    return bank.unflatten(bank.flatten() + 0.05 * noise)


@pytest.fixture
def training(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
):
    def make(using: PersonalisationConfig = WHOLE, start: AdapterBank | None = None, of=clients, **change):
        own = config.model_copy(update=change)
        begun = moved(template) if start is None else start
        return PrivateTraining.of(backbone, begun, of, using, own, stream)

    return make


@pytest.mark.parametrize("using", [WHOLE, ADDED], ids=["whole", "added"])
def test_no_steps_are_the_released_adapter(training, using, template):
    own = training(using)
    found = own.bank(take_steps(own, (0, 2)).theta[0])
    if using is WHOLE:
        assert torch.equal(found.flatten(), moved(template).flatten().expand(5, -1))
    for name, factors in own.start.factors.items():
        product = factors.b @ factors.a * own.start.config.scale
        same = found.factors[name]
        torch.testing.assert_close(same.b @ same.a * found.config.scale, product.expand(5, -1, -1))


@pytest.mark.parametrize("using", [WHOLE, ADDED], ids=["whole", "added"])
def test_steps_go_on_from_one_count_to_the_next(training, using):
    own = training(using)
    both, later = take_steps(own, (1, 3)), take_steps(own, (3,))
    assert torch.equal(both.theta[3], later.theta[3])
    assert not torch.equal(both.theta[1], both.theta[3])
    assert len(both.loss) == 3
    assert all(loss > 0 for loss in both.loss)


@pytest.mark.parametrize("using", [WHOLE, ADDED], ids=["whole", "added"])
def test_a_clients_steps_are_its_own_whoever_else_takes_some(training, using, clients):
    """Also of clients that start from adapters of their own."""
    calm = {"optimizer": "sgd", "lr": 0.5}  # Adam amplifies rounding
    start = moved(training().start, 5)
    together = take_steps(training(using, start, **calm), (3,)).theta[3]
    alone = take_steps(training(using, start.select([3]), clients[3:4], **calm), (3,)).theta[3]
    torch.testing.assert_close(together[3:4], alone, rtol=1e-3, atol=1e-5)
    other = take_steps(training(using, start.select([2]), clients[3:4], **calm), (3,)).theta[3]
    if using is WHOLE:
        assert (other - alone).abs().max() > 1e-3


def test_an_added_part_begins_at_the_loss_of_what_it_is_added_to(training):
    """Its B is 0: the first step's loss is the released adapter's, on the same windows and noise."""
    whole, added = (take_steps(training(using), (1,)).loss[0] for using in (WHOLE, ADDED))
    assert added == pytest.approx(whole, rel=1e-5)
    bare = replace(
        training(ADDED), start=training(ADDED).start.unflatten(0 * training(ADDED).start.flatten())
    )
    assert take_steps(bare, (1,)).loss[0] != pytest.approx(whole, rel=1e-5)


def test_an_added_part_leaves_the_released_adapter_as_it_is(training):
    own = training(ADDED)
    before = own.start.flatten().clone()
    steps = take_steps(own, (3,))
    assert torch.equal(own.start.flatten(), before)
    assert steps.theta[3].shape == (5, own.added.dim)
    assert (steps.theta[3] - own.first).abs().max() > 1e-3
    only = own.bank(steps.theta[3])
    late = [name for name in only.factors if name in own.added.factors]
    assert len(late) == 2
    for name in set(only.factors) - set(late):
        assert torch.equal(only.factors[name].b[:, :, 2:], torch.zeros_like(only.factors[name].b[:, :, 2:]))


def test_a_whole_part_is_local_training_of_so_many_steps(training, backbone, template, clients, config):
    """The stacked pass that federated rounds use, on the streams of private steps."""
    own = training()
    steps = take_steps(own, (4,))
    plan = own.config.model_copy(update={"local_steps": 4})
    start = own.first.contiguous()
    same = train_stacked(backbone, template, start, clients, plan, FedAvg(), own.stream, 0)
    assert torch.equal(same.theta, steps.theta[4])
    torch.testing.assert_close(same.loss.double().mean(), torch.tensor(steps.loss).double().mean())


def test_rows_of_a_seed_see_the_same_windows_and_noise(training, template, stream, monkeypatch):
    from privtalk.methods.federation import personalisation

    seen: list[torch.Tensor] = []
    real = personalisation.draw

    def drawn(*arguments):
        found = real(*arguments)
        seen.append(found.noise)
        return found

    monkeypatch.setattr(personalisation, "draw", drawn)
    take_steps(training(start=moved(template, seed=1)), (2,))
    take_steps(training(start=moved(template, seed=2)), (2,))
    half = len(seen) // 2
    assert all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))


def test_two_adapters_joined_do_what_they_do_together(backbone, template, clients, stream):
    late = moved(AdapterBank.initial(backbone.denoiser, LATE, stream), 2, seed=5)
    wide = moved(
        AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=1, targets=("*.to_out.0",)), stream)
    )
    layers = dict(backbone.denoiser.named_modules())
    for first, second in ((moved(template), late), (late, moved(template, 2)), (wide, late)):
        both = joined(first, second)
        assert len(both) == 2
        for name in both.factors:
            x = torch.randn(2, 7, layers[name].in_features, generator=torch.Generator().manual_seed(1))
            with adapted(backbone.denoiser, first), adapted(backbone.denoiser, second):
                apart = layers[name](x)
            with adapted(backbone.denoiser, both):
                together = layers[name](x)
            torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


def test_late_layers_need_no_gradient_before_them(training, backbone, monkeypatch):
    """The graph begins at the first trained layer."""
    kept = []
    first = dict(backbone.denoiser.named_modules())["mid_block.attentions.0.transformer_blocks.0.attn1.to_v"]
    handle = first.register_forward_hook(lambda layer, inputs, output: kept.append(output.requires_grad))
    try:
        take_steps(training(ADDED), (1,))
        assert kept
        assert not any(kept)
        kept.clear()
        take_steps(training(WHOLE), (1,))
        assert all(kept)
    finally:
        handle.remove()


def test_it_has_its_own_rate_and_windows(training):
    using = WHOLE.model_copy(update={"lr": 0.5, "windows": 2, "window_frames": 2})
    own = training(using)
    assert (own.config.lr, own.config.windows, own.config.window_frames) == (0.5, 2, 2)
    assert (training().config.lr, training().config.windows) == (0.02, 1)
    faster = replace(own, config=own.config.model_copy(update={"lr": 1.0, "optimizer": "sgd"}))
    assert not torch.equal(take_steps(own, (1,)).theta[1], take_steps(faster, (1,)).theta[1])


@pytest.mark.parametrize(
    ("steps", "said"), [((0, 4), "from 1"), ((4, 4), "must rise"), ((8, 4), "must rise"), ((-1,), "from 1")]
)
def test_counts_that_are_none_are_refused(steps, said):
    with pytest.raises(ValueError, match=said):
        PersonalisationConfig(steps=steps)
