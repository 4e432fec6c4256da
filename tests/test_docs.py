"""What the documentation tells people to type is what the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from privtalk.bench import cli
from privtalk.core.records import RunStore
from privtalk.leaderboards.regression.tolerances import read_tolerances

ROOT = Path(__file__).resolve().parents[1]
CI, EXAMPLES = ROOT / "docs" / "ci.md", ROOT / "docs" / "examples"
WORKFLOW = EXAMPLES / "regression.yml"


def steps() -> list[dict]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["compare"]["steps"]


def shown() -> list[str]:
    """Command lines of the page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", CI.read_text(encoding="utf-8"), re.DOTALL)
    return [line.partition("#")[0] for block in blocks for line in block.splitlines() if line.strip()]


def lines() -> list[str]:
    runs = [line for step in steps() for line in step.get("run", "").splitlines()]
    return [line for line in [*runs, *shown()] if line.startswith("bench ")]


def parsed(line: str) -> tuple[str, dict]:
    """Command and parameters of a line, as the program reads it; nothing is run."""
    words = shlex.split(line)[1:]
    words = words[: words.index(">>")] if ">>" in words else words
    command = typer.main.get_command(cli.app)
    context = command.make_context("bench", list(words))
    name, inner, rest = command.resolve_command(context, list(words))
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


def test_links_of_the_page_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", CI.read_text(encoding="utf-8")):
        assert (CI.parent / link).exists(), link
