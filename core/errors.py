"""Mistakes that are the user's to mend."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class UserError(ValueError):
    """A request that cannot be carried out: one line that names the thing, the rule and the way out."""


class WorkFailed(RuntimeError):
    """Something that everything after it needs could not be made; the message is one line."""

    def __init__(self, line: str, details: str) -> None:
        super().__init__(line)
        self.details = details
        """The traceback of the process that failed."""


def unknown(kind: str, name: str, valid: Sequence[str]) -> UserError:
    """One line that lists what there is.

    >>> print(unknown("preset", "smal", ["smoke", "small"]))
    unknown preset 'smal' (did you mean small?); valid: smoke, small
    """
    close = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return UserError(f"unknown {kind} {name!r}{hint}; valid: {', '.join(valid)}")
