"""Whether a picture shows a face where one is looked for, judged by a reader of landmarks.

A reader answers with a face's points whatever it is shown. But shown a face, it finds the points where the face is,
wherever its crop lies; shown none, it finds them where they usually are in the crop. So the crop is moved a little to
either side, up and down, and it is measured by how much of that the points follow: 0 for a face, 1 where there is none.

Measured, medians over clips, by talkhead: rendered faces -.07 to .10 (150 clips of 64 and 128 px); black, grey, white,
noise, coloured blocks, gradients, faces upside down, beside the crop or blurred away .77 to 1.31 (220 clips). By PFLD:
faces of seven real videos -.02 to .04; none .60 to 1.48, but for faces upside down (.13 to .91), which it finds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.evaluators.crops.face_crop import across_and_down, eye_axis
from privtalk.metrics.evaluators.protocols import Frames, LandmarkReader, Landmarks
from privtalk.metrics.regions import eye_distance

STEP = 0.08
"""By which the crop is moved to each side, in eye distances."""
FOLLOWED = 0.35
"""Share of the move from which the points follow the crop and not a face; midway between .10 and .60."""
LOOKED_AT = 8
"""Frames of a clip, evenly spaced."""


def shows_face(reader: LandmarkReader, frames: Frames, landmarks: Landmarks) -> bool:
    """Whether most of the frames [T, H, W, 3] have a face where `landmarks` [T, 68, 2] say."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(LOOKED_AT, len(frames))).round().astype(int))
    share = followed(reader, frames[chosen], landmarks[chosen])
    return bool(np.median(share) < FOLLOWED)


def followed(reader: LandmarkReader, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
    """[T] share of the crop's move that the points make too."""
    points = landmarks.astype(np.float64)
    along = eye_axis(points)
    step = STEP * eye_distance(landmarks)
    shares = [_share(reader, frames, points, step * way) for way in (along, across_and_down(along))]
    return np.mean(shares, 0)


def _share(
    reader: LandmarkReader, frames: Frames, points: NDArray[np.float64], move: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[T] of moves [T, 2] to both sides."""
    ahead, back = (reader(frames, points + way[:, None]) for way in (move, -move))
    moved = (ahead - back).mean(1)
    share: NDArray[np.float64] = (moved * move).sum(1) / (2 * (move * move).sum(1))
    return share
