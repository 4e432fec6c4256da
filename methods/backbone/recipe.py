"""The recipe by which a backbone is trained."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from privtalk.methods.backbone.optimise import OptimiserConfig


class BackboneRecipe(BaseModel):
    """The published recipe; its values made the embedded weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    autoencoder: OptimiserConfig = OptimiserConfig(steps=1000, batch=32, learning_rate=1e-3)
    denoiser: OptimiserConfig = OptimiserConfig(steps=4500, batch=96, learning_rate=1.5e-3)
    further: OptimiserConfig = OptimiserConfig(steps=3000, batch=96, learning_rate=1e-3)
    """The denoiser's optimisation where it goes on from other weights."""
    further_autoencoder: OptimiserConfig = OptimiserConfig(steps=0, batch=32, learning_rate=3e-4)
    """The autoencoder's, where it goes on before the denoiser does; no steps: it stays as it is."""
    divergence_weight: float = 1e-5
    absolute_weight: float = 0.05
    detail_weight: float = 3.0
    """Extra weight of pixels at eyes and mouth."""
    nearby_reference: float = 0.25
    """Share of references taken one to three frames earlier in the same clip (for progressive sampling)."""
    masked: float = 0.2
    """Share of samples of the in-painting track."""
    identity_weight: float = 0.02
    """Weight of the contrastive loss of the identity encoder."""
    synchrony_weight: float = 0.02
    """Weight of the contrastive loss of lips and speech, which moves their encoder alone."""
