"""What is declared, what is imported and what is pinned agree; nothing generic lands in site-packages."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("core", "metrics", "methods", "attacks", "bench", "leaderboards")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normal(found.group()) for r in requirements if (found := re.match(r"[\w.-]+", r))}


def extras() -> list[str]:
    """Requirements of all extras."""
    return [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]


def imported(folder: str) -> set[str]:
    """Modules that the files of a top-level folder import, at any depth."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_nothing_generic_lands_in_site_packages() -> None:
    files = distribution("privtalk-bench").files or []
    tops = {file.parts[0] for file in files}
    # An editable install adds a .pth file instead of the package; the command stands in "../../../bin".
    assert tops
    assert all(top in ("privtalk", "..") or top.endswith((".dist-info", ".pth")) for top in tops)
    assert all(importlib.util.find_spec(f"privtalk.{folder}") for folder in FOLDERS)


def test_every_import_is_declared_and_every_dependency_imported() -> None:
    owners = {**packages_distributions(), "dlib": ["dlib-bin"]}  # dlib-bin names its binary module alone
    modules = {name.partition(".")[0] for folder in FOLDERS for name in imported(folder)}
    outside = modules - set(sys.stdlib_module_names) - {"privtalk"}
    # Several distributions may hold a module (cv2: both of opencv's); one of them has to be declared.
    used = {module: {normal(owner) for owner in owners.get(module, [module])} for module in outside}
    needed, optional = names(PROJECT["dependencies"]), names(extras()) | {"torchvision"}
    stray = {module for module, holders in used.items() if not holders & (needed | optional)}
    assert stray == set(), "imported, not declared"
    assert needed - set().union(*used.values()) == set(), "declared, not imported"


def test_constraints_pin_every_direct_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins
    direct = names(PROJECT["dependencies"] + extras()) - {"privtalk-bench"}
    assert direct - names(pins) == set()
