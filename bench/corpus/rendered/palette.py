"""The kinds of people, places and cameras that looks are made of, and how often each world has them."""

from __future__ import annotations

from typing import Literal

World = Literal["public", "broad"]
"""`public`: the pre-training pool; `broad`: clients and held-out people, with kinds that the pool lacks."""
Colour = tuple[float, float, float]
"""RGB, 0..1; sRGB unless said otherwise."""

SKINS: dict[str, Colour] = {
    "very_light": (0.95, 0.80, 0.72),
    "light": (0.90, 0.73, 0.62),
    "medium": (0.80, 0.61, 0.49),
    "tan": (0.69, 0.50, 0.38),
    "brown": (0.53, 0.36, 0.27),
    "dark": (0.38, 0.25, 0.19),
}
HAIRS: dict[str, Colour] = {
    "black": (0.12, 0.10, 0.10),
    "dark_brown": (0.24, 0.16, 0.12),
    "brown": (0.38, 0.26, 0.18),
    "red": (0.55, 0.27, 0.14),
    "blond": (0.78, 0.62, 0.40),
    "grey": (0.60, 0.59, 0.58),
    "white": (0.86, 0.85, 0.83),
}
EYES: tuple[Colour, ...] = ((0.24, 0.14, 0.08), (0.34, 0.21, 0.11), (0.36, 0.42, 0.28), (0.36, 0.50, 0.62))
CLOTHES: tuple[Colour, ...] = (
    (0.16, 0.20, 0.32), (0.22, 0.22, 0.24), (0.86, 0.85, 0.82), (0.50, 0.16, 0.18), (0.20, 0.38, 0.32),
    (0.36, 0.50, 0.66), (0.62, 0.52, 0.40), (0.46, 0.34, 0.50), (0.80, 0.62, 0.30), (0.55, 0.66, 0.58),
)  # fmt: skip
BACKDROPS: dict[str, tuple[Colour, Colour, Colour]] = {
    "studio_grey": ((0.62, 0.64, 0.66), (0.46, 0.48, 0.50), (0.70, 0.71, 0.73)),
    "studio_blue": ((0.44, 0.56, 0.68), (0.28, 0.38, 0.50), (0.54, 0.66, 0.78)),
    "room_warm": ((0.72, 0.64, 0.54), (0.52, 0.43, 0.35), (0.86, 0.78, 0.62)),
    "foliage": ((0.52, 0.64, 0.46), (0.28, 0.40, 0.27), (0.74, 0.80, 0.58)),
    "night": ((0.13, 0.14, 0.22), (0.09, 0.09, 0.13), (0.52, 0.36, 0.26)),
    "bright_wall": ((0.88, 0.88, 0.86), (0.78, 0.77, 0.75), (0.94, 0.93, 0.90)),
    "plum": ((0.48, 0.32, 0.46), (0.28, 0.18, 0.30), (0.66, 0.44, 0.54)),
}
WEIGHTS: dict[World, dict[str, dict[str, float]]] = {
    "public": {
        "hair": {"buzz": 1, "short": 3, "parted": 3, "bob": 2, "long": 2, "bun": 1, "bald": 0.3, "fringe": 0.6},
        "hair_colour": {"black": 2, "dark_brown": 3, "brown": 3, "blond": 1.5, "grey": 0.5},
        "beard": {"none": 17, "stubble": 2, "full": 1},
        "glasses": {"none": 18, "round": 1, "square": 1},
        "skin": {"very_light": 1, "light": 2, "medium": 2, "tan": 1.5, "brown": 1, "dark": 0.7},
        "background": {"studio_grey": 3, "studio_blue": 3, "bright_wall": 1, "room_warm": 1.5},
        "light": {"frontal": 4, "soft_left": 2, "soft_right": 2},
        "camera": {"neutral": 1},
    },
    "broad": {
        "hair": {
            "bald": 1.2, "buzz": 1, "short": 1.5, "parted": 1.2, "fringe": 1.5, "curly": 2, "bob": 1, "long": 1.5,
            "bun": 1, "beanie": 1.5, "headscarf": 1.5,
        },
        "hair_colour": {"black": 2, "dark_brown": 1.5, "brown": 1.5, "red": 1.5, "blond": 1.2, "grey": 1.2, "white": 1},
        "beard": {"none": 4, "stubble": 1.5, "moustache": 1, "goatee": 1.2, "full": 2.5},
        "glasses": {"none": 1, "round": 0.6, "square": 0.6},
        "skin": {"very_light": 1, "light": 1.5, "medium": 1.5, "tan": 1.5, "brown": 1.5, "dark": 1.3},
        "background": {"studio_grey": 1, "room_warm": 1.5, "foliage": 1.5, "night": 1.5, "bright_wall": 1, "plum": 1.2},
        "light": {"frontal": 1, "hard_left": 1.5, "hard_right": 1.5, "warm": 1.2, "cold": 1.2, "overhead": 0.8},
        "camera": {"neutral": 1, "warm": 1, "cool": 1, "flat": 1, "contrasty": 1},
    },
}  # fmt: skip
"""Frequencies of the named choices. Clients (`broad`) share the kinds of the public pool and add their own."""


BUILDS: dict[str, dict[str, float]] = {
    "even": {},
    "angular": {"jaw": 0.7, "neck": 0.7, "brow_ridge": 0.8, "chin": 0.5, "nose_height": 0.3, "lip_upper": -0.4},
    "soft": {
        "jaw": -1.2, "neck": -1.5, "brow_ridge": -1.0, "eye_size": 0.8, "lip_upper": 0.6, "lip_lower": 0.6,
        "chin": -0.5, "nose_width": -0.6, "nose_height": -0.5, "width": -0.4, "length": -0.3,
    },
}  # fmt: skip
"""Means of the shape coefficients."""

LIGHTS: dict[str, tuple[Colour, Colour, float, float]] = {
    # towards the light; colour; strength of the key and of the surroundings
    "frontal": ((0.1, 0.35, 0.93), (1.0, 0.98, 0.95), 0.62, 0.50),
    "soft_left": ((-0.50, 0.40, 0.77), (1.0, 0.97, 0.93), 0.68, 0.46),
    "soft_right": ((0.50, 0.40, 0.77), (1.0, 0.97, 0.93), 0.68, 0.46),
    "hard_left": ((-0.84, 0.28, 0.46), (1.0, 0.96, 0.90), 0.92, 0.32),
    "hard_right": ((0.84, 0.28, 0.46), (1.0, 0.96, 0.90), 0.92, 0.32),
    "warm": ((0.45, 0.25, 0.85), (1.18, 0.88, 0.60), 0.72, 0.36),
    "cold": ((-0.40, 0.35, 0.85), (0.74, 0.93, 1.20), 0.72, 0.36),
    "overhead": ((0.05, 0.80, 0.60), (1.0, 1.0, 0.98), 0.85, 0.34),
}


CAMERAS: dict[str, tuple[Colour, float]] = {
    "neutral": ((1.0, 1.0, 1.0), 1.0),
    "warm": ((1.12, 1.0, 0.84), 1.0),
    "cool": ((0.88, 1.0, 1.14), 1.0),
    "flat": ((1.0, 1.0, 1.0), 0.84),
    "contrasty": ((1.02, 1.0, 0.98), 1.22),
}
