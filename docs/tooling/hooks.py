"""Hooks of the site's build: the API reference from the folders as they stand, a menu without pages that are not there.

Nothing of the package is imported: its sources are read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("core", "metrics", "methods", "attacks", "bench", "leaderboards")
LIFTED = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""Page -> the file at the repository's root that it shows."""
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#:]+)\)")


def on_startup(**_: Any) -> None:
    """Links `.editable/privtalk/FLOOR` to each floor, as an editable install does (`hatch_build.py`)."""
    package = ROOT / ".editable" / "privtalk"
    package.mkdir(parents=True, exist_ok=True)
    for floor in FLOORS:
        if not (package / floor).exists():
            (package / floor).unlink(missing_ok=True)
            (package / floor).symlink_to(ROOT / floor, target_is_directory=True)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills in the menu of the API, and leaves out the pages that nobody wrote yet."""
    kept = [_existing(entry, Path(config.docs_dir)) for entry in config.nav or ()]
    config.nav = [entry for entry in kept if entry]
    config.nav.append({"API": ["api/index.md", *({floor: _menu(floor)} for floor in FLOORS)]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made: the API's, and those that show a file of the root."""
    made = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in LIFTED.items()}
    made["api/index.md"] = _overview()
    for floor in FLOORS:
        made |= {_page(folder): _reference(folder) for folder in _folders(floor)}
    for page, content in made.items():
        files.append(File.generated(config, page, content=content.replace("](docs/", "](")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Names a file of the sources where a page links to it: the site holds the documentation alone."""
    here = ROOT / "docs" / Path(page.file.src_uri).parent

    def shown(link: re.Match[str]) -> str:
        target = (here / link[2]).resolve()
        outside = target.is_file() and not target.is_relative_to(ROOT / "docs")
        if not outside or not target.is_relative_to(ROOT):
            return link[0]
        name = f"`{target.relative_to(ROOT)}`"
        return name if link[1].strip("`") == name.strip("`") else f"{link[1]} ({name})"

    return LINK.sub(shown, markdown)


def _existing(entry: Any, docs: Path) -> Any:
    """A menu's entry without pages that are not there; None where nothing is left of it."""
    if isinstance(entry, str):
        return entry if entry in LIFTED or (docs / entry).exists() else None
    ((title, inside),) = entry.items()
    kept = [found for one in inside if (found := _existing(one, docs))]
    return {title: kept} if kept else None


def _folders(floor: str) -> Iterator[Path]:
    """Folders of a floor that hold modules with something to say, the floor itself first."""
    inits = sorted((ROOT / floor).rglob("__init__.py"), key=lambda path: path.parent.parts)
    yield from (init.parent for init in inits if any(_modules(init.parent)))


def _modules(folder: Path) -> Iterator[Path]:
    """Modules of a folder that define something public."""
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if path.name != "__init__.py" and any(not node.name.startswith("_") for node in named):
            yield path


def _name(path: Path) -> str:
    return ".".join(("privtalk", *path.relative_to(ROOT).with_suffix("").parts))


def _page(folder: Path) -> str:
    return f"api/{'.'.join(folder.relative_to(ROOT).parts)}.md"


def _menu(floor: str) -> list[str]:
    return [_page(folder) for folder in _folders(floor)]


def _reference(folder: Path) -> str:
    """A folder's page: what its `__init__` says, then each module."""
    name = ".".join(folder.relative_to(ROOT).parts)
    about = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    modules = "\n\n".join(f"::: {_name(path)}" for path in _modules(folder))
    return f"# {name}\n\n{about}\n\n{modules}\n"


def _overview() -> str:
    """The API's first page: a line a folder."""
    lines = [
        "# API reference",
        "",
        "Made from the sources. A file imports from its own floor and from those below it, so that reading from the",
        "top of this list never needs what stands further down.",
        "",
    ]
    for floor in FLOORS:
        for folder in _folders(floor):
            about = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
            first = about.split("\n\n")[0].replace("\n", " ")
            lines.append(
                f"- [`privtalk.{'.'.join(folder.relative_to(ROOT).parts)}`]({_page(folder)[4:]}) {first}"
            )
    return "\n".join(lines) + "\n"
