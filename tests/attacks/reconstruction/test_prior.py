"""The Gaussian over faces."""

import pytest
import torch

from privtalk.attacks.reconstruction.prior import PublicPrior, looks
from tests.attacks.reconstruction.toys import FACTORS, PUBLIC, person, randn


def test_faces_and_coefficients_are_inverse_in_the_span():
    prior = PublicPrior.of(PUBLIC, components=5)
    coefficients = randn(4, 5, name=("coefficients",))
    torch.testing.assert_close(
        prior.coefficients(prior.faces(coefficients)), coefficients, atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(prior.faces(torch.zeros(1, 5))[0], looks(PUBLIC).mean(0))


def test_public_people_have_unit_variance_in_every_coefficient():
    prior = PublicPrior.of(PUBLIC, components=5)
    values = prior.coefficients(looks(PUBLIC))
    torch.testing.assert_close(values.T.cov(), torch.eye(5), atol=1e-3, rtol=0)


def test_as_many_components_as_factors_draw_strangers():
    prior = PublicPrior.of(PUBLIC, components=FACTORS)
    face = looks([person(7)])
    made = prior.faces(prior.coefficients(face))
    assert (made - face).square().mean() < 0.02 * (prior.mean - face).square().mean()


def test_components_are_limited_by_the_people():
    assert len(PublicPrior.of(PUBLIC[:4], components=40).scale) == 3
    with pytest.raises(ValueError, match="need 2 and 1 at least"):
        PublicPrior.of(PUBLIC[:1])


def test_windows_carry_public_conditions_and_their_own_reference():
    prior = PublicPrior.of(PUBLIC)
    batch = prior.batch(looks(PUBLIC[:2])[:, None].expand(-1, 3, -1, -1, -1))
    torch.testing.assert_close(batch.reference, looks(PUBLIC[:2]))
    torch.testing.assert_close(batch.audio[1, 2], torch.stack([p.audio.mean((0, 1)) for p in PUBLIC]).mean(0))
