"""`bench list`: what there is to run, to score with and to attack with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.bench import plugins, suites, task
from privtalk.core.errors import unknown

Line = tuple[str, str, str]
"""Name, group, and what it is, in a line."""


def show(kind: str, markdown: Path | None = None) -> None:
    """A line for each of a kind; as a table in a file where `markdown` names one."""
    if kind not in KINDS:
        raise unknown("kind", kind, list(KINDS))
    if markdown is not None:
        from privtalk.bench.commands.boards import write_report

        write_report(markdown, reference(kind))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold")
    for line in KINDS[kind]():
        table.add_row(*map(Text, line))
    Console().print(table)


def reference(kind: str) -> str:
    """All that is declared of a kind, as a table in Markdown."""
    from privtalk.leaderboards.markdown import markdown_table

    heads, rows = DECLARED.get(kind, (("name", "kind", "what it is"), KINDS[kind]))
    return "\n".join(markdown_table(heads, list(rows())))


def _brought(kind: plugins.Kind) -> Callable[[str], str]:
    """Enrols what installed packages bring of a kind; the function that tells where a name is from, if from there."""
    found = {plugin.name: f" [from {plugin.reference}]" for plugin in plugins.installed([kind])}
    return lambda name: found.get(name, "")


def _tasks() -> Iterator[Line]:
    where = _brought("task")
    for name in task.names():
        yield name, "", task.find_task(name).about + where(name)


def _corpora() -> Iterator[Line]:
    from privtalk.bench.corpus import brought
    from privtalk.bench.corpus.spec import EMBEDDED

    where = _brought("corpus")
    yield EMBEDDED, "", "people filmed on request, with nothing to download; what --corpus stands in place of"
    yield "FOLDER", "", "real videos, prepared by `bench data prepare`"
    yield from ((name, "", brought.find(name).about + where(name)) for name in brought.names())


def _suites() -> Iterator[Line]:
    for name in suites.names():
        suite = suites.load(name)
        yield name, "", suite.about
        yield from (("", preset, chosen.about) for preset, chosen in suite.presets.items())


def _methods() -> Iterator[Line]:
    from privtalk.methods.registry import METHODS, REFERENCES

    where = _brought("method")
    for name, method in METHODS.items():
        yield name, "method", method.about + where(name)
    yield from ((name, reference.kind, reference.about) for name, reference in REFERENCES.items())


def _attacks() -> Iterator[Line]:
    from privtalk.attacks.catalogue import CATALOGUE

    where = _brought("attack")
    for name, attack in CATALOGUE.items():
        told = f"{attack.statistic} ({attack.source}){where(name)}"
        yield name, f"{attack.family}, sees {attack.view}", told


def _metrics() -> Iterator[Line]:
    from privtalk.metrics import METRICS

    where = _brought("metric")
    arrows = {"higher": "↑", "lower": "↓", "reference": ""}
    for name, metric in METRICS.items():
        yield name, f"{metric.family} {arrows[metric.direction]}".rstrip(), metric.about + where(name)


def _protections() -> Iterator[Line]:
    from privtalk.methods.protection.registry import PROTECTIONS

    yield from ((name, cls.source, cls.about) for name, cls in PROTECTIONS.items())


def _attackers() -> Iterator[Line]:
    from privtalk.attacks.purification.registry import ATTACKERS

    yield from (
        (name, "adaptive" if cls.adaptive else "purifier", cls.about) for name, cls in ATTACKERS.items()
    )


def _layouts() -> Iterator[Line]:
    from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS
    from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS

    yield from ((name, "films", layout.about) for name, layout in FILM_LAYOUTS.items())
    yield from ((name, "moving faces", layout.about) for name, layout in LAYOUTS.items())


def _weights() -> Iterator[Line]:
    from privtalk.metrics.weights import CATALOGUE

    yield from ((name, entry.licence, entry.about) for name, entry in CATALOGUE.items())


def _declared_metrics() -> Iterator[Sequence[str]]:
    from privtalk.metrics import METRICS

    arrows = {"higher": "↑", "lower": "↓", "reference": "as the truth's"}
    for name, metric in METRICS.items():
        low, high = (f"{bound:g}".replace("inf", "∞").replace("-", "−") for bound in metric.range)
        told = (metric.unit, f"{low} to {high}", metric.level, ", ".join(metric.needs))
        yield name, metric.family, arrows[metric.direction], *told, metric.about


def _declared_attacks() -> Iterator[Sequence[str]]:
    from privtalk.attacks.catalogue import CATALOGUE

    for name, attack in CATALOGUE.items():
        told = (attack.family, attack.view, attack.footage, attack.headline)
        yield name, *told, attack.statistic, attack.source


DECLARED: Mapping[str, tuple[Sequence[str], Callable[[], Iterator[Sequence[str]]]]] = {
    "metrics": (
        ("metric", "family", "better", "unit", "range", "of a", "needs", "about"),
        _declared_metrics,
    ),
    "attacks": (
        ("attack", "family", "sees", "footage", "headline", "statistic", "source"),
        _declared_attacks,
    ),
}
"""Kind -> heads and rows of a table of all that its members declare."""

KINDS: Mapping[str, Callable[[], Iterator[Line]]] = {
    "tasks": _tasks,
    "suites": _suites,
    "methods": _methods,
    "attacks": _attacks,
    "metrics": _metrics,
    "protections": _protections,
    "attackers": _attackers,
    "corpora": _corpora,
    "layouts": _layouts,
    "weights": _weights,
}
"""Kind -> its lines."""
