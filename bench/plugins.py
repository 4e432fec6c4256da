"""The things that people bring: methods, attacks, metrics, tasks, corpora and layouts of data sets, from their own
files and packages.

A reference is `path.py:NAME`, `package.module:NAME`, or the name of an entry point of an installed package
(`privtalk.methods`, `.attacks`, `.metrics`, `.tasks`, `.corpora`, `.layouts`). What it names is registered under its
own name and is from then on like what the project has: in this process, and in every worker, which enrols the same
references before it runs a cell.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args

from privtalk.bench import task
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash
from privtalk.core.run_folder import Plugin, PluginKind

Kind = PluginKind
KINDS: tuple[Kind, ...] = get_args(Kind)
GROUPS: Mapping[Kind, str] = {kind: f"privtalk.{kind}s" for kind in KINDS} | {"corpus": "privtalk.corpora"}
"""Kind -> group of entry points."""
MODULES = "privtalk_plugins"
"""Package name under which modules from files stand, each with the hash of its path."""


def is_reference(text: str) -> bool:
    """Whether a text names something in a file or module, and not a thing by its own name.

    >>> is_reference("my.py:MyMethod"), is_reference("fedavg"), is_reference("prepared/clips")
    (True, False, False)
    """
    where, colon, name = text.rpartition(":")
    return bool(colon and where) and name.isidentifier()


def enrol(kind: Kind, reference: str) -> Plugin:
    """Loads what a reference names and registers it; once, however often it is asked for.

    Raises a `UserError`, in one line that names the reference, for a file that cannot be loaded, a name that is not in
    it, a thing of another kind, an abstract method that is missing and a name that is taken.
    """
    known = _ENROLLED.get((kind, reference))
    if known is not None:
        return known
    module, found = _loaded(kind, reference)
    try:
        name = _enter(kind, found)
    except (ValueError, TypeError) as error:
        raise UserError(f"{kind} {reference}: {_line(error)}") from error
    except Exception as error:
        raise UserError(f"{kind} {reference}: {type(error).__name__}: {_line(error)}") from error
    plugin = Plugin(kind=kind, reference=reference, name=name, sha256=_hash(module))
    _ENROLLED[kind, reference] = plugin
    return plugin


def enrol_all(report: Any, plugins: Iterable[Plugin]) -> None:
    """Enrols the same things in another process; the first job of every worker.

    Raises a `UserError` where a file is no longer what it was.
    """
    for plugin in plugins:
        if plugin.sha256 and enrol(plugin.kind, plugin.reference) != plugin:
            raise UserError(f"{plugin.reference} was changed while the run was going on; start it again")


def known(kind: Kind, name: str) -> Plugin:
    """Returns what is there already under its own name, brought by a package or the project's own."""
    for plugin in enrolled(kind):
        if plugin.name == name:
            return plugin
    if kind == "method":
        from privtalk.methods.registry import METHODS

        if name in METHODS:
            return Plugin(kind=kind, reference=name, name=name, sha256="")
    if kind in ("attack", "metric"):
        raise UserError(
            f"{name!r} is no {kind} to add: those of `bench list {kind}s` are run anyway; name FILE.py:NAME"
        )
    listed = GROUPS[kind].partition(".")[2]
    raise UserError(f"unknown {kind} {name!r}; name one that `bench list {listed}` shows, or FILE.py:NAME")


def corpus(text: str | None) -> Plugin | None:
    """Returns the brought corpus that a text names, by its reference or by the name that a package gave it; None where
    it names a folder.
    """
    if text is None or Path(text).exists():
        return None
    if is_reference(text):
        return enrol("corpus", text)
    return next((plugin for plugin in enrolled("corpus") if plugin.name == text), None)


def installed(kinds: Iterable[Kind] = KINDS) -> list[Plugin]:
    """Enrols what installed packages bring, and returns it."""
    return [
        enrol(kind, f"{entry.value}".replace(" ", ""))
        for kind in kinds
        for entry in sorted(_entries(kind), key=lambda entry: entry.name)
    ]


def enrolled(kind: Kind) -> list[Plugin]:
    """Returns all of a kind that were enrolled in this process."""
    return [plugin for (of, _), plugin in _ENROLLED.items() if of == kind]


def forget(but: Collection[str] = ()) -> None:
    """Forgets all that was enrolled, but for some references: names are free again, and the next reference reads its
    file again.
    """
    kept = {key: plugin for key, plugin in _ENROLLED.items() if plugin.reference in but}
    held = {(plugin.kind, plugin.name) for plugin in kept.values()}
    for kind, name in {(plugin.kind, plugin.name) for plugin in _ENROLLED.values()} - held:
        _withdraw(kind, name)
    _ENROLLED.clear()
    _ENROLLED.update(kept)
    needed = {_module_name(Path(plugin.reference.rpartition(":")[0])) for plugin in kept.values()}
    for module in [name for name in sys.modules if name.startswith(MODULES) and name not in needed]:
        del sys.modules[module]


class Registry(NamedTuple):
    """A module with `register` and `forget`, and the table in it."""

    module: str
    table: str


REGISTRIES: Mapping[Kind, Registry] = {
    "method": Registry("privtalk.methods.registry", "METHODS"),
    "attack": Registry("privtalk.attacks.catalogue", "CATALOGUE"),
    "metric": Registry("privtalk.metrics.registry", "METRICS"),
    "corpus": Registry("privtalk.bench.corpus.brought", "CORPORA"),
    "layout": Registry("privtalk.bench.corpus.video.layouts.registry", "FILM_LAYOUTS"),
}
"""Kind -> where its things stand; imported when something is brought, for torch takes seconds."""
_ENROLLED: dict[tuple[Kind, str], Plugin] = {}


def _entries(kind: Kind) -> Iterable[EntryPoint]:
    return entry_points(group=GROUPS[kind])


def _loaded(kind: Kind, reference: str) -> tuple[ModuleType, Any]:
    where, _, name = reference.rpartition(":")
    if not is_reference(reference):
        raise UserError(f"{kind} {reference}: it names nothing; write path.py:NAME or module:NAME")
    try:
        module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        own = error.name is not None and f"{where}.".startswith(f"{error.name}.")
        way = "write path.py:NAME or module:NAME" if own else "it imports that; install it"
        raise UserError(f"{kind} {reference}: no module {error.name!r}; {way}") from error
    except SyntaxError as error:
        raise UserError(
            f"{kind} {reference}: line {error.lineno or 1} is not Python ({error.msg})"
        ) from error
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{kind} {reference}: importing it fails ({type(error).__name__}: {_line(error)})"
        ) from error
    if not hasattr(module, name):
        there = ", ".join(_own(module)) or "nothing"
        raise UserError(f"{kind} {reference}: {where} has no {name!r}; it has: {there}")
    return module, getattr(module, name)


def _own(module: ModuleType) -> Iterator[str]:
    """Public names of a module, less those of what it imports."""
    for name, value in vars(module).items():
        imported = getattr(value, "__module__", "") != module.__name__ and hasattr(value, "__qualname__")
        language = isinstance(value, ModuleType) or type(value).__module__ == "__future__"
        if not (name.startswith("_") or imported or language):
            yield name


def _from_file(path: Path) -> ModuleType:
    """The module of a file, by a name that its path decides: what is pickled here is found again in a worker."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; name a Python file, such as my.py:MyMethod")
    if b"\0" in path.read_bytes():  # which not every Python calls a mistake of syntax
        raise SyntaxError("it holds null bytes")
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their own module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_name(path: Path) -> str:
    return f"{MODULES}_{content_hash(str(path.resolve()))}"


def _hash(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return file_hash(Path(file)) if file else ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _enter(kind: Kind, found: Any) -> str:
    """Registers a thing of a kind and returns its name."""
    if kind == "task":
        return _add_task(found)
    entered = importlib.import_module(REGISTRIES[kind].module).register(found)
    return entered if isinstance(entered, str) else str(entered.name)


def _withdraw(kind: Kind, name: str) -> None:
    """Takes a thing out of its registry, where it still stands there."""
    if kind == "task":
        task.forget_task(name)
        return
    registry = importlib.import_module(REGISTRIES[kind].module)
    if name in getattr(registry, REGISTRIES[kind].table):
        registry.forget(name)


def _add_task(found: Any) -> str:
    made = found() if isinstance(found, type) and issubclass(found, task.Task) else found
    if not isinstance(made, task.Task):
        raise ValueError("it is no privtalk.bench.task.Task; make it a subclass of that")
    for part in ("name", "about", "settings"):
        if not hasattr(made, part):
            raise ValueError(f"task {type(made).__name__}: it has no {part}; write {part} = ...")
    if not str(made.name).isidentifier():
        raise ValueError(f"task {made.name!r}: a name is letters, digits and _; write it so")
    task.register_task(made)
    return made.name
