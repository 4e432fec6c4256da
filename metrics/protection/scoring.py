"""All metrics of a protected portrait's animations beside the clean portrait's.

N clips of F frames of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.bundle import TALKHEAD, Evaluators
from privtalk.metrics.frechet import SetScore, frechet
from privtalk.metrics.identity import identity_similarity
from privtalk.metrics.landmark_distance import landmark_distance, normalised
from privtalk.metrics.lpips import lpips
from privtalk.metrics.protection.audio_control import AUDIO_CONTROL, audio_control, response
from privtalk.metrics.protection.intactness import face_distance, still_psnr
from privtalk.metrics.protection.mouth_energy import mouth_energy
from privtalk.metrics.protection.registry import PROTECTION_METRICS
from privtalk.metrics.psnr import psnr
from privtalk.metrics.readings import ClipPair, Reading
from privtalk.metrics.spool import Spool
from privtalk.metrics.ssim import ssim, ssim_map

Frames = NDArray[np.uint8]
FID = f"v_fid[{TALKHEAD}]"


@dataclass(frozen=True, eq=False, kw_only=True)
class DrivingClip:
    """The clip that drives an animation."""

    landmarks: NDArray[np.floating]
    """[F, 68, 2] of the driving clip, in pixels."""
    audio: NDArray[np.float32] | None
    """[S] the speech; None where there is no sound."""
    fps: float
    opening: NDArray[np.float64]
    """[F] the true opening for this speech."""
    other_opening: NDArray[np.float64]
    """[F] the true opening for the other speech."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AnimatedPortrait:
    """A portrait and what was made of it."""

    portrait: Frames
    """[H, W, 3]."""
    frames: Frames
    """With its speech: [F, H, W, 3] of the whole driving clip, or [K, H, W, 3] at the moments `at`."""
    other: Frames
    """With the other speech, nothing else changed: [K, H, W, 3] at the moments `at`."""
    at: NDArray[np.int64] | None = None
    """[K] the moments of the driving clip that `other` shows; None: all of them."""
    _readings: dict[str, Reading] = field(default_factory=dict, repr=False, init=False)

    def reading(self, name: Literal["frames", "other"], clip: DrivingClip, evaluators: Evaluators) -> Reading:
        """Returns the reading of one of the two animations, made once however often it is compared with others."""
        if name not in self._readings:
            frames: Frames = getattr(self, name)
            at = None if name == "frames" and self.whole(clip) else self.at
            # No window of sound fits frames that are picked out of a clip.
            audio = clip.audio if at is None else None
            self._readings[name] = Reading(
                frames, clip.landmarks, evaluators, audio=audio, fps=clip.fps, at=at
            )
        return self._readings[name]

    def whole(self, clip: DrivingClip) -> bool:
        """Whether `frames` are all of a driving clip's."""
        return self.at is None or len(self.frames) == len(clip.landmarks)


@dataclass
class ProtectionScores:
    """Scores of clips one by one; what is kept does not grow with frames."""

    evaluators: Evaluators
    only: Collection[str] = tuple(PROTECTION_METRICS)
    """The metrics that are computed."""
    scores: list[dict[str, float | None]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Metric -> the last reason why a clip has none."""
    _responses: list[tuple[float, float] | None] = field(default_factory=list)
    _features: dict[str, Spool] = field(default_factory=dict)

    def update(
        self,
        made: AnimatedPortrait,
        clean: AnimatedPortrait,
        clip: DrivingClip,
        whole: AnimatedPortrait | None = None,
    ) -> None:
        """Takes in the animations of a published portrait and of the clean one, both at the same frames.

        `whole`: the clean portrait's animation at all frames, whose mean is the identity that must be kept, the same
        however few frames are animated; None: that of `clean`.
        """
        own, true = (which.reading("frames", clip, self.evaluators) for which in (made, clean))
        person = (whole or clean).reading("frames", clip, self.evaluators)
        values: dict[str, float | None] = {}
        for name, value in self._scorers(made, clean, own, true, person).items():
            if name not in self.only:
                continue
            try:
                values[name] = float(value())
            except Undefined as reason:
                values[name], self.missing[name] = None, str(reason)
        self.scores.append(values)
        try:
            self._responses.append((self._response(made, own, clip), self._response(clean, true, clip)))
        except Undefined as reason:
            self._responses.append(None)
            self.missing[AUDIO_CONTROL.name] = str(reason)
        for key, reading in (("made", own), ("clean", true)) if FID in self.only else ():
            features = reading.features(TALKHEAD)
            self._features.setdefault(key, Spool(features.shape[1])).append(features)

    def compute(self) -> Mapping[str, Sequence[float | None]]:
        """Returns every metric's value of each clip; of a set's metric its share."""
        found: dict[str, Sequence[float | None]] = {
            name: [values.get(name) for values in self.scores] for name in self.only
        }
        sets: dict[str, Callable[[], SetScore]] = {
            AUDIO_CONTROL.name: self._control,
            FID: lambda: frechet(self._features["made"], self._features["clean"]),
        }
        for name, value in sets.items():
            if name not in self.only:
                continue
            try:
                found[name] = value().shares
            except Undefined as reason:
                self.missing[name] = str(reason)
        return found

    def _control(self) -> SetScore:
        known = [found for found in self._responses if found is not None]
        if len(known) < len(self._responses):
            raise Undefined(self.missing[AUDIO_CONTROL.name])
        protected, clean = np.array(known, dtype=np.float64).T
        return audio_control(protected, clean)

    def _response(self, made: AnimatedPortrait, own: Reading, clip: DrivingClip) -> float:
        other = made.reading("other", clip, self.evaluators).opening()
        at = slice(None) if made.at is None else made.at
        opening = own.opening()[at if made.whole(clip) else slice(None)]
        truths = (clip.opening[at][None], clip.other_opening[at][None])
        return float(response(opening[None], other[None], *truths)[0])

    def _scorers(
        self, made: AnimatedPortrait, clean: AnimatedPortrait, own: Reading, true: Reading, person: Reading
    ) -> Mapping[str, Callable[[], float]]:
        photo, original = made.portrait[None], clean.portrait[None]

        def portrait_distance() -> float:
            network = self.evaluators.get("perceptual", TALKHEAD)
            return lpips(network(photo, original))

        def mouth_shift() -> float:
            apart = landmark_distance(own.points(TALKHEAD), true.points(TALKHEAD))
            return normalised(apart, true.where)

        return {
            "mouth_energy": lambda: mouth_energy(own.opening(), true.opening()),
            f"identity_kept[{TALKHEAD}]": lambda: identity_similarity(
                own.faces(TALKHEAD), person.faces(TALKHEAD)
            ),
            f"face_shift[{TALKHEAD}]": lambda: face_distance(own, true, TALKHEAD),
            "still_psnr": lambda: still_psnr(own, true),
            "portrait_psnr": lambda: psnr(photo, original),
            "portrait_ssim": lambda: ssim(ssim_map(photo, original)),
            f"portrait_lpips[{TALKHEAD}]": portrait_distance,
            f"sync[{TALKHEAD}]": lambda: own.sync(TALKHEAD).confidence,
            "v_psnr": lambda: psnr(own.frames, true.frames),
            "v_ssim": lambda: ssim(ClipPair(own, true).similarity()),
            f"m_lmd[{TALKHEAD}]": mouth_shift,
        }
