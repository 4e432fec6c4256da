"""The data set, its licence and its citation stand among the run conditions, in every medium."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from privtalk.core.origin import DatasetOrigin
from privtalk.core.run_folder import PLAN, RunPlan, read_plan, write_plan
from privtalk.leaderboards import show as terminal
from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.site import publish as site

ORIGIN = DatasetOrigin(
    name="GRID <b>", version="2006", layout="grid", licence="CC BY 4.0", citation="Cooke et al., JASA 120"
)


@pytest.fixture
def folder(make, tmp_path):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 0.9}, seeds=(0,), clients=4)
    folder = runs.write(tmp_path / "run")
    record = load([folder]).records[0]
    write_plan(
        folder,
        RunPlan(
            task=record.task,
            suite=record.suite,
            preset=record.preset,
            settings={"corpus": record.cell["corpus"]} if "corpus" in record.cell else {},
            origins=(ORIGIN,),
            planned=[
                {"cell_id": r.cell_id, "row": r.row, "method": r.method, "at": r.at, "seed": r.seed}
                for r in load([folder]).records
            ],
        ),
    )
    return folder


def test_it_is_shown_in_every_medium(folder, tmp_path):
    (board,) = build_all(load([folder])).values()
    assert [origin.layout for origin in board.origins] == ["grid"]
    console = Console(file=io.StringIO(), width=200, color_system=None)
    terminal.show(board, console)
    text = console.file.getvalue()
    for said in ("data set: GRID <b> 2006 (layout grid)", "licence: CC BY 4.0", "citation: Cooke et al."):
        assert said in text
    assert "licence: CC BY 4.0" in to_markdown(board)
    site.publish([folder], tmp_path / "site")
    page = "".join(path.read_text() for path in (tmp_path / "site").glob("*.html"))
    assert "GRID &lt;b&gt; 2006 (layout grid)" in page
    assert "<b> 2006" not in page
    assert "Cooke et al., JASA 120" in page


def test_folders_from_before_say_nothing(folder):
    raw = json.loads((folder / PLAN).read_text())
    del raw["origins"]
    (folder / PLAN).write_text(json.dumps(raw))
    assert read_plan(folder).origins == ()
    (board,) = build_all(load([folder])).values()
    assert board.origins == ()
    assert "licence" not in to_markdown(board)
