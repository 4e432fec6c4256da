"""The faults of weights; every message is one line that names the weights, the rule and the way out."""

from __future__ import annotations


class WeightsError(ValueError):
    """Weights that cannot be fetched, added or used."""


class WeightsMissing(WeightsError):
    """Weights that are not installed; the message is fit to be shown as the reason of a missing value."""


class LicenceNotAccepted(WeightsError):
    """Weights whose licence does not allow every use, asked for without agreeing to it."""
