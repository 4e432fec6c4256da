"""A small deferred renderer in compiled loops: z-buffer with barycentrics, per-pixel shading, box filter.

V vertices, F triangles, S = 2 x the picture's side (supersampling), M materials. One core, no fast-math, so that the
same input gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Function = TypeVar("Function", bound=Callable[..., Any])

MATERIAL_FIELDS = ("label", "wrap", "specular", "shininess", "subsurface")
"""Columns of a material table [M, 5]; a label of -1 is read from the texture."""
LIGHT_FIELDS = 15
"""key direction 3, key colour 3, ambient from above 3, from below 3, rim colour 3."""


def compiled(function: Function) -> Function:
    """Numba-compile without fast-math; cached on disk where the installation can be written to."""
    try:
        made = numba.njit(cache=True, fastmath=False, error_model="numpy")(function)
    except RuntimeError:  # numba found no writable place for its cache
        made = numba.njit(fastmath=False, error_model="numpy")(function)
    return cast(Function, made)


@compiled
def vertex_normals(points: Float, faces: NDArray[np.int32], out: Float) -> None:
    """Area-weighted unit normals [V, 3] of `points` [V, 3] into `out`."""
    out[:] = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = math.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


@compiled
def rasterise(
    screen: Float, faces: NDArray[np.int32], depth: Float, face: NDArray[np.int32], bary: Float
) -> None:
    """Nearest front-facing triangle of every sample.

    screen [V, 3]: x, y in samples (y down), nearness (larger is nearer). depth [S, S] and face [S, S] (-1: none) and
    bary [S, S, 2] (weights of the second and third corner) are overwritten.
    """
    side = depth.shape[0]
    depth[:] = -1e9
    face[:] = -1
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, cx, cy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
        area = bx * cy - by * cx
        if area >= -1e-9:
            continue
        low_x = max(0, math.ceil(ax + min(0.0, bx, cx) - 0.5))
        high_x = min(side - 1, math.floor(ax + max(0.0, bx, cx) - 0.5))
        low_y = max(0, math.ceil(ay + min(0.0, by, cy) - 0.5))
        high_y = min(side - 1, math.floor(ay + max(0.0, by, cy) - 0.5))
        inverse = 1.0 / area
        dz_b, dz_c = screen[b, 2] - az, screen[c, 2] - az
        for y in range(low_y, high_y + 1):
            py = y + 0.5 - ay
            for x in range(low_x, high_x + 1):
                px = x + 0.5 - ax
                wb = (px * cy - py * cx) * inverse
                wc = (bx * py - by * px) * inverse
                if wb < 0 or wc < 0 or wb + wc > 1:
                    continue
                z = az + wb * dz_b + wc * dz_c
                if z > depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = f
                    bary[y, x, 0] = wb
                    bary[y, x, 1] = wc


@compiled
def shade(
    face: NDArray[np.int32],
    bary: Float,
    faces: NDArray[np.int32],
    points: Float,
    normals: Float,
    uv: Float,
    colour: Float,
    material: NDArray[np.int32],
    materials: Float,
    texture: Float,
    texture_label: NDArray[np.uint8],
    light: Float,
    eye: Float,
    background: Float,
    out: Float,
    label: NDArray[np.uint8],
) -> None:
    """Shade every sample: wrapped diffuse key, ambient from above and below, rim, specular; linear RGB.

    points [V, 3] in the world, normals [V, 3], uv [V, 2] in texels, colour [V, 4] (linear RGB factor, occlusion),
    material [F], materials [M, 5] (`MATERIAL_FIELDS`), texture [h, w, 3] linear, texture_label [h, w], light [15],
    eye [3] the camera, background [S / 2, S / 2, 3]. Writes out [S, S, 3] and label [S, S].
    """
    side = face.shape[0]
    th, tw = texture.shape[0], texture.shape[1]
    for y in range(side):
        for x in range(side):
            f = face[y, x]
            if f < 0:
                for k in range(3):
                    out[y, x, k] = background[y >> 1, x >> 1, k]
                label[y, x] = 0
                continue
            i, j, k3 = faces[f, 0], faces[f, 1], faces[f, 2]
            wb, wc = bary[y, x, 0], bary[y, x, 1]
            wa = 1 - wb - wc
            nx = wa * normals[i, 0] + wb * normals[j, 0] + wc * normals[k3, 0]
            ny = wa * normals[i, 1] + wb * normals[j, 1] + wc * normals[k3, 1]
            nz = wa * normals[i, 2] + wb * normals[j, 2] + wc * normals[k3, 2]
            inverse = 1 / (math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
            nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
            u = min(max(wa * uv[i, 0] + wb * uv[j, 0] + wc * uv[k3, 0], 0.0), tw - 1.001)
            v = min(max(wa * uv[i, 1] + wb * uv[j, 1] + wc * uv[k3, 1], 0.0), th - 1.001)
            iu, iv = int(u), int(v)
            fu, fv = u - iu, v - iv
            m = material[f]
            tag = materials[m, 0]
            if tag < 0:
                tag = texture_label[iv + (1 if fv >= 0.5 else 0), iu + (1 if fu >= 0.5 else 0)]
            label[y, x] = np.uint8(tag)
            wrap, specular, shininess, scatter = (
                materials[m, 1],
                materials[m, 2],
                materials[m, 3],
                materials[m, 4],
            )
            if tag == 4:
                specular, shininess = specular + 0.08, shininess * 1.5
            vx = eye[0] - (wa * points[i, 0] + wb * points[j, 0] + wc * points[k3, 0])
            vy = eye[1] - (wa * points[i, 1] + wb * points[j, 1] + wc * points[k3, 1])
            vz = eye[2] - (wa * points[i, 2] + wb * points[j, 2] + wc * points[k3, 2])
            inverse = 1 / math.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * inverse, vy * inverse, vz * inverse
            cosine = nx * light[0] + ny * light[1] + nz * light[2]
            hx, hy, hz = vx + light[0], vy + light[1], vz + light[2]
            half = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz)
            shine = specular * math.exp(shininess * (half - 1) * 2) if half > 0 and cosine > -0.2 else 0.0
            facing = max(nx * vx + ny * vy + nz * vz, 0.0)
            rim = (1 - facing) ** 3
            up = 0.5 + 0.5 * ny
            occlusion = wa * colour[i, 3] + wb * colour[j, 3] + wc * colour[k3, 3]
            for k in range(3):
                top = texture[iv, iu, k] * (1 - fu) + texture[iv, iu + 1, k] * fu
                low = texture[iv + 1, iu, k] * (1 - fu) + texture[iv + 1, iu + 1, k] * fu
                albedo = (top * (1 - fv) + low * fv) * (
                    wa * colour[i, k] + wb * colour[j, k] + wc * colour[k3, k]
                )
                soft = wrap + (scatter if k == 0 else scatter * 0.25)
                diffuse = max((cosine + soft) / (1 + soft), 0.0)
                ambient = light[6 + k] * up + light[9 + k] * (1 - up)
                lit = light[3 + k] * diffuse * (0.45 + 0.55 * occlusion) + ambient * occlusion
                lit += light[12 + k] * rim * occlusion
                out[y, x, k] = albedo * lit + shine * light[3 + k] * occlusion


@compiled
def resolve(samples: Float, labels: NDArray[np.uint8], picture: Float, mask: NDArray[np.uint8]) -> None:
    """Box-filter [S, S] samples to [S / 2, S / 2]; the mask takes the commonest label, the larger one on a tie."""
    side = picture.shape[0]
    for y in range(side):
        for x in range(side):
            for k in range(3):
                picture[y, x, k] = 0.25 * (
                    samples[2 * y, 2 * x, k]
                    + samples[2 * y, 2 * x + 1, k]
                    + samples[2 * y + 1, 2 * x, k]
                    + samples[2 * y + 1, 2 * x + 1, k]
                )
            best, most = 0, 0
            for a in range(4):
                tag = labels[2 * y + (a >> 1), 2 * x + (a & 1)]
                count = 0
                for b in range(4):
                    if labels[2 * y + (b >> 1), 2 * x + (b & 1)] == tag:
                        count += 1
                if count > most or (count == most and tag > best):
                    best, most = tag, count
            mask[y, x] = best
