from __future__ import annotations

import csv
import hashlib
import json
import os
from html.parser import HTMLParser
from urllib.parse import urlparse

import pytest

from privtalk.core.records import Record, Sample
from privtalk.leaderboards.board import loading
from privtalk.leaderboards.board import validation as result
from privtalk.leaderboards.site import publish as site

VOID = {"meta", "link", "img", "br", "source", "input", "hr"}
SMALL = {
    ("static", "none"): -3.4,
    ("difftalk", "none"): 0.0,
    ("fedavg", "none"): 0.9,
    ("privfedtalk", "none"): 1.0,
    ("fedavg", "eps=8"): 0.3,
    ("privfedtalk", "eps=8"): 0.4,
}


class Page(HTMLParser):
    """Links, text and unbalanced tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.images_without_text = 0
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.links += [named[key] for key in ("href", "src", "srcset", "poster") if named.get(key)]
        self.ids |= {named["id"]} if "id" in named else set()
        self.images_without_text += tag == "img" and not named.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"closing {tag} that was never opened"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def trimmed(record: Record) -> Record:
    keep = ("psnr", "mouth_sync", "jitter")
    return record.model_copy(update={"metrics": {k: v for k, v in record.metrics.items() if k in keep}})


@pytest.fixture(scope="module")
def small(make):
    return make(SMALL, clients=5).changed(trimmed)


@pytest.fixture(scope="module")
def published(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    small.write(folder / "run")
    site.publish([folder / "run"], folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def page(published):
    return Page((published / "index.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_every_image_described(page):
    assert page.open == []
    assert page.images_without_text == 0


def test_every_link_leads_to_a_file_of_the_site(page, published):
    for link in page.links:
        parts = urlparse(link)
        assert parts.scheme in ("", "data"), f"{link} leaves the site"
        if parts.scheme == "" and parts.path:
            assert (published / parts.path).is_file(), link
        if parts.fragment:
            assert parts.fragment in page.ids


def test_nothing_is_fetched_from_elsewhere(published):
    for path in [*published.rglob("*.css"), *published.rglob("*.js"), *published.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert "http:" not in text, path
        assert "https:" not in text, path


def test_it_says_what_a_reader_looks_for(page):
    for words in (
        "Privacy and utility, default preset",
        "Does training beat the zero-shot backbone on psnr?",
        "Zero-shot DiffTalk",
        "no guarantee",
        "central-gaussian",
        "add or remove one client",
        "mouth_sync: the generated frames do not move",
        "needs 1000 non-members",
        "control:never trained",
        "Published on other data",
        "commit 3f9a2c4d5e",
    ):
        assert words in page.words or words in page_titles(page), words


def page_titles(page: Page) -> str:
    return " ".join(value for value in page_attributes(page.rawdata) if value)


def page_attributes(text: str) -> list[str]:
    return [part.split('"')[0] for part in text.split('title="')[1:]]


@pytest.fixture(autouse=True, scope="module")
def _keep_source(page, published):
    page.rawdata = (published / "index.html").read_text(encoding="utf-8")


def test_records_and_samples_download_as_they_were(published, small):
    for record in small.records:
        text = (published / "data" / "records" / f"{record.cell_id}.json").read_text(encoding="utf-8")
        found = Record.model_validate_json(text)
        assert found.model_copy(update={"samples_sha256": None}) == record
        lines = (published / "data" / "samples" / f"{record.cell_id}.jsonl").read_bytes()
        assert hashlib.sha256(lines).hexdigest() == found.samples_sha256
        assert [Sample.model_validate_json(x) for x in lines.splitlines()] == small.samples[record.cell_id]


def test_the_data_behind_each_chart_can_be_read(published):
    tables = list((published / "charts").rglob("*.csv"))
    assert len(tables) == 5
    for path in tables:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert len(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))) == len(rows)


def test_publishing_again_gives_the_same_page(small, published, tmp_path):
    small.write(tmp_path / "run")
    again = site.publish([tmp_path / "run"], tmp_path / "site")
    assert again.read_bytes() == (published / "index.html").read_bytes()


def test_an_old_site_is_replaced_as_a_whole(small, tmp_path, monkeypatch):
    monkeypatch.setattr(
        site.page, "write", lambda board, runs, folder, link, *_: (folder / link.href).write_text("x")
    )
    small.write(tmp_path / "run")
    out = tmp_path / "site"
    site.publish([tmp_path / "run"], out)
    (out / "stale.html").write_text("old")
    site.publish([tmp_path / "run"], out)
    assert not (out / "stale.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "site"]


def test_a_failure_leaves_the_old_site_as_it_was(small, tmp_path, monkeypatch):
    small.write(tmp_path / "run")
    out = tmp_path / "site"
    out.mkdir()
    (out / site.MARKER).write_text("")
    (out / "index.html").write_text("old")

    def fail(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(site.page, "write", fail)
    with pytest.raises(RuntimeError):
        site.publish([tmp_path / "run"], out)
    assert (out / "index.html").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "site"]


def test_other_peoples_folders_are_not_replaced(small, tmp_path):
    small.write(tmp_path / "run")
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="not a site"):
        site.publish([tmp_path / "run"], full)
    with pytest.raises(ValueError, match="holds the run"):
        site.publish([tmp_path / "run"], tmp_path / "run")
    with pytest.raises(ValueError, match="holds the run"):
        site.publish([tmp_path / "run"], tmp_path)
    assert (full / "thesis.tex").exists()


@pytest.fixture(scope="module")
def whole(make, tmp_path_factory):
    """A site with every metric, and a validation beside the run."""
    folder = tmp_path_factory.mktemp("whole")
    make(SMALL, seeds=(0,), clients=5).write(folder / "run")
    report = folder / "run" / "validation"
    (report / "plots").mkdir(parents=True)
    (report / "index.html").write_text("<p>report</p>")
    (report / "plots" / "psnr.svg").write_text("<svg/>")
    (folder / "secret.txt").write_text("secret")
    (report / "leak.txt").symlink_to(folder / "secret.txt")
    floors = {"psnr": {"n": 40, "value": 0.083}, "ssim": {"n": "many"}, "lpips[talkhead]": None}
    (report / "metrics.json").write_text(json.dumps({"noise_floor": floors}))
    site.publish([folder / "run"], folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def text(whole):
    return (whole / "index.html").read_text(encoding="utf-8")


def test_there_is_an_overview_and_a_table_a_family(text):
    assert Page(text).open == []
    for family in ("quality", "distribution", "identity", "landmarks", "temporal", "sync"):
        assert f'id="family-{family}"' in text
        assert f'href="#family-{family}"' in text
    assert text.count("<details open") + text.count('family" open') >= 1
    overview = text.split('id="family-quality"')[0].split('id="table"')[1]
    assert "FID" in overview
    assert "KID" not in overview


def test_evaluators_stand_in_the_head_with_what_is_measured(text):
    assert '<span class="evaluator">talkhead</span>' in text
    assert "What lpips[talkhead] measures" in text


def test_columns_without_a_value_are_listed_with_the_command(text):
    quality = text.split('id="family-quality"')[1].split("<details")[0]
    assert "LPIPS" in quality
    words = Page(quality.split("<details")[0].split("</details>")[0].split(">", 1)[1]).words
    assert "Not measured here: lpips[alex], lpips_face[alex] - no weights of lpips-alex" in words
    assert "<code>bench weights fetch lpips-alex</code>" in quality
    assert '<span class="evaluator">alex</span>' not in text


def test_few_charts_for_many_metrics(whole):
    drawn = {path.stem for path in (whole / "charts").rglob("*.csv")}
    assert drawn == {
        "privacy-utility-psnr",
        "differences-psnr",
        "all-metrics",
        "differences-lpips-talkhead",
        "differences-fid-talkhead",
        "differences-identity-talkhead",
        "differences-jitter_error",
        "differences-mouth_sync",
        "differences-lse_c-talkhead",
        "roc-user_inference",
        "who-leaks",
    }


def test_a_validation_is_published_and_linked_twice(whole, text):
    assert text.count('href="validation/index.html"') == 2
    assert (whole / "validation" / "plots" / "psnr.svg").is_file()
    assert not (whole / "validation" / "leak.txt").exists()
    assert "smallest difference that 40 clips can show: 0.08" in text


def test_without_a_validation_there_is_no_link(published):
    assert "validation" not in (published / "index.html").read_text(encoding="utf-8")
    assert not (published / "validation").exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", "[" * 100_000, '{"noise_floor": 3}', '{"noise_floor": {"psnr": [1]}}']
)
def test_a_broken_validation_is_passed_over(tmp_path, content):
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "metrics.json").write_text(content)
    assert result.find([tmp_path]) is None


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no records"):
        site.publish([tmp_path], tmp_path / "site")


def test_a_broken_record_is_named_and_the_rest_goes_on(small, tmp_path):
    small.write(tmp_path / "run")
    (tmp_path / "run" / "records" / "broken.json").write_text("{")
    runs = loading.load([tmp_path / "run"])
    assert len(runs.records) == len(small.records)
    assert len(runs.problems) == 1
    assert "broken.json" in runs.problems[0]
    board = next(iter(site.boards_of(runs).values()))
    assert any(problem.startswith(f"records{os.sep}broken.json") for problem in board.problems)


def test_hostile_names_are_text_on_the_page_and_stay_inside_the_site(small, tmp_path):
    evil = '"><script>alert(1)</script>'
    spoilt = small.changed(lambda r: r.model_copy(update={"row": evil}) if r.method == "privfedtalk" else r)
    folder = spoilt.write(tmp_path / "run")
    path = folder / "records" / f"{small.cell('static', 'none', 0)}.json"
    path.write_text(path.read_text().replace(path.stem, f"../../{path.stem}"))
    page = site.publish([folder], tmp_path / "site")
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert f"records/{path.name}: holds the record of cell" in text
    assert not any("<script>" in p.read_text(encoding="utf-8") for p in (tmp_path / "site").rglob("*.svg"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "site"]
