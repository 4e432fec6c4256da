"""The page of a board under the whole attack set, and pages of old records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from privtalk.core.records import RunStore, Sample, load_record
from privtalk.leaderboards.site import publish as site
from tests.leaderboards.attacked import GAINS, KINDS, audit
from tests.leaderboards.progressed import leaking, personalised
from tests.leaderboards.site.test_site import Page, page_attributes

ROOT = Path(__file__).parents[3]
KEPT = ("psnr", "mouth_sync", "jitter")


def trimmed(record):
    """Fewer metrics, fewer charts."""
    return record.model_copy(update={"metrics": {k: v for k, v in record.metrics.items() if k in KEPT}})


@pytest.fixture(scope="module")
def published(attacked_runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked")
    broken = attacked_runs.changed(trimmed).changed(
        lambda r: (
            r.model_copy(update={"audits": (audit(r.privacy, certified=5.0),)}) if r.tier == "eps=2" else r
        )
    )
    broken.write(folder / "run")
    site.publish([folder / "run"], folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def text(published):
    return (published / "index.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_its_links_lead_somewhere(text, published):
    page = Page(text)
    assert page.open == []
    assert page.images_without_text == 0
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("data:"):
            assert (published / link.partition("#")[0]).is_file(), link


def test_a_reader_finds_who_leaks_how_strongly_and_by_what(text):
    words = Page(text).words
    for said in (
        "Who leaks",
        "The strongest attack of each family",
        "What each attack finds where there is something to find",
        "strength not shown",
        "does not find even what is planted",
        "Reconstruction",
        "PSNR gain, dB",
        "adapters of one person each, 16 steps",
        "the very clips of a member’s device",
        "not corrected for many comparisons",
        "ε at least,",
    ):
        assert said in words, said
    for name in (*KINDS, *GAINS):
        assert f'id="attack-{name}"' in text


def test_gains_of_reconstruction_are_told_of_rows_that_it_was_run_on(attacked_runs, tmp_path):
    leaking(personalised(attacked_runs.changed(trimmed), {"4": 0.2})).write(tmp_path / "run")
    site.publish([tmp_path / "run"], tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    table = page.split('aria-label="Gains of the reconstruction attacks"')[1].split("</table>")[0]
    assert "FedAvg" in table
    assert "personalised" in page
    assert "personalised" not in table


def test_a_violation_is_the_first_finding_and_is_repeated_with_the_audits(text):
    first = text.split("<article")[1].split("</article>")[0]
    assert first.startswith(' class="finding error"')
    assert "Do audits contradict the guarantee?" in first
    audits = text.split('<section id="audits">')[1]
    assert "but PLD says ε ≤ 1.99" in Page(audits.split("</section>")[0]).words
    assert '<details class="block" open>' in audits.split("</section>")[0]


def test_rocs_are_drawn_for_the_strongest_and_kept_for_all(published):
    drawn = {p.stem for p in (published / "charts").rglob("roc-*.csv")}
    assert drawn == {
        f"roc-{n}" for n in ("user_inference", "malicious_client", "fedmia", "span", "distinguishing")
    }
    assert {p.stem for p in (published / "data" / "index-roc").glob("*.csv")} == set(KINDS)


def test_the_data_of_the_matrix_is_linked_and_whole(text, published):
    assert 'href="charts/index/who-leaks.csv"' in text
    rows = json.loads((published / "charts" / "index" / "who-leaks.json").read_text(encoding="utf-8"))
    assert len(rows) == 7 * len([*KINDS, *GAINS])


def test_the_page_explains_tallies_and_gains_on_hover(text):
    titles = " ".join(page_attributes(text))
    assert "above: update_cosine, gradient_difference, fedmia, source_inference" in titles
    assert "identity gain" in titles


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_old_records_still_make_a_page(tmp_path, schema):
    golden = ROOT / "core" / "golden" / f"record-schema-{schema}.json"
    record = load_record(golden)
    assert record.upgraded_from == schema
    store = RunStore(tmp_path / "run")
    measured = {n: s.estimate.value for n, s in record.metrics.items() if s.estimate.n}
    samples = [Sample(client=f"c{k}", clip="u", scores=measured) for k in range(6)]
    lines = "".join(sample.model_dump_json() + "\n" for sample in samples)
    for path, text in ((store.record_path, golden.read_text(encoding="utf-8")), (store.samples_path, lines)):
        path(record.cell_id).parent.mkdir(parents=True)
        path(record.cell_id).write_text(text, encoding="utf-8")
    assert store.read(record.cell_id).samples_sha256 is None
    page = site.publish([tmp_path / "run"], tmp_path / "site").read_text(encoding="utf-8")
    assert Page(page).open == []
    assert "strength not shown" in page
    assert 'id="audits"' not in page
