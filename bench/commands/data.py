"""`bench data`: corpora on disk."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from privtalk.bench import plugins, suites
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.environment import usable_cores
from privtalk.bench.preparing import make
from privtalk.core.cache import cache_folder
from privtalk.core.errors import UserError, unknown

SHOWN_PUBLIC = 5
"""Public people who are named after a preparation."""


def build(suite: str, preset: str, workers: int | None) -> None:
    """Films the embedded corpus of a suite's preset."""
    from privtalk.bench.corpus.filming import footage

    spec = getattr(suites.expand(suites.load(suite), preset).settings, "corpus", None)
    if not isinstance(spec, CorpusSpec):
        raise UserError(f"suite {suite} films no corpus; name another one")
    made = make(footage(EmbeddedPopulation(spec)), workers or usable_cores())
    console = Console()
    console.print(f"{made} files made, the rest was there: {cache_folder()}", soft_wrap=True, highlight=False)


def is_of_meshes(layout: str | None) -> bool:
    """Returns whether a layout is of moving faces, and not of films; a `UserError` where there is none of the name.

    What installed packages and FILE.py:NAME bring is entered on the way.
    """
    from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS
    from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS

    plugins.installed(("layout",))
    if layout is None:
        return False
    name = layout_name(layout)
    if name not in {*LAYOUTS, *FILM_LAYOUTS}:
        raise unknown("layout", layout, sorted({*LAYOUTS, *FILM_LAYOUTS}))
    return name in LAYOUTS


def layout_name(layout: str) -> str:
    """Returns a layout's own name; enters it where it is a reference."""
    from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS

    if not plugins.is_reference(layout):
        return layout
    name = plugins.enrol("layout", layout).name
    if name in LAYOUTS:
        raise UserError(f"layout {layout}: layout {name!r} is there already; give it another name")
    return name


def prepare(
    source: Path,
    out: Path,
    *,
    size: int,
    seconds: float,
    min_seconds: float,
    detector: Path | None,
    landmarks: Path | None,
    workers: int | None,
    layout: str | None = None,
    public: int | None = None,
) -> int:
    """Turns videos into a corpus; exit 2 where nothing could be taken."""
    from privtalk.bench.corpus.prepared import prepare as videos
    from privtalk.bench.corpus.prepared import same_people
    from privtalk.bench.corpus.prepared.names import shown
    from privtalk.bench.corpus.prepared.provenance import LEAST_OTHERS, public_people
    from privtalk.bench.corpus.prepared.store import read_indices
    from privtalk.bench.corpus.prepared.summary import summary_table
    from privtalk.bench.corpus.video.ingest import PrepareOptions
    from privtalk.bench.corpus.video.layouts.registry import FOLDERS, find_film_layout

    options = PrepareOptions(
        detector=detector,
        landmarks=landmarks,
        size=size,
        seconds=seconds,
        min_seconds=min_seconds,
        workers=workers or usable_cores(),
    )
    chosen = find_film_layout(layout_name(layout or FOLDERS))
    columns = (TextColumn("preparing"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    errors = Console(stderr=True)

    def warn(line: str) -> None:
        errors.print(f"[yellow]look twice[/]: {escape(line)}", soft_wrap=True, highlight=False)

    def say(line: str) -> None:
        errors.print(line, soft_wrap=True, highlight=False, markup=False)

    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int, video: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(shown(video)))

        summary = videos.prepare(source, out, options, advance, warn, chosen, public, say)
    console = Console()
    console.print(summary_table(summary))
    if not summary.taken:
        return 2
    with errors.status("looking for people under two names"):
        twice = same_people.warnings(out)
    for line in twice:
        warn(line)
    public_names, people = public_people(out), len(read_indices(out))
    if people - len(public_names) < LEAST_OTHERS:
        warn(
            f"{people} people with clips, {len(public_names)} of them public: bench run needs {LEAST_OTHERS} others "
            "(2 who train, 2 who do not); prepare more people"
        )
    if public_names:
        named = ", ".join(map(shown, public_names[:SHOWN_PUBLIC])) + (
            ", ..." if public_names[SHOWN_PUBLIC:] else ""
        )
        alone = "" if len(public_names) > 1 else " --hold-back SOMEBODY"
        line = f"public: {len(public_names)} ({named}): bench pretrain --corpus {shown(out)}{alone}"
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    line = f"next: bench run --suite privacy_utility --corpus {shown(out)}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)
    return 0


def prepare_faces(source: Path, out: Path, layout: str) -> int:
    """Turns recordings of moving faces into a corpus; exit 2 where nothing could be taken."""
    from privtalk.bench.corpus.mesh.preparing import prepare_meshes
    from privtalk.bench.corpus.mesh.summary import refused_table, taken_table
    from privtalk.bench.corpus.prepared.names import shown

    columns = (TextColumn("preparing"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(shown(name)))

        summary = prepare_meshes(source, out, layout, advance=advance)
    console = Console()
    console.print(taken_table(summary))
    if summary.refused:
        console.print(refused_table(summary))
    if not summary.taken:
        return 2
    if not any(clip.role == "test" for clip in summary.taken):
        line = 'no test clips: name sentences of training people in about.json, as in {"test": [...]}'
        console.print(f"look twice: {line}", soft_wrap=True, highlight=False, markup=False)
    line = f"next: bench run --suite speech_3d --corpus {shown(out)}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)
    return 0
