from __future__ import annotations

import re

import pytest

from privtalk.metrics import METRICS
from privtalk.metrics.weights import CATALOGUE, WeightsError, weights


@pytest.mark.parametrize("name", CATALOGUE)
def test_entries_are_whole(name):
    entry = CATALOGUE[name]
    assert entry.name == name
    assert sum(map(bool, (entry.urls, entry.archive, entry.package))) <= 1
    for source in (entry, *filter(None, [entry.archive])):
        assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)
        assert all(re.match(r"https?://", url) for url in source.urls)
    assert not entry.fetchable or (entry.sha256 and entry.size), "what comes over a network is checked"


@pytest.mark.parametrize("name", CATALOGUE)
def test_hashes_agree_with_the_digits_in_published_file_names(name):
    """torchvision's convention, which its own loader checks: NAME-HASH8.pth."""
    promised = re.search(r"-([0-9a-f]{8})\.pth$", CATALOGUE[name].file)
    assert (promised is not None) == (name.startswith("lpips") or name == "inception")
    assert promised is None or str(CATALOGUE[name].sha256).startswith(promised[1])


def test_licences_that_forbid_say_so():
    for entry in CATALOGUE.values():
        assert entry.commercial != ("non-commercial" in entry.licence)
    assert not CATALOGUE["arcface"].commercial
    assert not CATALOGUE["detector"].commercial


def test_evaluators_and_files_are_not_shared():
    named = [f"{m}[{entry.evaluator}]" for entry in CATALOGUE.values() for m in entry.metrics or ("",)]
    assert len(set(named)) == len(named)
    assert len({entry.file for entry in CATALOGUE.values()}) == len(CATALOGUE)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(WeightsError, match=r"^unknown weights 'lpips'; valid: lpips-alex, .*, dlib-cnn$"):
        weights("lpips")


def test_weights_name_the_metrics_that_need_them():
    """As the registry has them: every metric of a published network is somebody's, under its full name."""
    named = {f"{metric}[{entry.evaluator}]" for entry in CATALOGUE.values() for metric in entry.metrics}
    published = {m.name for m in METRICS.values() if m.evaluator not in (None, "talkhead")}
    assert named == published
