"""The camera: a look and a performance become frames, landmarks and masks.

T frames of `size` x `size` pixels; V vertices; S = 2 size samples a side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.rendered import figure as figures
from privtalk.bench.corpus.rendered import head as heads
from privtalk.bench.corpus.rendered import rasteriser
from privtalk.bench.corpus.rendered.face_mesh import HEAD_HEIGHT
from privtalk.bench.corpus.rendered.figure import FigureMesh
from privtalk.bench.corpus.rendered.look import Look
from privtalk.bench.corpus.rendered.materials import linear
from privtalk.bench.corpus.rendered.sensor import Sensor

DISTANCE = 80.0
"""From the camera to the plane of the face, centimetres."""
FACE_PLANE = 8.0
FRAME_HEIGHT = 24.6
"""Height of the picture in the plane of the face, centimetres."""
CENTRE_Y = -0.45
"""Height that the camera looks at."""
PIVOT = np.array([0.0, -7.5, -1.0])
"""The point that the head turns about."""
BODY_SHARE = 0.35
"""Share of the head's translation that the shoulders follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The frame that the camera saw, and what is known about it."""

    frames: NDArray[np.uint8]
    """[T, size, size, 3] RGB."""
    landmarks: NDArray[np.float32]
    """[T, 68, 2] x, y in pixels, (0, 0) the top-left corner of the picture."""
    masks: NDArray[np.uint8]
    """[T, size, size] index into `clip.MASK_LABELS`."""


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """[3, 3] head rotation: yaw turns to the picture's right, pitch up, roll anticlockwise (as seen)."""
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@rasteriser.compiled
def pose_points(
    points: rasteriser.Float, body: rasteriser.Float, turn: NDArray[np.float64], pivot: NDArray[np.float64],
    shift: NDArray[np.float64], share: float,
) -> None:  # fmt: skip
    """Turn points [V, 3] about the pivot and shift them, in place, less where `body` [V] is larger."""
    for v in range(points.shape[0]):
        free = 1 - body[v]
        x, y, z = points[v, 0] - pivot[0], points[v, 1] - pivot[1], points[v, 2] - pivot[2]
        follow = free + body[v] * share
        for k in range(3):
            turned = pivot[k] + turn[k, 0] * x + turn[k, 1] * y + turn[k, 2] * z
            points[v, k] = free * turned + body[v] * points[v, k] + follow * shift[k]


def project(points: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """World points [..., 3], centimetres, to x, y in pixels and nearness [..., 3]."""
    scale = size / FRAME_HEIGHT * DISTANCE / (DISTANCE + FACE_PLANE - points[..., 2])
    x = size / 2 + scale * points[..., 0]
    y = size / 2 - scale * (points[..., 1] - CENTRE_Y)
    return np.stack([x, y, points[..., 2]], -1).astype(np.float32)


def backdrop(look: Look, size: int) -> NDArray[np.float32]:
    """[size, size, 3] linear RGB behind the person: a gradient and a few blurred shapes."""
    top, bottom, shapes = (linear(c) for c in look.backdrop)
    rng = np.random.Generator(np.random.PCG64(look.backdrop_seed))
    x, y = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
    out = top + (bottom - top) * y[..., None]
    for _ in range(int(rng.integers(2, 6))):
        cx, cy, wide, tall = rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 0.9), *rng.uniform(0.08, 0.35, 2)
        blob = np.exp(-(((x - cx) / wide) ** 4 + ((y - cy) / tall) ** 4)) * rng.uniform(0.15, 0.6)
        out += (shapes - out) * blob[..., None]
    return out.astype(np.float32)


def _light(look: Look) -> NDArray[np.float32]:
    light = look.light
    return np.array([*light.direction, *light.key, *light.above, *light.below, *light.rim], dtype=np.float32)


def develop(
    picture: NDArray[np.float32], look: Look, rng: np.random.Generator, sensor: Sensor | None = None
) -> NDArray[np.uint8]:
    """Linear RGB [size, size, 3] to 8-bit sRGB: sensor, white balance, tone curve, gamma, noise."""
    taken = picture if sensor is None else sensor.sense(picture)
    gamma = look.camera.gamma if sensor is None else look.camera.gamma * sensor.gamma
    value = taken * np.asarray(look.camera.balance, dtype=np.float32)
    value = np.clip(value, 0, None)
    value = value * (1 + value * 0.12) / (1 + value * 0.55)
    value = np.clip(value * 1.25, 0, 1) ** np.float32(gamma / 2.2)
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(look.camera.noise)
    return np.clip(value * 255 + noise + 0.5, 0, 255).astype(np.uint8)


class _Canvas:
    """Buffers of one picture."""

    def __init__(self, size: int, vertices: int) -> None:
        side = 2 * size
        self.depth = np.empty((side, side), dtype=np.float32)
        self.face = np.empty((side, side), dtype=np.int32)
        self.bary = np.empty((side, side, 2), dtype=np.float32)
        self.samples = np.empty((side, side, 3), dtype=np.float32)
        self.labels = np.empty((side, side), dtype=np.uint8)
        self.normals = np.empty((vertices, 3), dtype=np.float32)
        self.picture = np.empty((size, size, 3), dtype=np.float32)


def render(
    look: Look,
    performance: Performance,
    size: int = 64,
    *,
    rng: np.random.Generator,
    figure: FigureMesh | None = None,
    sensor: Sensor | None = None,
) -> Rendered:
    """Film a performance. The generator is used for the camera's noise alone.

    `figure`: ``figure.build(look)``, given where several performances of one person are filmed. `sensor`: the kind of
    camera; None takes light as it is.
    """
    figure = figure or figures.build(look)
    moved = heads.animate(figure.head, performance)
    return film_vertices(look, moved, performance.pose, size, rng=rng, figure=figure, sensor=sensor)


def film_vertices(
    look: Look,
    moved: NDArray[np.float32],
    pose: NDArray[np.float32],
    size: int,
    *,
    rng: np.random.Generator,
    figure: FigureMesh,
    sensor: Sensor | None = None,
) -> Rendered:
    """Film head vertices [T, V, 3] in centimetres, however they came about, with the head's pose [T, 6]."""
    count = len(moved)
    canvas = _Canvas(size, len(figure.body))
    behind, light = backdrop(look, size), _light(look)
    frames = np.empty((count, size, size, 3), dtype=np.uint8)
    masks = np.empty((count, size, size), dtype=np.uint8)
    landmarks = np.empty((count, 68, 2), dtype=np.float32)
    for t in range(count):
        points = posed(figure, moved[t], pose[t])
        screen = _draw(figure, points, canvas, behind, light, masks[t])
        landmarks[t] = screen[heads.LANDMARK_VERTICES, :2] / 2
        frames[t] = develop(canvas.picture, look, rng, sensor)
    return Rendered(frames=frames, landmarks=landmarks, masks=masks)


def posed(figure: FigureMesh, points: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.float32]:
    """World vertices [V, 3] of the figure for one frame of head vertices and one pose [6]."""
    out = figures.place(figure, points)
    angles = pose.astype(np.float64)
    turn = rotation(angles[0], angles[1], angles[2])
    pose_points(out, figure.body, turn, PIVOT, angles[3:] * HEAD_HEIGHT, BODY_SHARE)
    return out


def _draw(
    figure: FigureMesh, points: NDArray[np.float32], canvas: _Canvas, behind: NDArray[np.float32],
    light: NDArray[np.float32], mask: NDArray[np.uint8],
) -> NDArray[np.float32]:  # fmt: skip
    """Draw one frame into the canvas and `mask`; returns the vertices on the sample grid."""
    screen = project(points, canvas.depth.shape[0])
    eye = np.array([0.0, CENTRE_Y, DISTANCE + FACE_PLANE], dtype=np.float32)
    rasteriser.vertex_normals(points, figure.faces, canvas.normals)
    rasteriser.rasterise(screen, figure.faces, canvas.depth, canvas.face, canvas.bary)
    rasteriser.shade(
        canvas.face, canvas.bary, figure.faces, points, canvas.normals, figure.uv, figure.colour, figure.material,
        figure.materials, figure.paint.texture, figure.paint.label, light, eye, behind, canvas.samples, canvas.labels,
    )  # fmt: skip
    rasteriser.resolve(canvas.samples, canvas.labels, canvas.picture, mask)
    return screen
