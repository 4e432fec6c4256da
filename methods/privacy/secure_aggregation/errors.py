"""Why a round of secure aggregation is refused. None of these leaves a sum behind, not even a partial one."""

from __future__ import annotations


class SecureAggregationError(ValueError):
    """A round that cannot be completed safely."""


class TooFewClientsError(SecureAggregationError):
    """Fewer clients than a sum may hide, or fewer survivors than shares are needed."""


class TamperedError(SecureAggregationError):
    """A share that fails authentication, or a secret that is not the one committed to."""


class RepeatedMessageError(SecureAggregationError):
    """A second message where one is due: with the same masks, two messages give away their difference."""


class StaleMessageError(SecureAggregationError):
    """A message of another round, or out of turn."""


class WrongLengthError(SecureAggregationError):
    """A vector of another length or word than agreed."""


class UnknownClientError(SecureAggregationError):
    """A client that does not take part at this step."""


class OutOfRangeError(SecureAggregationError):
    """A value that the grid or the modulus does not hold: the sum could wrap around."""


class RefusedRequestError(SecureAggregationError):
    """A request that a client refuses to the server, because it could reveal a message."""


class MalformedError(SecureAggregationError):
    """A field of a message that is of another type, size or range than it must be."""


class InconsistentError(SecureAggregationError):
    """Clients that were told different things, or something that no signature of theirs stands behind."""
