"""The pages about bringing things show their examples as they are, and count their lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "extend" / "examples"


@pytest.mark.parametrize("page", ["attack", "metric", "dataset", "suite", "task"])
def test_a_page_shows_its_examples_as_they_are(page):
    text = (EXAMPLES.parent / f"{page}.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(examples/(\w+\.\w+)\)", text)
    assert named
    for name in named:
        language = {"py": "python", "yaml": "yaml"}[name.partition(".")[2]]
        assert f"```{language}\n{(EXAMPLES / name).read_text(encoding='utf-8')}```" in text


def test_the_index_counts_the_lines_of_the_examples():
    text = (EXAMPLES.parent / "index.md").read_text(encoding="utf-8")
    files = {"method": "my_method.py", "dataset": "my_corpus.py", "suite": "my_suite.yaml"}
    for page in ("method", "attack", "metric", "dataset", "suite", "task"):
        count = len((EXAMPLES / files.get(page, f"my_{page}.py")).read_text(encoding="utf-8").splitlines())
        assert re.search(rf"\]\({page}\.md\) \|.*\| {count} \|", text), page
