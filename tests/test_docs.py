"""What the documentation says holds: links, commands, what it quotes from the program and from the sources."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
import typer
import yaml

from docs.tooling.fences import fenced
from docs.tooling.generate import BLOCK, filled, printed
from docs.tooling.offline import outside
from privtalk.attacks.catalogue import CATALOGUE
from privtalk.bench import cli
from privtalk.bench.commands import listing
from privtalk.core.records import RunStore
from privtalk.leaderboards.regression.tolerances import read_tolerances
from privtalk.methods.registry import METHODS, REFERENCES
from privtalk.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
CI, EXAMPLES = ROOT / "docs" / "ci.md", ROOT / "docs" / "examples"
WORKFLOW = EXAMPLES / "regression.yml"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE = {"api/index.md", "changelog.md", "contributing.md"}
"""Pages that the site's build makes."""
FOLDERS = ("core", "metrics", "methods", "attacks", "bench", "leaderboards", "tests", "docs", "examples")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)


each_page = pytest.mark.parametrize("page", PAGES, ids=name)


def steps() -> list[dict]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["compare"]["steps"]


def shown(page: Path) -> list[str]:
    """Lines of a page's shell blocks that call the program."""
    blocks = re.findall(r"```sh\n(.*?)```", text(page), re.DOTALL)
    whole = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in whole for part in line.split("&&")]
    return [part for part in parts if part.startswith("bench ")]


def lines() -> list[str]:
    runs = [line for step in steps() for line in step.get("run", "").splitlines()]
    return [*(line for line in runs if line.startswith("bench ")), *shown(CI)]


def parsed(line: str) -> tuple[str, dict]:
    """Command and parameters of a line, as the program reads it; nothing is run."""
    words = shlex.split(line)[1:]
    words = words[: words.index(">>")] if ">>" in words else words
    command = typer.main.get_command(cli.app)
    context = command.make_context("bench", list(words))
    name, inner, rest = command.resolve_command(context, list(words))
    if hasattr(inner, "commands"):  # a group, such as `bench data`
        below = inner.make_context(name, rest, parent=context, resilient_parsing=True)
        name, inner, rest = inner.resolve_command(below, rest)
    return name, inner.make_context(name, rest, parent=context).params


def test_the_workflow_runs_a_suite_and_compares():
    commands = [parsed(line) for line in lines()]
    assert [name for name, _ in commands] == ["run", "compare", "compare"]
    run, compare = commands[0][1], commands[1][1]
    assert run["suite"] in cli_suites()
    assert str(compare["new"]) == str(run["out"]), "what is compared is what was run"
    for key in ("base", "tolerances"):
        assert (ROOT / compare[key]).exists(), key
    uploaded = steps()[-1]["with"]["path"].split()
    assert {str(compare["junit"]), str(compare["json"])} <= set(uploaded)
    assert str(compare["markdown"]) == "-"


def cli_suites() -> list[str]:
    from privtalk.bench import suites

    return suites.names()


@pytest.mark.parametrize("line", ["bench compare", "bench compare A B --nope", "bench nope"])
def test_a_line_that_the_program_does_not_take_is_noticed(line):
    with pytest.raises((click.ClickException, cli.USAGE_ERROR)):
        parsed(line)


def test_the_page_shows_the_workflow_as_it_is():
    assert f"```yaml\n{WORKFLOW.read_text(encoding='utf-8')}```" in CI.read_text(encoding="utf-8")


def test_the_example_of_tolerances_is_taken_and_shown_as_it_is():
    path = EXAMPLES / "tolerances.yml"
    record = next(iter(RunStore(ROOT / "tests" / "baselines" / "smoke")))
    assert set(read_tolerances(path, record.metrics)) == {"psnr", "lpips", "fid", "lse_c[talkhead]"}
    told = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert "```yaml\n" + "\n".join(told) + "\n```" in CI.read_text(encoding="utf-8")


# Every page


def slug(heading: str) -> str:
    """The anchor of a heading, as the site and code hosts make it."""
    plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower())
    return re.sub(r"[\s]+", "-", plain.strip())


def fault(page: Path, link: str) -> str | None:
    """Why a link leads nowhere; None where it leads somewhere."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        made = target.is_relative_to(ROOT / "docs") and str(target.relative_to(ROOT / "docs")) in MADE
        return None if made else f"{path} is not there"
    anchors = (
        {slug(heading) for heading in re.findall(r"^#+ (.*)$", prose(target), re.MULTILINE)} if anchor else ()
    )
    return f"{link}: no such heading" if anchor and anchor not in anchors else None


@each_page
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    inside = [link for link in links if not re.match(r"\w+:", link)]
    assert [found for link in inside if (found := fault(page, link))] == []


def test_a_link_that_leads_nowhere_is_noticed():
    assert fault(CI, "examples/regression.yml") is None
    assert fault(CI, "results.md#the-default-run") is None
    assert fault(CI, "gone.md") == "gone.md is not there"
    assert fault(CI, "results.md#gone") == "results.md#gone: no such heading"


@each_page
def test_commands_are_what_the_program_takes(page):
    for line in shown(page):
        command, given = parsed(line)
        if command == "run" and not given["suite"].endswith(".yaml"):
            assert given["suite"] in cli_suites(), line
        if "kind" in given:
            assert given["kind"] in listing.KINDS, line


@each_page
def test_files_that_are_named_are_there(page):
    spans = re.findall(r"`([\w./-]+)`", prose(page))
    named = [span for span in spans if span.partition("/")[0] in FOLDERS and "/" in span]
    assert [span for span in named if not any((at / span).exists() for at in (ROOT, page.parent))] == []


@pytest.mark.parametrize("page", [page for page in PAGES if BLOCK.search(text(page))], ids=name)
def test_what_is_quoted_is_what_the_commands_print(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    assert filled(text(page)) == text(page), "run: python docs/tooling/generate.py"


def test_metrics_attacks_and_results_are_quoted():
    assert {name(page) for page in PAGES if BLOCK.search(text(page))} == {
        "docs/attacks.md",
        "docs/metrics.md",
        "docs/results.md",
    }
    for page, names in (("metrics", METRICS), ("attacks", CATALOGUE)):
        told = text(ROOT / "docs" / f"{page}.md").replace("\\", "")
        assert [n for n in names if f"| {n} |" not in told] == []


def test_the_example_of_an_account_is_what_the_command_prints(monkeypatch):
    """Word for word: the widths of a table are the terminal's."""
    page = text(ROOT / "docs" / "privacy.md")
    ((command, block),) = re.findall(r"<!-- run: (.*?) -->\n```text\n(.*?)```", page, re.DOTALL)
    assert command in page.replace("    # plan", ""), "the command is shown"
    monkeypatch.setenv("COLUMNS", "100")
    words = " ".join(printed(command).split())
    lines = [" ".join(line.split()) for line in block.splitlines()]
    assert [line for line in lines if line.strip("─… ") and line not in words] == []


@each_page
def test_code_that_is_quoted_is_in_its_file(page):
    for path, block in re.findall(r"<!-- source: (\S+) -->\n```python\n(.*?)```", text(page), re.DOTALL):
        assert block.strip() in text(ROOT / path), path


def test_the_readme_is_short_and_keeps_its_two_commands():
    readme = text(ROOT / "README.md")
    assert len(readme.splitlines()) < 120
    assert "python3 -m pip install -c constraints.txt . && bench run --suite privacy_utility\n" in readme
    assert "python3 -m pip install tox && tox\n" in readme
    assert all(path.stat().st_size < 300_000 for path in (ROOT / "docs").rglob("*.png"))


def test_the_readme_lists_every_row():
    rows = re.findall(r"`(\w+)`", text(ROOT / "README.md").partition("## The rows")[2].partition("\n## ")[0])
    assert {*METHODS, *REFERENCES} - set(rows) == set()


def test_the_glossary_defines_each_word_once_in_order():
    words = re.findall(r"^\*\*(.+?)\*\*", text(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)


# The site's build


def test_the_extra_and_the_environment_that_builds_the_site_are_one():
    extra = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]["docs"]
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    assert [re.split("[>=]", requirement)[0] for requirement in extra] == tox["testenv:docs"]["deps"].split()


def test_a_page_that_fetches_from_elsewhere_is_noticed(tmp_path):
    page = '<link rel="canonical" href="https://a"><a href="https://b"></a><script src="{}"></script>'
    (tmp_path / "good.html").write_text(page.format("static/site.js"))
    (tmp_path / "bad.html").write_text(page.format("//cdn/x.js"))
    assert list(outside(tmp_path)) == ["bad.html: <script> //cdn/x.js"]


def test_examples_in_docstrings_are_fenced():
    before = ["Adds.", "", ">>> 1 + 1", "2", "", "Done.", ">>> 3", "3"]
    after = ["Adds.", "", "```pycon", ">>> 1 + 1", "2", "```", "", "Done.", "```pycon", ">>> 3", "3", "```"]
    assert list(fenced(before)) == after
