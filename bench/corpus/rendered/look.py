"""How a person and the camera look: one frozen record, and the two worlds it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from privtalk.bench.corpus.rendered.palette import (
    BACKDROPS,
    BUILDS,
    CAMERAS,
    CLOTHES,
    EYES,
    HAIRS,
    LIGHTS,
    SKINS,
    WEIGHTS,
    Colour,
    World,
)

SHAPES = (
    "width", "length", "jaw", "chin", "chin_forward", "cheeks", "cheekbones", "brow_ridge", "eye_spacing", "eye_size",
    "eye_tilt", "nose_length", "nose_width", "nose_height", "nose_hump", "nose_tip", "mouth_width", "lip_upper",
    "lip_lower", "neck",
)  # fmt: skip
"""Shape coefficients, each about N(0, 1) and within -2.2..2.2; 0 is the template (see `identity.warp`)."""

HAIR_STYLES = (
    "bald",
    "buzz",
    "short",
    "parted",
    "fringe",
    "curly",
    "bob",
    "long",
    "bun",
    "beanie",
    "headscarf",
)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square")
NECKLINES = ("crew", "vee", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Key light and surroundings."""

    direction: Colour
    """Unit vector towards the key light: x right, y up, z to the camera."""
    key: Colour
    """Linear RGB strength of the key light."""
    above: Colour
    """Linear RGB of the surroundings above; `below` of those below."""
    below: Colour
    rim: Colour
    """Linear RGB that grazing surfaces pick up."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Sensor: linear RGB -> picture."""

    balance: Colour
    """White-balance gains."""
    gamma: float
    """Exponent that multiplies the standard 1 / 2.2; below 1 is brighter."""
    noise: float
    """Standard deviation of the sensor's noise in 8-bit steps."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything about a person's picture that does not change with time."""

    shape: Mapping[str, float]
    """Coefficient of each of `SHAPES`."""
    build: str
    """"angular", "soft" or "even": the tendency that the shape coefficients were drawn with."""
    skin: Colour
    skin_name: str
    eyes: Colour
    brow_colour: Colour
    brow_thickness: float
    """0.6..1.5 of the template's."""
    lips: Colour
    hair: str
    """One of `HAIR_STYLES`."""
    hair_colour: Colour
    hair_name: str
    hairline: float
    """-1 low .. 1 receding."""
    beard: str
    """One of `BEARDS`, in the hair's colour."""
    glasses: str
    """One of `GLASSES`."""
    glasses_colour: Colour
    clothing: Colour
    neckline: str
    """One of `NECKLINES`."""
    backdrop: tuple[Colour, Colour, Colour]
    """Colours of the top, the bottom and the blurred shapes behind."""
    backdrop_name: str
    backdrop_seed: int
    """Places of the blurred shapes."""
    light: Light
    camera: Camera

    def attributes(self) -> dict[str, str]:
        """Names of what a person would say about the picture, for splits and tables."""
        return {
            "hair": self.hair,
            "hair_colour": self.hair_name,
            "beard": self.beard,
            "glasses": self.glasses,
            "skin": self.skin_name,
            "background": self.backdrop_name,
            "light": self.light.name,
            "camera": self.camera.name,
        }


LONG_STYLES = ("bob", "long", "bun", "headscarf")


def _jitter(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """Vary the brightness by about `amount` and the hue by a fifth of it, relatively."""
    tone = rng.normal(0, amount)
    r, g, b = (float(np.clip(c * (1 + tone + rng.normal(0, amount / 5)), 0.02, 0.97)) for c in colour)
    return r, g, b


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    r, g, c = (float(p * (1 - share) + q * share) for p, q in zip(a, b, strict=True))
    return r, g, c


def sample_look(rng: np.random.Generator, world: World) -> Look:
    """Draw a person of a world; the same generator state gives the same look."""
    names = {kind: _choose(rng, table) for kind, table in WEIGHTS[world].items()}
    names |= _plausible(rng, names)
    skin = _jitter(rng, SKINS[names["skin"]], 0.05)
    hair = _jitter(rng, HAIRS[names["hair_colour"]], 0.08)
    top, bottom, shapes = (_jitter(rng, c, 0.06) for c in BACKDROPS[names["background"]])
    rosy = _mix((0.72, 0.36, 0.36), (0.62, 0.24, 0.28), float(rng.random()))
    build = _build(rng, names)
    return Look(
        shape={
            name: float(np.clip(rng.normal(BUILDS[build].get(name, 0), 0.75), -2.2, 2.2)) for name in SHAPES
        },
        build=build,
        skin=skin,
        skin_name=names["skin"],
        eyes=_jitter(rng, EYES[int(rng.integers(2 if skin[0] < 0.75 else len(EYES)))], 0.15),
        brow_colour=_mix(hair, (0.16, 0.11, 0.09), 0.55),
        brow_thickness=float(rng.uniform(0.65, 0.95) if build == "soft" else rng.uniform(0.85, 1.35)),
        lips=_mix(
            _mix(skin, (skin[0] * 0.9, skin[1] * 0.62, skin[2] * 0.66), 0.75),
            rosy,
            float(rng.uniform(0.1, 0.5)),
        ),
        hair=names["hair"],
        hair_colour=hair,
        hair_name=names["hair_colour"],
        hairline=float(rng.uniform(-0.6, 0.8)),
        beard=names["beard"],
        glasses=names["glasses"],
        glasses_colour=((0.07, 0.07, 0.08), (0.30, 0.17, 0.09), (0.42, 0.42, 0.45))[int(rng.integers(3))],
        clothing=_jitter(rng, CLOTHES[int(rng.integers(len(CLOTHES)))], 0.08),
        neckline=NECKLINES[int(rng.choice(3, p=[0.45, 0.35, 0.2]))],
        backdrop=(top, bottom, shapes),
        backdrop_name=names["background"],
        backdrop_seed=int(rng.integers(2**31)),
        light=_light(rng, names["light"]),
        camera=_camera(rng, names["camera"]),
    )


def _choose(rng: np.random.Generator, table: Mapping[str, float]) -> str:
    weights = np.array(list(table.values()))
    return list(table)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _plausible(rng: np.random.Generator, names: Mapping[str, str]) -> dict[str, str]:
    """Corrections of combinations that nobody wears."""
    long = names["hair"] in LONG_STYLES
    beard = "none" if long and (names["hair"] != "long" or rng.random() < 0.8) else names["beard"]
    dark = names["skin"] in ("brown", "dark", "tan") and names["hair_colour"] in ("blond", "red")
    return {"beard": beard, "hair_colour": "black" if dark else names["hair_colour"]}


def _build(rng: np.random.Generator, names: Mapping[str, str]) -> str:
    soft = 0.0 if names["beard"] != "none" else 0.85 if names["hair"] in LONG_STYLES else 0.25
    draw = float(rng.random())
    return "soft" if draw < soft else "even" if draw < soft + 0.35 * (1 - soft) else "angular"


def _light(rng: np.random.Generator, name: str) -> Light:
    direction, tint, key, ambient = LIGHTS[name]
    turned = np.array(direction) + rng.normal(0, 0.07, 3)
    turned /= np.linalg.norm(turned)
    level = float(rng.uniform(0.92, 1.08))
    r, g, b = (float(c * key * level) for c in tint)
    above = _mix((ambient, ambient, ambient), (ambient * tint[0], ambient * tint[1], ambient * tint[2]), 0.5)
    return Light(
        direction=(float(turned[0]), float(turned[1]), float(turned[2])),
        key=(r, g, b),
        above=above,
        below=(above[0] * 0.62, above[1] * 0.56, above[2] * 0.54),
        rim=(above[0] * 0.25, above[1] * 0.25, above[2] * 0.28),
        name=name,
    )


def _camera(rng: np.random.Generator, name: str) -> Camera:
    balance, gamma = CAMERAS[name]
    r, g, b = (float(c * (1 + rng.normal(0, 0.015))) for c in balance)
    return Camera(
        balance=(r, g, b),
        gamma=gamma * float(rng.uniform(0.95, 1.05)),
        noise=float(rng.uniform(0.6, 1.2)),
        name=name,
    )
