"""The layouts by name."""

from __future__ import annotations

from privtalk.bench.corpus.mesh.layouts.beat import BeatLayout
from privtalk.bench.corpus.mesh.layouts.biwi import BiwiLayout
from privtalk.bench.corpus.mesh.layouts.etf import EtfLayout
from privtalk.bench.corpus.mesh.layouts.faceformer import FaceFormerLayout
from privtalk.bench.corpus.mesh.layouts.recordings import MeshLayout
from privtalk.bench.corpus.mesh.layouts.vocaset import VocasetLayout
from privtalk.core.errors import unknown

LAYOUTS: dict[str, MeshLayout] = {
    layout.name: layout
    for layout in (BeatLayout(), BiwiLayout(), EtfLayout(), FaceFormerLayout(), VocasetLayout())
}


def find_layout(name: str) -> MeshLayout:
    """Returns a layout by its name; a `UserError` that lists them where there is none."""
    if name not in LAYOUTS:
        raise unknown("layout", name, sorted(LAYOUTS))
    return LAYOUTS[name]
