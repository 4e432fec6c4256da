"""Output whose reader may leave: `bench show RUN | head` ends as `bench show RUN` does."""

from __future__ import annotations

import os
from typing import Any, TextIO, cast


class Forgiving:
    """A stream whose reader may go away; what is written after that is dropped, and the command ends with its own code.

    Without it a comparison that found a regression would end with whatever a closed pipe amounts to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        """Point the stream at nothing, so that neither this nor the flush at exit meets the pipe again."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def forgiving(stream: TextIO) -> TextIO:
    """The same stream, `Forgiving`; one that does not exist (a program without a terminal) stays away."""
    return cast(TextIO, Forgiving(stream)) if stream is not None else stream
