"""The whole path on toy weights: every row's record, and what is told of failures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from privtalk.attacks.catalogue import CATALOGUE
from privtalk.bench import claiming
from privtalk.bench.commands import boards
from privtalk.bench.commands import run as command
from privtalk.bench.corpus import opening
from privtalk.bench.corpus.rendered import shards
from privtalk.bench.tasks.talking_head import run as own_run
from privtalk.bench.tasks.talking_head.stages import prepare, shadow_plan
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.core.run_folder import missing_rows, read_plan
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.metrics import METRICS
from tests.bench.runs import results


def test_every_row_has_a_record(whole):
    records = list(RunStore(whole))
    assert sorted((r.method, r.tier) for r in records) == sorted(
        [(m, t) for m in ("fedavg", "fedprox", "ffa_lora", "privfedtalk") for t in ("none", "eps=8")]
        + [(m, "none") for m in ("noise", "static", "autoencoder", "difftalk", "centralised")]
        + [("local_only", "personal=4")]
    )
    for record in records:
        assert list(record.metrics) == list(METRICS)
        assert record.metrics["psnr"].estimate.n == 3
        assert record.metrics["psnr"].estimate.clusters == 3
        samples = [s for s in RunStore(whole).samples(record.cell_id) if not s.at]
        assert [s.client for s in samples] == ["clients-00000", "clients-00001", "clients-00002"]
        mean = np.mean([s.scores["psnr"] for s in samples])
        assert record.metrics["psnr"].estimate.value == pytest.approx(mean)
        assert record.peak_memory_mib > 50
        assert record.timings["loading"] > 0
        assert record.operations.keys() <= record.timings.keys()
        assert record.operations.get("generating", 0) > 0 or record.method in (
            "noise",
            "static",
            "autoencoder",
        )


def test_floors_and_ceilings_are_where_they_belong(whole):
    records = {r.method: r for r in RunStore(whole) if "eps" not in r.at}
    assert records["static"].metrics["jitter"].estimate.value == 0
    assert records["static"].metrics["jitter_error"].estimate.value == 1
    # uniform pixels against uniform pixels' distance to anything: E|x - y|^2 >= var(x)
    assert records["noise"].metrics["psnr"].estimate.value < 10
    assert records["static"].metrics["psnr"].estimate.value > records["noise"].metrics["psnr"].estimate.value
    assert records["static"].metrics["mouth_sync"].estimate.missing
    assert {r.kind for r in records.values()} == {"method", "floor", "ceiling", "reference"}


def test_networks_judge_the_embedded_corpus_and_absent_ones_are_told(whole):
    for record in RunStore(whole):
        for name in ("lpips[talkhead]", "identity[talkhead]", "lmd[talkhead]", "theval[talkhead]"):
            assert record.metrics[name].estimate.n == 3
        assert record.metrics["identity[talkhead]"].ground_truth <= 1
        assert "bench weights" in record.metrics["identity[arcface]"].estimate.missing
        assert "too few for a covariance" in record.metrics["fid[talkhead]"].estimate.missing
        assert record.metrics["kid[talkhead]"].estimate.n == 3
        samples = [s for s in RunStore(whole).samples(record.cell_id) if not s.at]
        shares = [sample.scores["kid[talkhead]"] for sample in samples]
        assert record.metrics["kid[talkhead]"].estimate.value == pytest.approx(np.mean(shares))


def test_guarantees_are_stated_and_accounted(whole):
    for record in RunStore(whole):
        privacy = record.privacy
        assert privacy.guarantee == (record.tier == "eps=8")
        if not privacy.guarantee:
            assert privacy.reason
            assert privacy.epsilons.outsider is None
            continue
        assert 7.9 < privacy.epsilons.outsider <= 8
        assert privacy.epsilons.server > privacy.epsilons.secure_aggregation > privacy.epsilons.outsider
        assert privacy.quantisation_step == pytest.approx(privacy.clip / 2**18)
        assert privacy.delta == pytest.approx(8**-1.1)
        assert privacy.checks["pld of a Gaussian alike"] < privacy.epsilons.outsider
        assert (privacy.clip, privacy.sampling_rate, privacy.rounds) == (0.2, 0.6, 3)


def test_federated_rows_are_audited(whole):
    for record in RunStore(whole):
        if record.kind != "method":
            assert record.audits == ()
            continue
        [audit] = record.audits
        [upper] = audit.upper
        assert upper.epsilon == record.privacy.epsilons.outsider
        assert {low.name for low in audit.certified} == {
            "clopper_pearson",
            "gaussian_dp",
            "one_run",
            "one_run_fdp",
        }
        assert all(low.delta == upper.delta and low.confidence == 0.999 for low in audit.certified)
        assert not audit.violations
        assert audit.canaries == 400


def test_a_run_whose_noise_is_forgotten_fails_loudly(request_for, monkeypatch, tmp_path):
    """The planted bug: the aggregator adds nothing, the accountant believes that it does."""
    monkeypatch.setattr(
        GaussianMechanism, "noise", lambda self, dim, generator: torch.zeros(dim, dtype=torch.float64)
    )
    changes = ("privacy.placement=central", "privacy.noise_multiplier=8.0", "attack.canaries=2000")
    out = tmp_path / "leaky"
    assert command.run(request_for("fedavg", out=out, changes=changes)) == command.FAILED
    [log] = (out / "logs").glob("fedavg-eps8*.log")
    assert "is not what the ledger books" in log.read_text()
    assert {record.tier for record in RunStore(out)} == {"none"}


def test_released_adapters_are_attacked_with_controls(whole):
    for record in RunStore(whole):
        attack = record.attacks.get("user_inference")
        if record.method in ("noise", "static", "autoencoder", "difftalk"):
            assert attack is None
        elif record.method == "local_only":
            assert attack.auc.missing == "every client keeps its own adapter: none is released"
        else:
            assert (attack.positives, attack.negatives) == (6, 6)
            assert attack.controls["never_trained"].auc.value == 0.5
            assert attack.auc.low <= attack.auc.value <= attack.auc.high


def test_every_attack_of_a_record_is_in_the_catalogue(whole):
    found = {name.removesuffix("_over_base") for record in RunStore(whole) for name in record.attacks}
    assert "lira" in found
    assert found <= set(CATALOGUE)


def test_a_run_shows_one_screen_and_all_where_it_is_asked_for(whole, capsys):
    boards.show([whole])
    short = capsys.readouterr().out
    boards.show([whole], whole=True)
    long = capsys.readouterr().out
    for text in ("PrivFedTalk", "Can the numbers be trusted?"):
        assert text in short
        assert text in long
    assert "bench show --all" in short
    assert "user_inference" in long
    assert len(short.splitlines()) < len(long.splitlines()) / 3


def test_training_leaves_curves_and_traffic(whole):
    records = {(r.method, r.tier): r for r in RunStore(whole)}
    for (method, _), record in records.items():
        if method in ("fedavg", "fedprox", "ffa_lora", "privfedtalk"):
            cohorts = record.training["cohort"]
            assert len(cohorts) == 3
            dim = record.communication_bytes["up"] / 4 / sum(cohorts)
            assert dim == int(dim) > 0
    # matched seeds: every method and tier sees the same cohorts
    assert len({tuple(r.training["cohort"]) for r in records.values() if "cohort" in r.training}) == 1


def test_artifacts_exist_and_adapters_load(whole):
    for record in RunStore(whole):
        for path in record.artifacts.values():
            assert (whole / path).exists(), path
        shown = [name for name in record.artifacts if name.startswith("frames/")]
        assert shown == [f"frames/clients-{k:05d}-test-00.png" for k in range(3)]
        with Image.open(whole / record.artifacts[shown[0]]) as strip:
            assert strip.size == (8 * 128, 128)
        assert "truth/clips/clients-00000-test-00.mp4" in record.artifacts
        if record.method in ("fedavg", "centralised"):
            assert len(AdapterBank.from_peft(whole / record.artifacts["adapter"])) == 1
        if record.method == "local_only":
            assert len(AdapterBank.from_peft(whole / record.artifacts["adapter/clients-00001"])) == 1


def test_nothing_is_left_behind(whole):
    assert {path.name for path in whole.iterdir()} == {
        "records",
        "samples",
        "artifacts",
        "checkpoints",
        "run.json",
        "writer.lock",
        "events.jsonl",
        "trace.json",
    }
    assert not list((whole / "checkpoints").iterdir())
    assert not list(whole.rglob("*.part"))


def test_a_finished_run_has_nothing_to_do(whole, request_for, capsys):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.json")}
    assert command.run(request_for(out=whole)) == command.OK
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.json")} == before
    captured = capsys.readouterr()
    assert "14 cells, 14 of them finished before" in captured.err
    assert "PrivFedTalk" in captured.out
    assert "next: bench publish" in captured.err


def test_a_failing_cell_is_told_and_the_rest_goes_on(whole, request_for, monkeypatch, capsys):
    request = request_for("fedavg", "static")

    class Broken(own_run.Judge):
        def update(self, frames):
            if torch.equal(frames[0, 0], frames[0, 1]):
                raise RuntimeError("out of luck")
            super().update(frames)

    monkeypatch.setattr(own_run, "Judge", Broken)
    assert command.run(request) == command.FAILED
    err = capsys.readouterr().err
    assert "failed static seed 0: RuntimeError: out of luck" in err
    assert "1 cell failed" in err
    log = request.out / "logs" / "static-seed-0.log"
    assert "in update" in log.read_text()
    [lost] = missing_rows(request.out, {r.cell_id for r in RunStore(request.out)})
    assert (lost.row, lost.tier, lost.seed) == ("static", "none", 0)
    assert lost.reason == "RuntimeError: out of luck"
    assert set(results(request.out)) == {"fedavg none", "fedavg eps=8"}
    monkeypatch.undo()
    assert command.run(request) == command.OK
    assert not log.exists()
    assert not list(request.out.glob("failures/*"))
    assert missing_rows(request.out, {r.cell_id for r in RunStore(request.out)}) == ()
    assert results(request.out)["static none"] == results(whole)["static none"]


def test_a_folder_belongs_to_one_configuration(whole, request_for):
    with pytest.raises(UserError, match=r"holds another configuration \(federation\.rounds: 3 -> 4\)"):
        command.run(request_for(out=whole, changes=("federation.rounds=4",)))


def test_a_folder_keeps_the_rows_of_every_call(whole, request_for, tmp_path):
    _, some, _ = command.prepare(request_for("static"))
    _, others, _ = command.prepare(request_for("fedavg", "static"))
    for plan in (some, others, some):
        claiming.claim(tmp_path / "run", plan)
    rows = [(planned.row, planned.tier) for planned in read_plan(tmp_path / "run").planned]
    assert rows == [("static", "none"), ("fedavg", "none"), ("fedavg", "eps=8")]
    assert {planned.cell_id for planned in read_plan(whole).planned} == {r.cell_id for r in RunStore(whole)}


def test_a_folder_of_before_rows_were_written_down_goes_on(request_for, tmp_path):
    _, plan, _ = command.prepare(request_for("static"))
    claiming.claim(tmp_path / "run", plan)
    old = json.loads((tmp_path / "run" / "run.json").read_text())
    del old["planned"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(old))
    claiming.claim(tmp_path / "run", plan)
    assert [planned.row for planned in read_plan(tmp_path / "run").planned] == ["static"]


def test_sizes_that_do_not_fit_the_backbone_are_refused(request_for):
    with pytest.raises(UserError, match=r"corpus\.size is 64, the backbone takes 32 pixels"):
        command.prepare(request_for(changes=("corpus.size=64",)))


@pytest.mark.parametrize(
    ("changes", "clients"),
    [
        (("partition.kind=dirichlet", "partition.people=3", "federation.secure_aggregation=false"), 3),
        (("partition.kind=quantity", "partition.skew=3"), 8),
        (("evaluation.track=inpaint", "evaluation.progressive=true"), 8),
    ],
    ids=["dirichlet", "quantity", "inpaint"],
)
def test_other_settings_run_to_a_record(request_for, changes, clients):
    request = request_for("fedavg", "local_only", "static", changes=changes)
    assert command.run(request) == command.OK
    records = {f"{r.method} {r.tier}": r for r in RunStore(request.out)}
    assert set(records) == {"fedavg none", "fedavg eps=8", "local_only personal=4", "static none"}
    assert records["fedavg eps=8"].privacy.delta == pytest.approx(clients**-1.1)
    assert records["fedavg none"].metrics["psnr"].estimate.n == 3
    store = RunStore(request.out)
    samples = {r.cell_id: [s for s in store.samples(r.cell_id) if not s.at] for r in records.values()}
    named = {tuple((s.client, s.clip) for s in own) for own in samples.values()}
    assert len(named) == 1, "rows are compared clip by clip, whatever they train"


def test_run_json_is_readable_and_complete(whole):
    kept = json.loads((whole / "run.json").read_text())
    assert kept["suite"] == "privacy_utility"
    assert kept["settings"]["federation"]["rounds"] == 3


def test_people_whose_names_differ_by_a_character_stay_apart(request_for, monkeypatch):
    """Identities of real data sets hold spaces and signs; two of them once were one client."""
    names = {"clients-00000": "a b", "clients-00001": "a_b", "clients-00002": "a+b"}

    class Renamed(shards.EmbeddedPopulation):
        def people(self, role):
            return tuple(replace(p, name=names.get(p.name, p.name)) for p in super().people(role))

        def clips(self, person, purpose):
            known = {new: old for old, new in names.items()}
            return super().clips(replace(person, name=known.get(person.name, person.name)), purpose)

    for module in (shadow_plan, prepare, own_run, opening):
        monkeypatch.setattr(module, "open_population", lambda spec, folder: Renamed(spec))
    request = request_for("difftalk", changes=("corpus.seed=5",))  # whose files nobody else reads
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    samples = RunStore(request.out).samples(record.cell_id)
    assert [sample.client for sample in samples] == ["a b", "a_b", "a+b"]
    assert record.metrics["psnr"].estimate.clusters == 3
    shown = [path for name, path in record.artifacts.items() if name.startswith("frames/")]
    assert len(set(shown)) == 3
    assert all((request.out / path).is_file() for path in shown)


def test_every_federated_row_is_scored_as_released_and_personalised(whole):
    records = {(r.method, r.tier): r for r in RunStore(whole)}
    for (method, tier), record in records.items():
        federated = method in ("fedavg", "fedprox", "ffa_lora", "privfedtalk")
        assert [variant.at for variant in record.variants] == ([{"personal": "4"}] if federated else [])
        for variant in record.variants:
            own = [s for s in RunStore(whole).samples(record.cell_id) if s.at == variant.at]
            assert [s.client for s in own] == ["clients-00000", "clients-00001", "clients-00002"]
            assert list(variant.metrics) == list(METRICS)
            mean = np.mean([s.scores["psnr"] for s in own])
            assert variant.metrics["psnr"].estimate.value == pytest.approx(mean)
            assert variant.metrics["psnr"].estimate.value != record.metrics["psnr"].estimate.value
            assert "has no guarantee about its owner" in variant.about
            assert all((whole / path).exists() for path in variant.artifacts.values())
            assert {"frames", "clips"} <= {name.partition("/")[0] for name in variant.artifacts}
        assert (record.timings.get("personalising", 0) > 0) == (federated or method == "local_only")
        assert tier != "none" or "personal" not in record.at
    assert len(records["local_only", "personal=4"].training["loss"]) == 4


def test_personalised_rows_are_shown_and_compared_as_rows(whole, capsys):
    boards.show([whole], whole=True)
    shown = capsys.readouterr().out
    assert "personalised in 4 steps" in shown
    assert boards.compare(whole, whole) == 0
