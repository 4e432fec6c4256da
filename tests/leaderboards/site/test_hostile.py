"""Whatever a record's texts hold: the file is refused by name, or they are shown as text; the rest is always shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from privtalk.bench import cli
from privtalk.core.cache import content_hash
from privtalk.core.display import AxisDisplay, Baseline, Display, FloorRule, PublishedFigures, Wording
from privtalk.core.records import RunStore, Sample, load_record
from privtalk.core.run_folder import PlannedRow, RunPlan, record_failure, write_plan
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.site import publish as site
from tests.leaderboards.attacked import attacked

ROWS = {("difftalk", "none"): 0.0, ("fedavg", "none"): 0.9, ("fedavg", "eps=8"): 0.4}
HOSTILE = {
    "markup": "[/bold] [link=x]y[/] [red]",
    "emoji": ":warning: :smile:",
    "escape": "\x1b[31m\x1b]0;title\x07 \x1b[2J",
    "c1": "\x9b31m\x85",
    "bell": "a\x07b",
    "null": "a\x00b",
    "newline": "a\nb\r\nc\x0b\u2028d",
    "override": "\u202eabc\u2066def\ufeff",
    "script": '</script><script>alert(1)</script><img src=x onerror="alert(1)">',
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7}",
    "quotes": "\"'`\\",
    "expression": '"];throw 1;["',
    "markdown": "| a | [x](http://y) `z` <b>",
    "xml": "]]><!-- &amp;",
    "no character": "a\ufffe\uffff\ufdd0\U0010ffff",
    "path": "../../../victim",
    "long": "x" * 100_000,
    "empty": "",
    "surrogate": "\ud800",
    "astral": "\U0001f600" * 80,
    "formula": '=HYPERLINK("http://x")',
}
ALL = "".join(HOSTILE[name] for name in ("markup", "escape", "bell", "override", "script", "template"))
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
Path_ = tuple[Any, ...]


@pytest.fixture(scope="module")
def folder(make, tmp_path_factory):
    """A run whose records hold every kind of text; treat as read-only."""

    def trimmed(record):
        kept = {name: record.metrics[name] for name in ("psnr", "mouth_sync", "lpips[alex]")}
        short = attacked(record) if record.kind == "method" else record
        names = [n for n in short.attacks if n in ("user_inference", "gidm", "span", "distinguishing")]
        attacks = {name: short.attacks[name] for name in names}
        return short.model_copy(update={"metrics": kept, "attacks": attacks})

    path = tmp_path_factory.mktemp("hostile") / "run"
    return make(ROWS, seeds=(0,), clients=4).changed(trimmed).write(path)


@pytest.fixture
def spoilt(folder, tmp_path):
    """A copy in which one record, of the private row, may be changed."""
    for sub in ("records", "samples"):
        (tmp_path / "run" / sub).mkdir(parents=True)
        for path in (folder / sub).iterdir():
            (tmp_path / "run" / sub / path.name).write_bytes(path.read_bytes())
    return tmp_path / "run"


def victim(folder: Path) -> Path:
    return next(p for p in sorted((folder / "records").iterdir()) if load_record(p).tier == "eps=8")


def texts(raw: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Where a record holds a text or a key."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield (*at, key)
            yield from texts(value, (*at, key))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from texts(value, (*at, index))


def value_at(raw: Any, at: Path_) -> Any:
    for step in at:
        raw = raw[step]
    return raw


def placed(raw: dict, at: Path_, text: str) -> dict:
    """A copy with one text replaced; the cell and the hash follow, as an attacker would see to."""
    copy = json.loads(json.dumps(raw))
    value_at(copy, at[:-1])[at[-1]] = text
    return copy


def keyed(raw: dict, at: Path_, text: str) -> dict:
    copy = json.loads(json.dumps(raw))
    inner = value_at(copy, at[:-1])
    inner[text] = inner.pop(at[-1])
    return copy


def put(folder: Path, raw: dict) -> Path:
    """Write a record in the victim's place, under the id that its cell has."""
    old = victim(folder)
    lines = (folder / "samples" / f"{old.stem}.jsonl").read_bytes()
    before = json.loads(old.read_text())
    cell = raw["cell_id"]
    if raw["cell_id"] == before["cell_id"] and isinstance(raw["cell"], dict):
        cell = raw["cell_id"] = content_hash(raw["cell"])
    for path in (old, folder / "samples" / f"{old.stem}.jsonl"):
        path.unlink()
    stem = re.sub(r"[^0-9a-z]", "", cell)[:40] or "odd"
    (folder / "samples" / f"{stem}.jsonl").write_bytes(lines)
    (folder / "records" / f"{stem}.json").write_text(json.dumps(raw), encoding="utf-8")
    return folder / "records" / f"{stem}.json"


def shown(folder: Path, base: Path, capsys) -> str:
    """What `show` and `compare` print; both end, without a traceback, and show the sound rows."""
    assert cli.guarded(["show", str(folder)]) == 0
    code = cli.guarded(["compare", str(base), str(folder), "--markdown", "-"])
    captured = capsys.readouterr()
    out = captured.out + captured.err
    assert code in (0, 1, 2)
    assert "Traceback" not in out
    assert "FedAvg" in out
    assert not RAW.search(out), RAW.findall(out)
    return out


def test_every_text_is_refused_by_name_or_shown(folder, tmp_path, capsys):
    """One hostile text in each place in turn; `load` decides, and what it lets through is shown."""
    raw = json.loads(victim(folder).read_text())
    places = [at for at in texts(raw) if isinstance(value_at(raw, at), str)]
    refused, let_through = [], []
    for number, at in enumerate(places):
        run = copied(folder, tmp_path / f"{number}")
        path = put(run, placed(raw, at, ALL))
        runs = load([run])
        if len(runs.records) == 2:
            assert any(path.name in problem for problem in runs.problems), at
            assert not any(RAW.search(problem) for problem in runs.problems)
            refused.append(at)
        else:
            assert not RAW.search(json.dumps([r.model_dump() for r in runs.records], ensure_ascii=False))
            let_through.append(at)
    assert {("suite",), ("row",), ("task",), ("cell_id",), ("kind",)} <= set(refused)
    assert len(let_through) > 30
    whole = raw
    for at in let_through:
        whole = placed(whole, at, ALL)
    run = copied(folder, tmp_path / "whole")
    put(run, whole)
    shown(run, folder, capsys)


def copied(folder: Path, to: Path) -> Path:
    for sub in ("records", "samples"):
        (to / sub).mkdir(parents=True)
        for path in (folder / sub).iterdir():
            (to / sub / path.name).write_bytes(path.read_bytes())
    return to


def free_texts(raw: dict) -> list[Path_]:
    """Texts that are not names: reasons, units, descriptions, versions, settings."""
    names = ("task", "suite", "preset", "row", "at", "started", "cell_id", "kind", "samples_sha256")
    fixed = ("direction", "level")
    return [
        at
        for at in texts(raw)
        if isinstance(value_at(raw, at), str) and at[0] not in names and at[-1] not in fixed
    ]


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_are_shown_as_text(folder, spoilt, capsys, kind):
    raw = json.loads(victim(folder).read_text())
    for at in free_texts(raw):
        raw = placed(raw, at, HOSTILE[kind])
    path = put(spoilt, raw)
    out = shown(spoilt, folder, capsys)
    if kind == "surrogate":
        assert f"{path.name}: not a record (holds text that is not Unicode)" in out.replace("\n", "")


NAMES = ("preset", "row", "task")
REFUSED = (
    "escape",
    "c1",
    "bell",
    "null",
    "newline",
    "override",
    "long",
    "empty",
    "surrogate",
    "no character",
)


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_are_refused_by_file_or_shown(folder, spoilt, capsys, kind, field):
    raw = json.loads(victim(folder).read_text())
    path = put(spoilt, raw | {field: HOSTILE[kind]})
    out = shown(spoilt, folder, capsys).replace("\n", "")
    hidden = kind in REFUSED
    assert (path.name in out.replace(" ", "")) == hidden


@pytest.mark.parametrize("at", ["metrics", "attacks", "artifacts", "cell"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_keys_are_refused_by_file_or_shown(folder, spoilt, capsys, kind, at):
    raw = json.loads(victim(folder).read_text())
    where = {
        "metrics": ("metrics", "psnr"),
        "attacks": ("attacks", "gidm"),
        "cell": ("cell", "tier"),
    }
    if at == "artifacts":
        raw["artifacts"] = {HOSTILE[kind]: HOSTILE[kind]}
    else:
        raw = keyed(raw, where[at], HOSTILE[kind])
    put(spoilt, raw)
    shown(spoilt, folder, capsys)


PUBLISHED = (
    "markup",
    "script",
    "template",
    "quotes",
    "expression",
    "path",
    "markdown",
    "xml",
    "emoji",
    "astral",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*PUBLISHED, "escape", "long", "null"])
def test_the_site_shows_hostile_texts_as_text(folder, spoilt, kind):
    """Names where they can be names, and free texts and paths everywhere."""
    text = HOSTILE[kind]
    raw = json.loads(victim(folder).read_text())
    for at in free_texts(raw):
        raw = placed(raw, at, text)
    raw["artifacts"] = {"clips/a-b.mp4": text, "gallery/gidm": text}
    if kind in PUBLISHED:
        raw |= {"row": text, "attacks": {text: raw["attacks"]["user_inference"]}}
        raw["metrics"] |= {text: raw["metrics"]["psnr"]}
    put(spoilt, raw)
    before = sorted(p.name for p in spoilt.parent.iterdir())
    page = site.publish([spoilt], spoilt.parent / "site")
    assert sorted(p.name for p in spoilt.parent.iterdir()) == [*before, "site"]
    html = page.read_text(encoding="utf-8")
    assert html.count("<script") == 1
    assert "<img src=x" not in html
    assert not RAW.search(html)
    assert "{{7*7}}" in html or kind != "template"
    for path in (spoilt.parent / "site").rglob("*.svg"):
        drawn = path.read_text(encoding="utf-8")
        ET.fromstring(drawn)
        assert "<script" not in drawn
        assert not RAW.search(drawn)


def test_rows_whose_names_look_alike_stay_apart(folder, spoilt, capsys):
    """FedAvg the method and a method that calls itself FedAvg."""
    raw = json.loads(victim(folder).read_text())
    put(spoilt, raw | {"row": "FedAvg", "at": {}})
    out = shown(spoilt, folder, capsys)
    assert "FedAvg (recorded as FedAvg)" in out
    assert "FedAvg (recorded as fedavg)" in out


def test_metrics_whose_file_names_look_alike_stay_apart(folder, spoilt):
    raw = json.loads(victim(folder).read_text())
    more = dict.fromkeys(("a b", "a-b", "a[b]", "a/b"), raw["metrics"]["psnr"])
    for path in (spoilt / "records").iterdir():
        own = json.loads(path.read_text())
        own["metrics"] = own["metrics"] | more
        own["attacks"] = {}
        path.write_text(json.dumps(own))
    rewrite_samples(
        spoilt, lambda s: s.model_copy(update={"scores": s.scores | dict.fromkeys(more, s.scores["psnr"])})
    )
    page = site.publish([spoilt], spoilt.parent / "site")
    html = page.read_text(encoding="utf-8")
    assert "a[b]" in html
    assert "a/b" in html


def rewrite_samples(folder: Path, change) -> None:
    store = RunStore(folder)
    for record in list(store):
        store.write(record, [change(sample) for sample in store.samples(record.cell_id)])


@pytest.mark.parametrize("field", ["client", "clip", "metric"])
@pytest.mark.parametrize("kind", [k for k in HOSTILE if k != "surrogate"])
def test_hostile_samples_are_refused_by_file_or_shown(folder, spoilt, capsys, kind, field):
    text = HOSTILE[kind]

    def change(sample: Sample) -> Sample:
        if field == "metric":
            return sample.model_copy(update={"scores": sample.scores | {text: 1.0}})
        other = {"client": "clip", "clip": "client"}[field]
        joined = text + getattr(sample, field) if text else ""
        return sample.model_copy(update={field: joined, other: f"{sample.client}{sample.clip}"})

    store = RunStore(spoilt)
    record = load_record(victim(spoilt))
    store.write(record, [change(sample) for sample in store.samples(record.cell_id)])
    shown(spoilt, folder, capsys)


def test_a_plan_and_notes_of_failure_are_shown_as_text(folder, spoilt, capsys):
    records = list(RunStore(spoilt))
    rows = [
        PlannedRow(cell_id=r.cell_id, row=r.method, method=r.method, at=r.at, seed=r.seed) for r in records
    ]
    rows.append(PlannedRow(cell_id="abc", row=ALL, method=ALL, at={"x": ALL}, seed=3))
    settings = {"corpus": {"name": "talkhead"}}
    odd = Wording(label=ALL, about=ALL)
    display = Display(
        rows={"difftalk": odd, "fedavg": Wording(label="FedAvg")},
        metrics={"psnr": odd},
        axes=(AxisDisplay(name="eps", label=ALL, value=ALL, default=ALL, about=ALL),),
        baseline=Baseline(row="difftalk", phrase=ALL),
        suites={"privacy_utility": ALL},
        floors={"static": FloorRule(phrase=ALL)},
        published=PublishedFigures(note=ALL),
    )
    write_plan(
        spoilt,
        RunPlan(
            suite="privacy_utility",
            preset="default",
            settings=settings,
            display=display,
            planned=tuple(rows),
        ),
    )
    record_failure(spoilt, "abc", ALL)
    out = shown(spoilt, folder, capsys)
    assert "1 of 4 planned rows is missing" in out.replace("\n", " ").replace("  ", " ")


def test_paths_of_the_command_line_are_shown_as_text(tmp_path, capsys, folder):
    odd = tmp_path / "[/bold]\x1b[31m"
    assert cli.guarded(["show", str(odd)]) == 2
    assert cli.guarded(["publish", str(folder), "-o", str(odd)]) == 0
    captured = capsys.readouterr()
    assert not RAW.search(captured.out + captured.err)
    assert "[/bold]" in captured.out


NUMBERS = (0, -1, 1, 10**60, -1e99, 5e-324, 1e-300, 0.5)


@pytest.mark.parametrize("number", NUMBERS)
def test_odd_numbers_take_nothing_down(folder, spoilt, capsys, number):
    raw = json.loads(victim(folder).read_text())

    def spread(value: Any, key: Any = None) -> Any:
        if isinstance(value, dict):
            return {k: spread(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [spread(v, key) for v in value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return int(number) if isinstance(value, int) else float(number)

    for part in ("metrics", "attacks", "federation", "timings", "audits"):
        raw[part] = spread(raw[part])
    put(spoilt, raw)
    shown(spoilt, folder, capsys)
