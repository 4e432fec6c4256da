"""From a decoded frame to RGB as an SDR screen shows it (BT.709).

SDR in BT.709 or near it passes as it is. HDR is brought to SDR as BT.2408 lays down: reference white, 203 cd/m2, is
SDR's white, and what is brighter is rolled off; wide primaries (BT.2020, P3) are brought to those of BT.709. What
cannot be read rightly is refused by name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from privtalk.bench.corpus.video.media import VideoError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

HDR = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}

UNREAD = {
    ColorTrc.LINEAR: "linear light",
    ColorTrc.LOG: "logarithmic",
    ColorTrc.LOG_SQRT: "logarithmic",
    ColorTrc.SMPTE428: "SMPTE 428",
}
"""Transfer functions that are neither SDR's nor known here."""

KNOWN = frozenset(range(ColorTrc.ARIB_STD_B67 + 1))
"""Numbers of transfer functions that have a meaning; 0 and 3 are reserved, and stand for none given."""

MATRICES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 9})
"""Matrices from YUV to RGB that the scaler knows (0: it is RGB); it reads any other as BT.601 without a word."""

HDR_DATA = (
    Type.MASTERING_DISPLAY_METADATA,
    Type.CONTENT_LIGHT_LEVEL,
    Type.DYNAMIC_HDR_PLUS,
    Type.DYNAMIC_HDR_VIVID,
    Type.DOVI_METADATA,
    Type.DOVI_RPU_BUFFER,
)
"""Side data that only HDR has a use for."""

BT2020 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)
P3 = np.array([[1.224940, -0.224940, 0], [-0.042057, 1.042057, 0], [-0.019638, -0.078636, 1.098274]])
TO_BT709 = {ColorPrimaries.BT2020: BT2020, ColorPrimaries.SMPTE431: P3, ColorPrimaries.SMPTE432: P3}
"""Light in wide primaries to light in BT.709's; the white of cinema's P3 is taken for D65."""

UNNAMED = ColorPrimaries.UNSPECIFIED

LUMINANCE = np.array([[0.2627, 0.6780, 0.0593]])
"""Luminance of BT.2020's primaries."""

WHITE = 203.0
"""cd/m2 of HDR's reference white (BT.2408)."""

PEAK = 1000.0 / WHITE
"""Brightest light that is told from white: the nominal peak of HLG, and of the mastering of most PQ."""

KNEE = 0.8
"""Light, white being 1, up to which nothing is changed: .91 of the signal."""

GAMMA = 2.4
"""The exponent of an SDR screen (BT.1886)."""


def rgb(frame: Any, width: int) -> Pixels:
    """The frame as RGB [H, W, 3], `width` pixels wide."""
    _check(frame)
    hdr = frame.color_trc in HDR
    # HDR that does not name its primaries has those of its standard.
    named = frame.color_primaries if frame.color_primaries != UNNAMED or not hdr else ColorPrimaries.BT2020
    matrix = TO_BT709.get(named)
    if matrix is None and not hdr:
        plain: Pixels = frame.to_ndarray(format="rgb24", width=width, height=frame.height, threads=1)
        return plain
    signal = frame.to_ndarray(format="rgb48le", width=width, height=frame.height, threads=1)
    return _shown(_light(signal, frame.color_trc), frame.color_trc, matrix)


def notes(frame: Any) -> tuple[str, ...]:
    """The notes on a film that has such frames."""
    name = HDR.get(frame.color_trc)
    return () if name is None else (f"HDR ({name}), tone-mapped to SDR",)


def _check(frame: Any) -> None:
    """Raise where the frame's colours cannot be read rightly."""
    transfer = frame.color_trc
    if transfer in UNREAD or transfer not in KNOWN:
        name = UNREAD.get(transfer, f"number {transfer}")
        raise VideoError(f"its transfer function ({name}) is not that of SDR, HLG or PQ: convert it to SDR")
    if frame.colorspace not in MATRICES and not frame.format.is_rgb:
        raise VideoError(f"its colour matrix (number {frame.colorspace}) is not known: convert it to BT.709")
    if transfer == ColorTrc.UNSPECIFIED and (data := _hdr_data(frame)):
        raise VideoError(f"HDR by its {data}, but it names no transfer function: convert it to SDR")


def _hdr_data(frame: Any) -> str | None:
    """Name of side data that says that the frame is HDR."""
    found = (kind for kind in HDR_DATA if frame.side_data.get(kind) is not None)
    return next((kind.name.lower().replace("_", " ") for kind in found), None)


def _light(signal: NDArray[np.uint16], transfer: int) -> Floats:
    """Light on the screen in the film's primaries, white being 1."""
    light: Floats = _table(transfer)[signal]
    if transfer == ColorTrc.ARIB_STD_B67:
        # HLG says what was before the camera; the screen's own curve (BT.2100's OOTF) works on the luminance.
        luminance = cv2.transform(light, LUMINANCE)
        light *= PEAK * cv2.pow(luminance, 0.2).reshape(*light.shape[:2], 1)
    return light


def _shown(light: Floats, transfer: int, matrix: NDArray[np.float64] | None) -> Pixels:
    """The SDR signal, 0..255, of light in the film's primaries."""
    if matrix is not None:
        light = np.asarray(cv2.transform(light, matrix), np.float32)
    # Above 0, for OpenCV's power is slow at 0; .05 of a level at most.
    np.maximum(light, 1e-9, out=light)
    if transfer in HDR:
        red, green, blue = cv2.split(light)
        brightest = np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)
        light *= (rolled_off(brightest) / brightest)[..., None]
    signal = cv2.pow(np.minimum(light, 1, out=light), 1 / GAMMA)
    return np.asarray(cv2.convertScaleAbs(signal, alpha=255), np.uint8)


def rolled_off(light: Floats) -> Floats:
    """Light above the knee bent so that the peak becomes white; below it nothing changes.

    >>> rolled_off(np.array([0.5, 0.8, PEAK])).round(3).tolist()
    [0.5, 0.8, 1.0]
    """
    above, most = np.maximum(light - KNEE, 0) / (1 - KNEE), (PEAK - KNEE) / (1 - KNEE)
    bent = above * (1 + above / most**2) / (1 + above)
    return np.where(light > KNEE, KNEE + (1 - KNEE) * bent, light)


@lru_cache(maxsize=4)
def _table(transfer: int) -> Floats:
    """[65536] light of each 16-bit signal: of the scene for HLG, on the screen otherwise."""
    signal = np.arange(65536) / 65535
    curve = {ColorTrc.SMPTE2084: _pq, ColorTrc.ARIB_STD_B67: _hlg}.get(ColorTrc(transfer), _sdr)
    return curve(signal).astype(np.float32)


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 table 4."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    return 10000 / WHITE * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 table 5."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _sdr(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(signal**GAMMA)
