"""`bench protect`: an owner's own photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from privtalk.bench.environment import usable_cores
from privtalk.core.errors import UserError

if TYPE_CHECKING:
    from privtalk.methods.backbone.backbone import Backbone
    from privtalk.methods.protection.victim import PublicDrivers

Pixels = NDArray[np.uint8]
WARNING = (
    "It guards against this backbone alone, and only as far as its board says: it hides nobody's identity, and whoever "
    "knows of it and acts on it gets most of the mouth back. See docs/portrait-protection.md."
)


def protect(
    photo: Path,
    out: Path,
    *,
    method: str,
    budget: int,
    weights: Path | None,
    iterations: int,
    board: Path | None = None,
) -> None:
    """Protects the face in a photo and writes a PNG, and a picture of before, after and the change beside it.

    `board`: the folder of a run, by which it is said who undoes the protection.
    """
    from privtalk.bench.corpus.video.faces import NAMES, find_weights, load_detector, load_landmarker
    from privtalk.bench.photos.protecting import protect_photo
    from privtalk.bench.photos.reading import read_photo, write_photo
    from privtalk.bench.photos.standing import standing
    from privtalk.methods.backbone import weights as backbone_weights
    from privtalk.methods.protection.config import ProtectionConfig
    from privtalk.methods.protection.registry import find_protection

    if out.suffix.lower() != ".png":
        raise UserError(
            f"{out}: a protection is written as PNG, since lossy files undo it; name a .png with -o"
        )
    if out.resolve() == photo.resolve():
        raise UserError(f"{out} is the photo itself; name another file with -o")
    cls = find_protection(method)
    if method == "unprotected":
        raise UserError("method unprotected changes nothing; name a protection (bench list protections)")
    stood = None if board is None else standing(board, method, budget)
    read = read_photo(photo)
    found = {role: _of(weights, NAMES[role]) for role in NAMES}
    finders = (
        load_detector(find_weights("detector", found["detector"])),
        load_landmarker(find_weights("landmarks", found["landmarks"])),
    )
    backbone, console = backbone_weights.load(), Console(stderr=True)
    public = _drivers(backbone)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("protecting", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(line, completed=done, total=total)

        made = protect_photo(
            photo,
            read,
            cls(),
            budget,
            backbone,
            public,
            ProtectionConfig(iterations=iterations),
            finders,
            tell,
        )
    write_photo(out, made.pixels, read.alpha, f"{method}, {budget}/255")
    beside = out.with_name(f"{out.stem}-before-after.png")
    _picture(beside, read.pixels, made.pixels)
    said = Console(highlight=False, soft_wrap=True)
    for note in read.notes:
        said.print(escape(note))
    kept = f"within {budget}/255" if made.stayed else "without a budget"
    said.print(f"wrote {escape(str(out))} ({method}, {kept}) and {escape(str(beside))}")
    said.print(
        f"face of {made.face.side:.0f} pixels: PSNR {made.psnr:.1f} dB; public voices move the mouth by "
        f"{made.after:.1f} levels instead of {made.before:.1f} ({100 * made.after / max(made.before, 1e-9):.0f} %)"
    )
    if stood is not None:
        said.print(escape(f"{board}: {stood.said(method, budget)}"))
    said.print(WARNING)


def _of(folder: Path | None, names: tuple[str, ...]) -> Path | None:
    """The file of a role in a folder of weights; None without a folder."""
    if folder is None:
        return None
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the one with the face networks")
    found = [file for name in names for file in sorted(folder.glob(name))]
    if not found:
        raise UserError(f"{folder}: none of {', '.join(names)} there; put the network in it")
    return found[0]


def _drivers(backbone: Backbone) -> PublicDrivers:
    """Speech and movement of the suite's public people, filmed where they are missing."""
    from privtalk.bench import suites
    from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation, missing
    from privtalk.bench.preparing import make
    from privtalk.bench.task import Preparation
    from privtalk.bench.tasks.portrait_protection.cast import drivers
    from privtalk.bench.tasks.portrait_protection.settings import PortraitProtectionSettings

    settings = suites.expand(suites.load("portrait_protection"), "small").settings
    assert isinstance(settings, PortraitProtectionSettings)
    population = EmbeddedPopulation(settings.corpus)
    make(
        Preparation(title="filming", jobs=missing(list(population.shards("heldout", "train")))),
        usable_cores(),
    )
    return drivers(population, backbone)


def _picture(path: Path, before: Pixels, after: Pixels) -> None:
    """Before, after and eight times the change, beside each other."""
    from PIL import Image

    from privtalk.core.files import partial

    apart = ((after.astype(np.int16) - before) * 8 + 128).clip(0, 255).astype(np.uint8)
    with partial(path) as part:
        Image.fromarray(np.concatenate([before, after, apart], axis=1)).save(part, format="PNG")
