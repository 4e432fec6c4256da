"""FID, KID and FVD gathered clip by clip: the distances of all features at once, reasons, and what memory holds."""

import tracemalloc

import numpy as np
import pytest

from privtalk.metrics import METRICS
from privtalk.metrics.distributions import SOURCES, Distributions, by_cluster
from privtalk.metrics.evaluators.bundle import Given
from privtalk.metrics.frechet import Moments, SetScore, frechet, frechet_distance
from privtalk.metrics.kernel_distance import kernel_distance
from tests.metrics.test_frechet import spooled, world
from tests.metrics.toys import Frames, Video, colours, networks, noise, pair

CLIENTS = ("a", "a", "b", "c", "c", "d")
OURS = ("fid[talkhead]", "kid[talkhead]", "fvd[talkhead]")


def clips(shift=0, count=12):
    return [noise(seed, count, 16) // 2 + np.uint8(shift * seed) for seed in range(len(CLIENTS))]


def gathered(made, true, using=None, clients=CLIENTS):
    found = Distributions()
    using = Given(networks()) if using is None else using
    for generated, truth, client in zip(made, true, clients, strict=True):
        found.update(pair(generated, truth, using=using), client)
    return found


def windows(frames):
    return Video()(frames)


def test_every_set_metric_has_a_source():
    assert set(SOURCES) == {name for name, declared in METRICS.items() if declared.level == "set"}
    assert {source.key[1] for source in SOURCES.values()} == {"talkhead", "inception", "i3d"}
    for name, source in SOURCES.items():
        assert source.metric.name == name
        assert METRICS[name].evaluator == source.key[1]


def test_distances_are_those_of_all_features_at_once():
    made, true = clips(3), clips()
    found, missing = gathered(made, true).compute()
    assert set(found) == set(OURS)
    for name, embed in (("fid", colours), ("fvd", windows)):
        x, y = (np.concatenate([embed(clip) for clip in side]).astype(np.float64) for side in (made, true))
        at_once = frechet_distance(Moments(x.mean(0), np.cov(x.T)), Moments(y.mean(0), np.cov(y.T)))
        assert found[f"{name}[talkhead]"].value == pytest.approx(at_once, rel=1e-5)
        assert found[f"{name}[talkhead]"].value > 0
        alone = frechet(*(spooled([embed(clip) for clip in side]) for side in (made, true)))
        assert found[f"{name}[talkhead]"].shares == pytest.approx(by_cluster(alone, CLIENTS).shares)
    spools = (spooled([colours(clip) for clip in side]) for side in (made, true))
    expected = kernel_distance(*spools, CLIENTS)
    assert found["kid[talkhead]"].value == pytest.approx(expected.value)
    assert found["kid[talkhead]"].shares == pytest.approx(expected.shares)
    assert missing == dict.fromkeys(
        ("fid[inception]", "kid[inception]"), "no inception network: not given"
    ) | {"fvd[i3d]": "no i3d network: not given"}


def over_clients(shares, clients=CLIENTS):
    """Mean over clients of the means over their clips."""
    return np.mean(
        [np.mean([s for s, c in zip(shares, clients, strict=True) if c == name]) for name in set(clients)]
    )


def test_shares_average_to_the_distance_however_many_clips_a_client_has():
    found, _ = gathered(clips(3), clips()).compute()
    for score in found.values():
        assert over_clients(score.shares) == pytest.approx(score.value, rel=1e-9)
        assert len({round(share, 12) for share in score.shares}) == len(set(CLIENTS))


def test_shares_of_clients_with_as_many_clips_are_their_clips_own():
    """And of clients of several: the spread over clients stays that of their means."""
    rng = np.random.default_rng(0)
    score = SetScore(3.0, tuple(3 + (lambda x: x - x.mean())(rng.normal(size=6))))
    assert by_cluster(score, list("aabbcc")) is score
    assert by_cluster(score, list("abcdef")) is score
    near = by_cluster(SetScore(3.0, (*score.shares, 3.0)), list("aabbccd"))
    assert [near.shares[k] - 3 for k in (0, 2, 4)] == pytest.approx(
        [4 / 7 * (score.shares[k] + score.shares[k + 1] - 6) for k in (0, 2, 4)]
    )


def test_a_share_is_what_leaving_the_client_out_would_change():
    """To first order: the jackknife over clients, of whom some have three clips and some one."""
    made, true = world(4, clips=60)
    clients = [f"{k // 3 if k < 30 else k}" for k in range(60)]
    whole = frechet(spooled(made), spooled(true))
    shares = dict(zip(clients, by_cluster(whole, clients).shares, strict=True))
    pseudo = {}
    for name in shares:
        kept = [k for k in range(60) if clients[k] != name]
        without = frechet(*(spooled([side[k] for k in kept]) for side in (made, true))).value
        pseudo[name] = whole.value + (len(shares) - 1) * (whole.value - without)
    found, expected = (np.array([values[name] for name in shares]) for values in (shares, pseudo))
    assert np.corrcoef(found, expected)[0, 1] > 0.98
    assert found.std() == pytest.approx(expected.std(), rel=0.15)


def test_equal_clips_are_at_no_distance():
    found, _ = gathered(clips(), clips()).compute()
    assert {name: score.value for name, score in found.items()} == pytest.approx(
        dict.fromkeys(OURS, 0), abs=1e-6
    )
    assert all(len(score.shares) == len(CLIENTS) for score in found.values())


def test_a_clip_is_embedded_once_for_all_of_its_distances():
    using = Given(networks())
    gathered(clips(3), clips(), using)
    assert using.networks["frames", "talkhead"].read.calls == 2 * len(CLIENTS)
    assert using.networks["video", "talkhead"].read.calls == 2 * len(CLIENTS)


def test_more_clips_may_follow_a_first_figure():
    made, true = clips(3), clips()
    stream = gathered(made[:4], true[:4], clients=CLIENTS[:4])
    first, _ = stream.compute()
    using = Given(networks())
    for generated, truth, client in zip(made[4:], true[4:], CLIENTS[4:], strict=True):
        stream.update(pair(generated, truth, using=using), client)
    found, _ = stream.compute()
    whole, _ = gathered(made, true).compute()
    assert found == whole
    assert found["fid[talkhead]"].value != first["fid[talkhead]"].value


def test_without_a_clip_there_is_no_value():
    found, missing = Distributions().compute()
    assert found == {}
    assert missing == dict.fromkeys(SOURCES, "no clip was given")


def test_too_few_samples_are_a_reason_and_no_zero():
    found, missing = gathered(clips(3, count=4)[:1], clips(count=4)[:1], clients=CLIENTS[:1]).compute()
    assert set(found) == {"fid[talkhead]"}
    assert missing["fvd[talkhead]"].startswith("1 samples are too few for a covariance of 6 features")
    assert missing["kid[talkhead]"] == "1 clients are too few for a kernel distance (at least 3)"


def test_clips_shorter_than_a_window_are_a_reason():
    found, missing = gathered(clips(3, count=3), clips(count=3)).compute()
    assert "fvd[talkhead]" not in found
    assert missing["fvd[talkhead]"].startswith("0 samples are too few")
    assert "fid[talkhead]" in found


def test_one_short_clip_among_others_has_no_say_and_a_share():
    made, true = clips(3), clips()
    made[2], true[2] = made[2][:3], true[2][:3]
    found, _ = gathered(made, true).compute()
    without = [k for k in range(len(CLIENTS)) if k != 2]
    rest, _ = gathered(
        [made[k] for k in without], [true[k] for k in without], clients=[CLIENTS[k] for k in without]
    ).compute()
    assert found["fvd[talkhead]"].value == pytest.approx(rest["fvd[talkhead]"].value)
    assert len(found["fvd[talkhead]"].shares) == len(CLIENTS)
    assert over_clients(found["fvd[talkhead]"].shares) == pytest.approx(found["fvd[talkhead]"].value)


def test_a_network_that_refuses_one_clip_leaves_its_metrics_with_the_reason():
    from privtalk.metrics import Undefined

    class Picky(Frames):
        def __call__(self, frames):
            if len(frames) < 12:
                raise Undefined("twelve frames are needed")
            return super().__call__(frames)

    made, true = clips(3), clips()
    made[4], true[4] = made[4][:8], true[4][:8]
    found, missing = gathered(made, true, Given(networks(frames=Picky()))).compute()
    assert missing["fid[talkhead]"] == missing["kid[talkhead]"] == "twelve frames are needed"
    assert set(found) == {"fvd[talkhead]"}


def test_features_lie_on_disk_and_not_in_memory():
    """Forty clips of 1 MiB of features each, of which a tenth would already be too much."""

    class Wide:
        dim = 8192

        def __call__(self, frames):
            rows = np.ones((len(frames), self.dim), np.float32)
            return rows * frames.mean((1, 2, 3), dtype=np.float32)[:, None]

    using = Given({("frames", "talkhead"): Wide()})
    found = Distributions()
    frames = noise(count=16, size=8)
    tracemalloc.start()
    try:
        found.update(pair(frames, using=using), "a")
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(39):
            found.update(pair(frames, using=using), "a")
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    spool = found._gathered["frames", "talkhead"].truth
    assert spool.counts == [16] * 40
    assert spool._file.seek(0, 2) == 40 * 16 * 8192 * 4
    assert grown < 2**20
