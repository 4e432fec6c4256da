"""Nothing that is missing or damaged, on either side, lets a comparison be green."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from privtalk.bench import cli
from privtalk.core.cache import content_hash
from privtalk.core.records import Estimate, RunStore, Sample
from privtalk.core.run_folder import PlannedRow, RunPlan, record_failure, write_plan
from privtalk.leaderboards.regression.comparison import NOTHING_COMPARABLE, OK, REGRESSION, RUN_FAILURE

ROWS = {("difftalk", "none"): 0.0, ("fedavg", "none"): 0.9, ("fedavg", "eps=8"): 0.4}
SIDES = ("base", "new")


@pytest.fixture(scope="module")
def three(make):
    """Three small records."""

    def trimmed(record):
        kept = {name: record.metrics[name] for name in ("psnr", "ssim", "jitter_error", "lpips[alex]")}
        return record.model_copy(update={"metrics": kept})

    return make(ROWS, seeds=(0,), clients=5).changed(trimmed)


@pytest.fixture
def sides(three, tmp_path):
    """The same run twice, as `bench run` leaves it."""
    for side in SIDES:
        three.write(tmp_path / side)
        plan_rows(tmp_path / side)
    return tmp_path


def plan_rows(folder: Path) -> None:
    rows = tuple(
        PlannedRow(cell_id=r.cell_id, row=r.method, method=r.method, at=r.at, seed=r.seed)
        for r in RunStore(folder)
    )
    settings = {"corpus": {"name": "talkhead"}}
    write_plan(folder, RunPlan(suite="privacy_utility", preset="default", settings=settings, planned=rows))


def compared(folder: Path, capsys) -> tuple[int, str]:
    code = cli.guarded(["compare", str(folder / "base"), str(folder / "new")])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, " ".join((captured.out + captured.err).split())


def records(folder: Path) -> list[Path]:
    return sorted((folder / "records").iterdir())


def samples(folder: Path) -> list[Path]:
    return sorted((folder / "samples").iterdir())


def cut_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def edited(path: Path, **change) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def remade(folder: Path, change, some=lambda record: True) -> None:
    """Records and samples changed and written as if a run had made them."""
    store = RunStore(folder)
    for record in list(store):
        if some(record):
            made, scored = change(record, store.samples(record.cell_id))
            store.record_path(record.cell_id).unlink()
            store.samples_path(record.cell_id).unlink()
            store.write(made, scored)
    plan_rows(folder)


def blank(record, scored):
    return record, [s.model_copy(update={"scores": dict.fromkeys(s.scores)}) for s in scored]


def unmeasured(record, scored):
    gone = Estimate(missing="no weights")
    metrics = {n: s.model_copy(update={"estimate": gone}) for n, s in record.metrics.items()}
    return record.model_copy(update={"metrics": metrics}), blank(record, scored)[1]


def strangers(record, scored):
    return record, [s.model_copy(update={"client": f"x{s.client}"}) for s in scored]


def fewer(record, scored):
    return record, scored[: len(scored) // 2]


def renamed_metrics(record, scored):
    metrics = {f"{name}_2": score for name, score in record.metrics.items()}
    moved = [
        Sample(client=s.client, clip=s.clip, scores={f"{n}_2": v for n, v in s.scores.items()})
        for s in scored
    ]
    return record.model_copy(update={"metrics": metrics}), moved


def unmetered(record, scored):
    return record.model_copy(update={"metrics": {}}), blank(record, scored)[1]


def reconfigured(record, scored):
    cell = record.cell | {"training": {"rounds": 9}}
    return record.model_copy(update={"cell": cell, "cell_id": content_hash(cell)}), scored


def other_unit(record, scored):
    psnr = record.metrics["psnr"].model_copy(update={"unit": "bel"})
    return record.model_copy(update={"metrics": record.metrics | {"psnr": psnr}}), scored


def no_fedavg(record):
    return record.method == "fedavg" and record.tier == "none"


def each(paths, act):
    for path in paths:
        act(path)


def lose_row(folder: Path) -> None:
    cell = next(r.cell_id for r in RunStore(folder) if no_fedavg(r))
    RunStore(folder).record_path(cell).unlink()
    record_failure(folder, cell, "RuntimeError: out of luck")


def lose_without_trace(folder: Path) -> None:
    """As lost in a folder from before rows were written down."""
    (folder / "run.json").unlink()
    records(folder)[0].unlink()


FAILED, NOTHING = RUN_FAILURE, NOTHING_COMPARABLE
DAMAGE = {
    "the folder is empty": (
        lambda f: (each(records(f), Path.unlink), (f / "records").rmdir()),
        FAILED,
        FAILED,
    ),
    "all records gone": (lambda f: each(records(f), Path.unlink), FAILED, FAILED),
    "one record gone": (lambda f: records(f)[0].unlink(), FAILED, FAILED),
    "one record gone, no plan": (lose_without_trace, FAILED, FAILED),
    "one row failed": (lose_row, FAILED, FAILED),
    "all samples gone": (lambda f: each(samples(f), Path.unlink), NOTHING, NOTHING),
    "one file of samples gone": (lambda f: samples(f)[0].unlink(), FAILED, FAILED),
    "all samples emptied": (lambda f: each(samples(f), lambda p: p.write_bytes(b"")), NOTHING, NOTHING),
    "samples cut at a line's end": (lambda f: cut_line(samples(f)[0]), FAILED, FAILED),
    "samples cut in a line": (
        lambda f: samples(f)[0].write_bytes(samples(f)[0].read_bytes()[:-9]),
        FAILED,
        FAILED,
    ),
    "samples swapped": (lambda f: samples(f)[0].write_bytes(samples(f)[1].read_bytes()), FAILED, FAILED),
    "a record cut": (lambda f: records(f)[0].write_bytes(records(f)[0].read_bytes()[:-99]), FAILED, FAILED),
    "a record emptied": (lambda f: records(f)[0].write_bytes(b""), FAILED, FAILED),
    "a record nested": (lambda f: records(f)[0].write_text("[" * 10_000), FAILED, FAILED),
    "a record's version": (lambda f: edited(records(f)[0], schema_version="4"), FAILED, FAILED),
    "a record's cell": (lambda f: edited(records(f)[0], cell={}), FAILED, FAILED),
    "a record of tomorrow": (lambda f: edited(records(f)[0], schema_version=99), FAILED, FAILED),
    "the plan a list": (lambda f: (f / "run.json").write_text("[]"), FAILED, FAILED),
    "all values null": (lambda f: remade(f, blank), NOTHING, NOTHING),
    "one row's values null": (lambda f: remade(f, blank, no_fedavg), FAILED, FAILED),
    "nothing measured": (lambda f: remade(f, unmeasured), NOTHING, NOTHING),
    "one row not measured": (lambda f: remade(f, unmeasured, no_fedavg), FAILED, FAILED),
    "no metrics": (lambda f: remade(f, unmetered), NOTHING, NOTHING),
    "metrics of one side only": (lambda f: remade(f, renamed_metrics), NOTHING, NOTHING),
    "other clients": (lambda f: remade(f, strangers), NOTHING, NOTHING),
    "other clients in a row": (lambda f: remade(f, strangers, no_fedavg), FAILED, FAILED),
    "half of the clips": (lambda f: remade(f, fewer), FAILED, REGRESSION),
    "another configuration": (lambda f: remade(f, reconfigured), NOTHING, NOTHING),
    "a row's other configuration": (lambda f: remade(f, reconfigured, no_fedavg), FAILED, FAILED),
    "another unit": (lambda f: remade(f, other_unit, no_fedavg), FAILED, FAILED),
}


def test_the_same_twice_is_green(sides, capsys):
    code, said = compared(sides, capsys)
    assert code == OK
    assert "3 pairs of records, 9 comparisons" in said


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_never_green(sides, capsys, damage, side):
    act, base, new = DAMAGE[damage]
    act(sides / side)
    code, said = compared(sides, capsys)
    assert code == (base if side == "base" else new), said


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_same_damage_on_both_sides_is_not_green_either(sides, capsys, damage):
    alike = ("half of the clips", "another configuration", "a row's other configuration", "another unit")
    for side in SIDES:
        DAMAGE[damage][0](sides / side)
    code, said = compared(sides, capsys)
    green = damage in (*alike, "metrics of one side only", "other clients", "other clients in a row")
    assert (code == OK) == green, said


def test_a_missing_row_is_told_with_its_reason(sides, capsys):
    lose_row(sides / "new")
    _, said = compared(sides, capsys)
    assert "FedAvg, no DP, seed 0: planned in new and missing: RuntimeError: out of luck" in said
    assert "1 missing, damaged or not comparable" in said


def test_a_planned_row_that_neither_side_has_is_a_failure(sides, capsys):
    for side in SIDES:
        lose_row(sides / side)
    code, said = compared(sides, capsys)
    assert code == RUN_FAILURE
    assert "planned in new and missing" in said
    assert "planned in base and missing" in said


def test_a_metric_that_only_new_has_is_told_and_not_compared(sides, capsys):
    def without(record, scored):
        kept = {n: s for n, s in record.metrics.items() if n != "ssim"}
        return record.model_copy(update={"metrics": kept}), scored

    remade(sides / "base", without)
    code, said = compared(sides, capsys)
    assert code == OK
    assert "metrics in new that base does not have, at least on a row, are not compared: ssim" in said


def test_one_client_cannot_be_judged_unless_nothing_moved(make):
    from privtalk.leaderboards.regression.regression import compare

    base = make({("difftalk", "none"): 0.0}, seeds=(0,), clients=1)
    assert compare(base.records, base.samples, base.records, base.samples).exit_code == OK
    moved = base.rescored(lambda r, s: {"psnr": s.scores["psnr"] - 1.0})
    found = compare(base.records, base.samples, moved.records, moved.samples)
    assert found.exit_code == RUN_FAILURE
    assert found.noteworthy[0].difference.missing == "one client: no interval to judge it by"
