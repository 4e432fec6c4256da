"""A clip and what is read from it, each thing once however many metrics ask for it.

T frames of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics import regions
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.bundle import NAMES, TALKHEAD, Evaluators
from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.lip_sync import Sync, lip_sync
from privtalk.metrics.ssim import ssim_map
from privtalk.metrics.warping_error import Motion, true_motion

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Reading:
    """Frames [T, H, W, 3] uint8 of a clip, generated or true, and what networks make of them."""

    frames: Frames
    landmarks: Landmarks
    """[T, 68, 2] pixels, of the true clip: where the face is meant to be."""
    evaluators: Evaluators
    audio: NDArray[np.float32] | None = None
    """[S] at 16 kHz; what the clip is spoken to."""
    fps: float = 25.0
    at: NDArray[np.int64] | None = None
    """[T] the moments that the frames show, where `landmarks` are those of the whole clip: what is placed by a clip's
    middle is placed alike, however few frames are shown. None: landmarks are one a frame."""
    _known: dict[Any, Any] = field(default_factory=dict, repr=False, init=False)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """The result of `make`, or the reason why it has no value, made at the first call."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except Undefined as reason:
                self._known[key] = reason
        found = self._known[key]
        if isinstance(found, Undefined):
            raise Undefined(str(found))
        return found

    @property
    def where(self) -> Landmarks:
        """The frames' landmarks, if all are finite."""
        return self._whole if self.at is None else self._whole[self.at]

    @property
    def _whole(self) -> Landmarks:
        if not np.isfinite(self.landmarks).all():
            raise Undefined("the landmarks are not finite")
        return self.landmarks

    def region(self, name: str) -> NDArray[np.bool_]:
        """[T, H, W] `face` or `mouth`."""
        found = {"face": regions.face_region, "mouth": regions.mouth_region}[name]
        region: NDArray[np.bool_] = self.once(
            ("region", name), lambda: found(self.where, *self.frames.shape[1:3])
        )
        return region

    def opening(self) -> NDArray[np.float64]:
        """[T] mouth opening as read from the pixels, in eye distances."""
        reader = self.evaluators.get("mouth", TALKHEAD)
        moments = () if self.at is None else (self.at,)
        opening: NDArray[np.float64] = self.once(
            "opening", lambda: reader(self.frames, self._whole, *moments)
        )
        return opening

    def points(self, name: str) -> NDArray[np.float64]:
        """[T, 68, 2] landmarks as read from the pixels."""
        reader = self.evaluators.get("landmarks", name)
        points: NDArray[np.float64] = self.once(("points", name), lambda: reader(self.frames, self.where))
        return points

    def faces(self, name: str, every: int = 1) -> NDArray[np.float32]:
        """[T, D] identity embeddings, of every so many frames."""
        embedder = self.evaluators.get("identity", name)
        faces: NDArray[np.float32] = self.once(
            ("faces", name, every), lambda: embedder(self.frames[::every], self.where[::every])
        )
        return faces

    def require_face(self) -> None:
        """Raise `Undefined` where a reader of landmarks that can tell sees no face; one is assumed where none can."""
        if not self.once("shown", self._shows_face):
            raise Undefined("the true frames show no face")

    def _shows_face(self) -> bool:
        for name in NAMES["landmarks"]:
            try:
                judge = getattr(self.evaluators.get("landmarks", name), "shows_face", None)
            except Undefined:
                continue
            if judge is not None:
                return bool(judge(self.frames, self.where))
        return True

    def features(self, name: str) -> NDArray[np.float32]:
        """[T, D] features of frames."""
        embedder = self.evaluators.get("frames", name)
        features: NDArray[np.float32] = self.once(("features", name), lambda: embedder(self.frames))
        return features

    def windows(self, name: str) -> NDArray[np.float32]:
        """[n, D] features of windows."""
        embedder = self.evaluators.get("video", name)
        windows: NDArray[np.float32] = self.once(("windows", name), lambda: embedder(self.frames))
        return windows

    def sync(self, name: str) -> Sync:
        """The mouth against the audio."""
        if self.audio is None:
            raise Undefined("the clip has no audio")
        if len(self.frames) > 1 and (self.frames == self.frames[0]).all():
            raise Undefined("the generated frames do not move")
        network = self.evaluators.get("sync", name)

        def measured() -> Sync:
            heard = self.once(("heard", name), lambda: network.audio(self.audio, len(self.frames), self.fps))
            return lip_sync(network.video(self.frames, self.where), heard)

        if len(self.frames) < network.window:
            raise Undefined(f"{len(self.frames)} frames are too few for sync")
        sync: Sync = self.once(("sync", name), measured)
        return sync

    def motion(self) -> Motion:
        """Optical flow from frame to frame."""
        motion: Motion = self.once("motion", lambda: true_motion(self.frames))
        return motion


@dataclass(frozen=True, eq=False)
class ClipPair:
    """A generated clip beside the true one."""

    generated: Reading
    truth: Reading
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    def similarity(self) -> NDArray[np.float32]:
        """[T, H, W] SSIM's map."""
        if "similarity" not in self._known:
            self._known["similarity"] = ssim_map(self.generated.frames, self.truth.frames)
        similarity: NDArray[np.float32] = self._known["similarity"]
        return similarity

    def perceptual(self, name: str) -> PerceptualDistance:
        """LPIPS's distances by a network."""
        network = self.generated.evaluators.get("perceptual", name)
        if name not in self._known:
            self._known[name] = network(self.generated.frames, self.truth.frames)
        distance: PerceptualDistance = self._known[name]
        return distance


def moving(reading: Reading) -> NDArray[np.float64]:
    """The mouth's opening, unless the frames stand still: what the reader saw then was the moving crop."""
    opening = reading.opening()
    if len(reading.frames) > 1 and (reading.frames == reading.frames[0]).all():
        raise Undefined("the generated frames do not move")
    return opening
