"""The population of a run: the embedded one, that of a prepared folder, or one that somebody brought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from privtalk.bench.corpus import brought
from privtalk.bench.corpus.population import Population
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.corpus.spec import CorpusSpec


def open_population(spec: CorpusSpec, folder: str | None) -> Population:
    """The embedded population, or that of a prepared folder, or of a brought corpus by its name."""
    if folder is None:
        return EmbeddedPopulation(spec)
    if folder in brought.names():
        return brought.BroughtPopulation(folder, spec)
    from privtalk.bench.corpus.prepared.recorded import open_recorded

    return open_recorded(Path(folder), spec)


def recorded_settings(name: str, spec: CorpusSpec) -> dict[str, Any]:
    """The corpus settings that a prepared folder or a brought corpus determines: its name, and as many people as it
    has.
    """
    if name in brought.names():
        return brought.settings(name, spec)
    from privtalk.bench.corpus.prepared import same_people
    from privtalk.bench.corpus.prepared.recorded import PREFIX, check_distinct, survey

    folder = Path(name)
    found = survey(folder, spec)
    check_distinct(folder, spec)
    for line in same_people.warnings(folder):
        Console(stderr=True).print(f"[yellow]look twice[/]: {escape(line)}", soft_wrap=True, highlight=False)
    for name, reason in found.refused.items():
        Console(stderr=True).print(
            f"[yellow]{escape(name)} is left out[/]: {escape(reason)}", soft_wrap=True, highlight=False
        )
    return {
        "name": f"{PREFIX}{found.digest}",
        "version": 0,
        "size": spec.size,
        "camera": "studio",
        "clients": found.clients,
        "heldout": found.heldout,
        "shadows": found.shadows,
        "tested": min(spec.tested, found.clients),
        "attacked": min(spec.attacked, found.clients),
    }
