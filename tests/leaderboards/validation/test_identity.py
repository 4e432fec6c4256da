from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privtalk.bench.corpus.rendered import studio
from privtalk.leaderboards.validation import identity
from privtalk.metrics.evaluators.fitting.identity_fitting import area, equal_error

PEOPLE, SITTINGS, FRAMES, DIM = 24, 4, 4, 16


def portraits():
    count = PEOPLE * SITTINGS * FRAMES
    rng = np.random.default_rng(0)
    return studio.Portraits(
        frames=np.zeros((count, 4, 4, 3), np.uint8),
        landmarks=np.zeros((count, 68, 2), np.float32),
        masks=np.zeros((count, 4, 4), np.uint8),
        controls=rng.uniform(-0.25, 0.25, (count, 14)).astype(np.float32),
        person=np.repeat(np.arange(PEOPLE), SITTINGS * FRAMES),
        sitting=np.tile(np.repeat(np.arange(SITTINGS), FRAMES), PEOPLE),
    )


def lights():
    drawn = np.random.default_rng(1).normal(size=(PEOPLE * SITTINGS, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def embeddings(noise: float) -> np.ndarray:
    """A centre for each person, and noise; without the centres where noise is infinite."""
    rng = np.random.default_rng(2)
    centres = np.repeat(rng.normal(size=(PEOPLE, DIM)), SITTINGS * FRAMES, axis=0)
    drawn = rng.normal(size=centres.shape)
    rows = drawn if np.isinf(noise) else centres + noise * drawn
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def verify(noise):
    return identity.verify("toy", embeddings(noise), portraits(), lights(), FRAMES)


@pytest.fixture(scope="module")
def good():
    return verify(0.5)


def test_a_good_embedder_passes(good):
    check = identity.check("identity[toy]", "toys", good)
    assert check.verdict == "pass"
    assert check.low <= check.value <= check.high <= 1
    assert "AUC 1.0" in check.measured


def test_random_vectors_fail():
    found = verify(np.inf)
    assert identity.check("identity[toy]", "toys", found).verdict == "fail"
    assert found.templates.low < 0.5 < found.templates.high
    assert abs(found.templates_eer.value - 0.5) < 0.1


def test_a_camera_that_nobody_was_fitted_on_has_a_bar_of_its_own(good):
    near = replace(good, templates=identity.PeopleInterval(0.985, 0.98, 0.99))
    assert identity.check("identity[toy]", "toys", near).verdict == "fail"
    check = identity.check("identity[toy]", "toys", near, least=identity.UNFAMILIAR)
    assert check.verdict == "pass"
    assert check.bar == "AUC of templates at least 0.975"


def test_an_absent_network_is_not_a_pass():
    check = identity.check("identity[toy]", "toys", None, "no weights")
    assert (check.verdict, check.reason) == ("not done", "no weights")


def test_templates_are_better_than_frames(good):
    noisy = verify(1.5)
    assert noisy.templates.value > noisy.frames_auc
    assert noisy.templates.low < noisy.templates.value < noisy.templates.high


def test_pairs_of_one_sitting_do_not_count():
    found = identity.pairs(np.eye(4), np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0]))
    assert found.genuine.sum() == 2
    assert (~found.genuine).sum() == 3


def test_weights_of_one_give_the_plain_figures():
    found = identity.pairs(
        identity.templates(embeddings(1.5), FRAMES),
        portraits().person[::FRAMES],
        portraits().sitting[::FRAMES],
    )
    order = np.argsort(found.cosine)
    auc, eer = identity._weighted(found.genuine[order], np.ones(len(order)))
    assert auc == pytest.approx(area(*found.parts), abs=1e-12)
    assert eer == pytest.approx(equal_error(*found.parts), abs=2e-3)


def test_an_embedder_that_sees_only_light_is_found_out():
    light = np.repeat(lights(), FRAMES, axis=0).astype(np.float32)
    found = identity.verify("toy", light, portraits(), lights(), FRAMES)
    assert identity.check("identity[toy]", "toys", found).verdict == "fail"


def test_slices_cover_pose_and_light(good):
    assert {part.by for part in good.slices} == {"pose", "light"}
    assert all(part.auc > 0.99 for part in good.slices)


def test_the_hardest_pairs_are_the_extremes():
    found = verify(1.5)
    low = [pair.cosine for pair in found.hardest if pair.genuine]
    high = [pair.cosine for pair in found.hardest if not pair.genuine]
    assert low[0] == pytest.approx(found.genuine.min())
    assert high == sorted(high, reverse=True)


def test_the_roc_rises_to_one(good):
    assert (np.diff(good.roc, axis=0) >= 0).all()
    assert good.roc[-1].tolist() == [1.0, 1.0]


def test_lights_are_those_of_the_studio():
    from privtalk.bench.corpus.rendered.embedded import character

    file = studio.Sittings(role="heldout", first=3, people=2)
    found = identity.lights([file])
    person = character(0, "heldout", 4)
    look = studio.redressed(person.look, person.stream("studio", 1))
    assert found.shape == (8, 3)
    assert found[5].tolist() == list(look.light.direction)
