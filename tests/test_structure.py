"""The arrows of the house run one way: floors, and no circle between files or folders."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

FLOORS = ("core", "metrics", "methods", "attacks", "bench", "leaderboards", "bench.commands")
"""From the ground up; a file imports from its own floor and from those below it. Commands are the roof of `bench`."""

ROOF = tuple(
    f"bench.{name}"
    for name in ("cli", "cli_again", "cli_boards", "cli_data", "cli_plan", "cli_pretrain", "cli_weights")
)
"""What starts commands stands with them."""


def packages() -> dict[str, Path]:
    found = {}
    for name in FLOORS[:-1]:
        spec = find_spec(f"privtalk.{name}")
        assert spec is not None
        assert spec.submodule_search_locations
        found[name] = Path(next(iter(spec.submodule_search_locations)))
    return found


def modules() -> dict[str, Path]:
    """Module name below `privtalk` -> its file."""
    return {
        ".".join([name, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__"): path
        for name, folder in packages().items()
        for path in folder.rglob("*.py")
    }


def imports(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """Modules of this project that a file names, wherever in it; those for types alone do not run."""
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in hidden or not isinstance(node, ast.ImportFrom | ast.Import):
            continue
        names = [a.name for a in node.names]
        paths = [f"{node.module}.{n}" for n in names] if isinstance(node, ast.ImportFrom) else names
        for path in paths:
            inner = path.removeprefix("privtalk.")
            if inner != path:
                yield inner if inner in known else inner.rpartition(".")[0]


MODULES = modules()
GRAPH = {
    module: {
        name for name in imports(ast.parse(path.read_text()), MODULES) if name in MODULES and name != module
    }
    for module, path in MODULES.items()
}


def floor(module: str) -> int:
    """Number of the floor that a module is on."""
    if is_command(module):
        return FLOORS.index("bench.commands")
    return FLOORS.index(module.partition(".")[0])


def is_command(module: str) -> bool:
    return module in ROOF or module.startswith("bench.commands")


def room(module: str) -> tuple[str, ...]:
    """The folder that a module is in; commands and what starts them are one, of their own."""
    if is_command(module):
        return ("commands",)
    parts = tuple(module.split("."))
    return parts if MODULES[module].name == "__init__.py" else parts[:-1]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of a graph; nothing where it has none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def between_neighbours(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The arrows between folders that stand side by side; a folder and the rooms inside it are one."""
    arrows: dict[str, set[str]] = {}
    for module, used in graph.items():
        for other in used:
            here, there = room(module), room(other)
            shared = next((k for k, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
            if shared is not None:
                names = (".".join(path[: shared + 1]) for path in (here, there))
                arrows.setdefault(next(names), set()).add(next(names))
    return arrows


@pytest.mark.parametrize("name", [name for name in FLOORS if name != "bench.commands"])
def test_imports_go_down(name: str) -> None:
    up = [
        f"{module} -> {other}"
        for module, used in GRAPH.items()
        if module.partition(".")[0] == name
        for other in used
        if floor(other) > floor(module)
    ]
    assert up == []


def test_no_files_stand_in_a_circle() -> None:
    assert circle(GRAPH) == []


def test_no_neighbouring_folders_stand_in_a_circle() -> None:
    assert circle(between_neighbours(GRAPH)) == []


TOOLS = {
    "core.upgrade": "what records were of before they said it",
    "bench.stages.generate": "a name that scripts import",
    "bench.commands.protect": "protects a photo with the public people of that task",
    "bench.commands.data": "says which suite reads what was prepared",
    "bench.commands.audit": "plays the mechanisms of that task",
    "leaderboards.validation": "shows how far that task's metrics can be trusted",
}
"""What may name a task, and why."""


def names_a_task(module: str, path: Path) -> bool:
    """Whether a file of the harness, the records or the boards knows one task from another."""
    tasks = {other.split(".")[2] for other in MODULES if other.startswith("bench.tasks.")}
    return any(name in path.read_text() for name in tasks)


def test_nothing_but_its_own_folder_names_a_task() -> None:
    own = ("bench.tasks.", *TOOLS)
    found = [
        module
        for module, path in MODULES.items()
        if module.partition(".")[0] in ("core", "bench", "leaderboards")
        if not module.startswith(own)
        if names_a_task(module, path)
    ]
    assert found == []
    for tool in TOOLS:  # an exception that is needed no more goes
        assert any(names_a_task(module, path) for module, path in MODULES.items() if module.startswith(tool))


def test_the_checks_have_the_power_to_fail() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    tree = ast.parse(
        "def f():\n    from privtalk.bench import runner\nif TYPE_CHECKING:\n    import privtalk.methods\n"
    )
    assert list(imports(tree, MODULES)) == ["bench.runner"]
    planted = GRAPH | {
        "attacks.identity.span": {"attacks.membership.lira"},
        "attacks.membership.lira": {"attacks.identity.span"},
    }
    assert circle(between_neighbours(planted))
    assert circle(planted)


def class_names() -> dict[str, list[str]]:
    """Public classes of the package -> the modules that define one of that name."""
    found: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    return found


REPEATED = {"Request": "what a command is asked for, by its module's name wherever it is used"}
"""Names that several classes may have, and why."""


def test_a_name_has_one_meaning() -> None:
    repeated = {name: modules for name, modules in class_names().items() if len(modules) > 1}
    assert set(repeated) == set(REPEATED)
    assert all(is_command(module) for module in repeated["Request"])
