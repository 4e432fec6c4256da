"""A comparison for other programs: Markdown, JUnit XML, JSON, and tolerances from a file."""

from __future__ import annotations

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from privtalk.bench import cli
from privtalk.core.display import ShareOfBase
from privtalk.core.errors import UserError
from privtalk.leaderboards.regression.regression import compare
from privtalk.leaderboards.regression.reports import to_json, to_junit, to_markdown
from privtalk.leaderboards.regression.tolerances import read_tolerances

ROWS = {("difftalk", "none"): 0.0, ("fedavg", "none"): 0.9, ("fedavg", "eps=8"): 0.4}


@pytest.fixture(scope="module")
def base(make):
    return make(ROWS, seeds=(0,), clients=5)


@pytest.fixture(scope="module")
def worse(base):
    """One row worse, one better, one without its attack."""

    def shift(record, sample):
        by = {("fedavg", "none"): -1.0, ("fedavg", "eps=8"): 1.0}.get((record.method, record.tier), 0.0)
        return {"psnr": sample.scores["psnr"] + by}

    moved = base.rescored(shift)
    return moved.changed(
        lambda r: r.model_copy(update={"attacks": {}}) if (r.method, r.tier) == ("fedavg", "none") else r
    )


def compared(base, new, **options):
    return compare(base.records, base.samples, new.records, new.samples, **options)


@pytest.fixture(scope="module")
def found(base, worse):
    return compared(base, worse, failures=["records/a|b.json: <b>cut</b>"])


def test_the_summary_says_what_changed(found):
    text = to_markdown(found)
    lines = text.splitlines()
    assert lines[0] == "### ⚠️ Run failure"
    assert "| FedAvg | no DP | psnr |" in text
    row = next(line for line in lines if line.startswith("| FedAvg | no DP"))
    assert "−1.00" in row
    assert row.endswith("| ❌ regression |")
    assert "✅ improvement" in text
    assert r"records/a\|b.json: &lt;b&gt;cut&lt;/b&gt;" in text
    assert "user\\_inference: the attack is missing" in text


def test_a_table_has_as_many_cells_in_every_row(found):
    rows = [line.replace("\\|", "") for line in to_markdown(found).splitlines() if line.startswith("|")]
    assert len(rows) > 3
    assert {row.count("|") for row in rows} == {9}


def test_equal_runs_are_said_to_be(base):
    equal = compared(base, base)
    assert to_markdown(equal).startswith("### ✅ No regression\n\nok: no regression (3 pairs")
    assert json.loads(to_json(equal))["exit_code"] == 0
    root = ET.fromstring(to_junit(equal))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_nothing_compared_is_an_error_of_its_own(base):
    nothing = compare(base.records, {}, base.records, {})
    assert to_markdown(nothing).startswith("### ⚠️ Nothing comparable")
    root = ET.fromstring(to_junit(nothing))
    [case] = [case for case in root.iter("testcase") if case.get("name") == "comparable"]
    assert case.find("error") is not None
    assert json.loads(to_json(nothing))["verdict"] == "nothing comparable"


def test_the_xml_has_a_case_a_row_and_metric(found):
    root = ET.fromstring(to_junit(found))
    assert root.tag == "testsuites"
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    regression = cases["FedAvg, no DP", "psnr"].find("failure")
    assert "difference −1.00" in regression.get("message")
    assert cases["FedAvg, ε = 8", "psnr"].find("failure") is None
    assert cases["Zero-shot DiffTalk, no DP", "psnr"].find("system-out") is not None
    assert cases["checks", "records/a|b.json: <b>cut</b>"].find("error") is not None
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
    totals = {key: sum(int(suite.get(key)) for suite in root) for key in ("tests", "failures", "errors")}
    assert {key: int(root.get(key)) for key in totals} == totals
    assert totals["failures"] == 2
    assert totals["errors"] == 1


def test_the_json_holds_everything(found):
    tree = json.loads(to_json(found))
    assert (tree["exit_code"], tree["verdict"], tree["pairs"]) == (2, "run failure", 3)
    assert tree["compared"] == len(tree["changes"]) == found.compared
    first = next(c for c in tree["changes"] if c["status"] == "regression")
    assert (first["method"], first["tier"], first["metric"], first["tolerance"]) == (
        "fedavg",
        "none",
        "psnr",
        0.1,
    )
    assert first["difference"]["value"] == pytest.approx(first["new"] - first["base"]) == pytest.approx(-1.0)
    assert {check["status"] for check in tree["checks"]} == {"failure", "regression"}


def test_reports_are_the_same_each_time(base, worse, found):
    again = compared(base, worse, failures=["records/a|b.json: <b>cut</b>"])
    for report in (to_markdown, to_junit, to_json):
        assert report(again) == report(found)


@pytest.fixture
def folders(base, worse, tmp_path):
    base.write(tmp_path / "base")
    worse.write(tmp_path / "new")
    return [str(tmp_path / "base"), str(tmp_path / "new")]


def test_the_command_writes_all_three(folders, tmp_path, capsys):
    paths = {kind: tmp_path / "deep" / f"found.{kind}" for kind in ("markdown", "junit", "json")}
    options = [word for kind, path in paths.items() for word in (f"--{kind}", str(path))]
    assert cli.guarded(["compare", *folders, *options]) == 1
    assert "regression: 2 found" in capsys.readouterr().out.replace("\n", " ")
    assert paths["markdown"].read_text(encoding="utf-8").startswith("### ❌ Regression")
    ET.parse(paths["junit"])
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["exit_code"] == 1
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == [
        "found.json",
        "found.junit",
        "found.markdown",
    ]


def test_a_dash_is_the_standard_output_alone(folders, capsys):
    assert cli.guarded(["compare", *folders, "--json", "-"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["exit_code"] == 1
    assert "regression: 2 found" in captured.err.replace("\n", " ")


def test_devices_are_written_to(folders):
    line = [sys.executable, "-m", "privtalk.bench.cli", "compare", *folders, "--json", "/dev/stdout"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"exit_code": 1' in done.stdout


def test_reports_that_have_no_place_are_refused_before_anything_is_read(tmp_path, capsys):
    for options in (["--json", "-", "--markdown", "-"], ["--json", str(tmp_path)]):
        assert cli.guarded(["compare", "/nowhere", "/nowhere", *options]) == 2
        err = capsys.readouterr().err.strip()
        assert "\n" not in err
        assert "two reports cannot go" in err or "is a folder; name a file" in err


METRICS = ("psnr", "fid[talkhead]", "lse_c[talkhead]", "lse_c[syncnet]")


def tolerances_of(tmp_path, text: str) -> dict:
    path = tmp_path / "tolerances.yml"
    path.write_text(text, encoding="utf-8")
    return read_tolerances(path, METRICS)


def test_tolerances_are_read(tmp_path):
    text = "psnr: 0.2\nfid: 5 %\nfid[talkhead]: 2.5%\nlse_c[syncnet]: 0\n"
    assert tolerances_of(tmp_path, text) == {
        "psnr": 0.2,
        "fid": ShareOfBase(share=0.05),
        "fid[talkhead]": ShareOfBase(share=0.025),
        "lse_c[syncnet]": 0.0,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no tolerances"),
        ("[]", "holds no tolerances"),
        ("- psnr: 1", "holds no tolerances"),
        ("psnr", "holds no tolerances"),
        ("{", "not a YAML file"),
        ("psnr: 1\npsnr: 2", "'psnr' stands twice"),
        ("{" * 5000, "not a YAML file"),
        ("psnrr: 1", r"unknown metric 'psnrr' \(did you mean psnr\?\); valid: fid, fid\[talkhead\], lse_c"),
        ("ssim: 1", "unknown metric 'ssim'"),
        ("1: 1", "unknown metric '1'"),
        ("psnr: -1", "psnr: -1 is no tolerance"),
        ("psnr: .nan", "psnr: nan is no tolerance"),
        ("psnr: .inf", "psnr: inf is no tolerance"),
        ("psnr: true", "psnr: True is no tolerance"),
        ("psnr: much", "psnr: much is no tolerance"),
        ("psnr: -5 %", "psnr: -5 % is no tolerance"),
        ("psnr: e %", "psnr: e % is no tolerance"),
        ("psnr: [1]", "is no tolerance"),
        ("psnr:", "psnr: None is no tolerance"),
        ("psnr: !!python/object/apply:os.system ['x']", "not a YAML file"),
    ],
)
def test_what_is_no_tolerance_is_one_line(tmp_path, text, said):
    with pytest.raises(UserError, match=said) as refused:
        tolerances_of(tmp_path, text)
    assert "tolerances.yml: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_tolerances_overrides_the_built_in_ones(folders, base, tmp_path, capsys):
    wide = tmp_path / "wide.yml"
    wide.write_text("psnr: 1.5\n")
    base.rescored(lambda r, s: {"psnr": s.scores["psnr"] - 1.0}).write(tmp_path / "low")
    pair = [folders[0], str(tmp_path / "low")]
    assert cli.guarded(["compare", *pair]) == 1
    assert cli.guarded(["compare", *pair, "--tolerances", str(wide)]) == 0
    wide.write_text("psnr: 5 %\n")
    assert cli.guarded(["compare", *pair, "--tolerances", str(wide)]) == 0
    wide.write_text("psnr: 1 %\n")
    assert cli.guarded(["compare", *pair, "--tolerances", str(wide)]) == 1
    wide.write_text("nope: 1 %\n")
    capsys.readouterr()
    assert cli.guarded(["compare", *pair, "--tolerances", str(wide)]) == 2
    assert "unknown metric 'nope'" in capsys.readouterr().err
    assert cli.guarded(["compare", *pair, "--tolerances", str(tmp_path / "absent.yml")]) == 2
