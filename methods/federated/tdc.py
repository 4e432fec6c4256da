"""Temporal-denoising consistency (PrivFedTalk, arXiv 2604.08037): the prediction error must not flicker.

TDC = mean |(ε̂_{f+1} − ε̂_f) − (ε_{f+1} − ε_f)| over a window's frames. It is zero for any error that all frames share.
"""

from __future__ import annotations

from torch import Tensor


def differences(frames: Tensor) -> Tensor:
    """[N, F - 1, ...] from each frame to the next, of `frames` [N, F, ...]."""
    return frames[:, 1:] - frames[:, :-1]


def temporal_consistency(predicted: Tensor, noise: Tensor) -> Tensor:
    """[N] mean absolute difference of frame-to-frame differences; `predicted` ε̂ and `noise` ε, both [N, F, C, h, w].

    Windows of one frame have no differences: 0.
    """
    if predicted.shape[1] < 2:
        return predicted.new_zeros(len(predicted))
    return (differences(predicted) - differences(noise)).abs().flatten(1).mean(1)
