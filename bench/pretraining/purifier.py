"""`bench pretrain purifier`: the pixel-space diffusion model of public people that purifiers use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from privtalk.attacks.purification.pixel_diffusion import (
    MANIFEST,
    MOST_NOISE,
    WEIGHTS,
    PixelDiffusion,
    PixelDiffusionConfig,
)
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.pretraining.pools import Pool, Tell, film
from privtalk.core.files import write_atomic, write_bytes
from privtalk.core.frozen import Frozen
from privtalk.core.seeds import torch_stream
from privtalk.core.tensor_files import tensor_bytes
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.optimise import Optimisation, OptimiserConfig

CHECKED_AT = (25, 50, 100, 150)
"""Timesteps at which people that it never saw are denoised in one step."""


class PurifierRecipe(Frozen):
    """The recipe of the embedded weights."""

    seed: int = 0
    optimiser: OptimiserConfig = OptimiserConfig(steps=3000, batch=32, learning_rate=2e-3)


class PurifierManifest(Frozen):
    """The note beside the weights."""

    config: PixelDiffusionConfig
    sha256: str
    """The hash of the weights' file."""
    trained_on: dict[str, int | str]
    recipe: PurifierRecipe
    curve: list[tuple[int, float]]
    """(step, loss)."""
    validation: dict[str, float]
    """Timestep -> PSNR (dB) of one denoising step on people it never saw, against that of the noisy image."""


def pretrain_purifier(
    out: Path,
    recipe: PurifierRecipe | None = None,
    pool: Pool | None = None,
    workers: int = 2,
    tell: Tell = lambda stage, done, total, loss: None,
    config: PixelDiffusionConfig | None = None,
) -> PurifierManifest:
    """Trains, writes weights (float16) and manifest to `out`, and returns the manifest.

    The checkpoint in ``out/checkpoints`` is where the same call goes on.
    """
    recipe, pool = recipe or PurifierRecipe(), pool or Pool()
    frames = _frames(film(pool.training(), workers, tell))
    model = PixelDiffusion.initial(config or PixelDiffusionConfig(), recipe.seed)
    checkpoint = out / "checkpoints" / WEIGHTS
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    stage = Optimisation(model, recipe.optimiser, checkpoint)

    def loss(step: int) -> Tensor:
        generator = torch_stream(recipe.seed, "purifier", step)
        index = torch.randint(len(frames), (recipe.optimiser.batch,), generator=generator)
        images = to_images(frames[index])
        flipped = torch.rand(len(images), generator=generator) < 0.5
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        t = torch.randint(MOST_NOISE, (len(images),), generator=generator)
        return model.loss(images, t, torch.randn(images.shape, generator=generator)).mean()

    curve = stage.run(loss, lambda step, steps, value: tell("purifier", step, steps, value))
    model.eval().requires_grad_(False)
    written = tensor_bytes({name: t.to("cpu", torch.float16) for name, t in model.state_dict().items()})
    manifest = PurifierManifest(
        config=model.config,
        sha256=hashlib.sha256(written).hexdigest(),
        trained_on={
            "people": pool.people,
            "frames": len(frames),
            "seed": pool.seed,
            "size": pool.size,
            "sha256": hashlib.sha256(frames.numpy().tobytes()).hexdigest(),
        },
        recipe=recipe,
        curve=curve,
        validation=validate(model, _frames(film(pool.validation(), workers, tell))),
    )
    write_bytes(out / WEIGHTS, written)
    write_atomic(out / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    return manifest


@torch.no_grad()
def validate(model: PixelDiffusion, frames: Tensor, count: int = 96) -> dict[str, float]:
    """Returns PSNR (dB) after one denoising step and before it, of frames [P, H, W, 3]."""
    images = to_images(frames[torch.linspace(0, len(frames) - 1, min(count, len(frames))).long()])
    noise = torch.randn(images.shape, generator=torch_stream(0, "purifier", "validate"))
    found: dict[str, float] = {}
    for t in CHECKED_AT:
        a, s = model.rates(t)
        noisy = a * images + s * noise
        clean = ((noisy - s * model(noisy, torch.full((len(images),), t))) / a).clamp(-1, 1)
        found[f"psnr at {t}"] = _psnr(clean, images)
        found[f"psnr at {t}, noisy"] = _psnr((noisy / a).clamp(-1, 1), images)
    return found


def _psnr(a: Tensor, b: Tensor) -> float:
    return float(10 * torch.log10(4 / (a - b).square().mean()))


def _frames(clips: Sequence[Clip]) -> Tensor:
    """uint8 [P, H, W, 3] all frames."""
    return torch.cat([torch.from_numpy(clip.frames) for clip in clips])
