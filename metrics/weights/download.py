"""A file from an address to a partial file beside its place, in one go or in several.

Only urllib is used, so `file:` addresses and proxies set in the environment work as well.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from privtalk.metrics.weights.errors import WeightsError

CHUNK = 1 << 20
TIMEOUT = 30
"""Seconds without an answer after which a server counts as unreachable."""
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206

Progress = Callable[[int, int | None], None]
"""Bytes that are there, and bytes in all where that is known."""


class DownloadError(WeightsError):
    """A download that did not come to its end; what came is kept."""


def download(
    url: str, part: Path, *, resume: bool, progress: Progress | None = None, most: int | None = None
) -> None:
    """Write what an address holds to `part`; with `resume`, go on where an earlier attempt ended.

    most: bytes of the file that is wanted; soon after them the answer is left.

    Raises `DownloadError` where the server cannot be reached, refuses, or ends before its own promise.
    """
    held = part.stat().st_size if resume and part.exists() else 0
    try:
        response = _open(url, held)
    except urllib.error.HTTPError as error:
        error.close()
        if held and error.code == RANGE_NOT_SATISFIABLE:
            return download(url, part, resume=False, progress=progress, most=most)
        raise DownloadError(f"{_host(url)} answers {error.code} {error.reason}") from error
    with response:
        start = held if _continues(response, held) else 0
        total = _total(response, start)
        with part.open("ab" if start else "wb") as file:
            _copy(url, response, file, start, total, progress, most)
    return None


def _open(url: str, held: int) -> Any:
    headers = {"User-Agent": "privtalk-bench"} | ({"Range": f"bytes={held}-"} if held else {})
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(f"{_host(url)} cannot be reached ({_plain(reason)})") from error


def _continues(response: Any, held: int) -> bool:
    """Whether the answer starts where the partial file ends, rather than at the beginning."""
    promised = str(response.headers.get("Content-Range", ""))
    return bool(held) and response.status == PARTIAL_CONTENT and promised.startswith(f"bytes {held}-")


def _total(response: Any, start: int) -> int | None:
    length = response.headers.get("Content-Length")
    return None if length is None else start + int(length)


def _copy(
    url: str,
    response: Any,
    file: BinaryIO,
    done: int,
    total: int | None,
    progress: Progress | None,
    most: int | None,
) -> None:
    while True:
        try:
            chunk = response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{_ended(url, done, total)} ({_plain(error)})") from error
        if not chunk:
            break
        file.write(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, total)
        if most is not None and done > most:
            return
    if total is not None and done < total:
        raise DownloadError(_ended(url, done, total))


def _ended(url: str, done: int, total: int | None) -> str:
    return f"{_host(url)} ended after {done} of {'?' if total is None else total} bytes"


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or url


def _plain(error: object) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
