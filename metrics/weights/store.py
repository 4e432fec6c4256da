"""The store of installed weights, and the ways in which files get there: whole and checked, or not at all.

A file of a known hash must have it; any other must open as a network of the interface that will read it. What is
installed stays until then.

Beside every file lies `FILE.json`: its sha256, its size and where it came from. What is being fetched lies in
`FILE.part`, which nothing but the next fetch reads. A file takes its name only after its size and hash were
checked, and `verify` hashes it again before a network is built from it.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from privtalk.core.files import file_hash
from privtalk.metrics.weights.catalogue import CATALOGUE, Archive, Weights, weights
from privtalk.metrics.weights.download import CHUNK, DownloadError, Progress, download
from privtalk.metrics.weights.errors import LicenceNotAccepted, WeightsError, WeightsMissing
from privtalk.metrics.weights.packages import locate

VARIABLE = "PRIVTALK_WEIGHTS"
"""Environment variable that moves the folder."""
ABANDONED = 24 * 3600
"""Seconds after which a partial file is nobody's."""


class Note(BaseModel):
    """The note that is written beside a file when it is installed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    name: str
    sha256: str
    size: int
    """Bytes."""
    origin: str
    """An address, or the name of the local file."""


class InstalledWeights(NamedTuple):
    """Weights that are there."""

    path: Path
    note: Note


def folder() -> Path:
    """The folder in which weights lie: `$PRIVTALK_WEIGHTS`, or `weights` in the user's data folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_data_path("privtalk", appauthor=False) / "weights"


def installed(name: str) -> InstalledWeights | None:
    """The weights installed under a name, or None. Raises `WeightsError` for another file than was installed."""
    entry = weights(name)
    path = folder() / entry.file
    if not path.is_file():
        return None
    try:
        note = Note.model_validate_json(_note_path(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise WeightsError(f"{path}: no record of its installation; run: {entry.way_out}") from error
    if note.name != name:
        raise WeightsError(f"{path}: its record is of the weights {note.name}; run: {entry.way_out}")
    if note.size != path.stat().st_size:
        raise WeightsError(f"{path}: damaged, {note.size} bytes were installed; run: {entry.way_out}")
    return InstalledWeights(path, note)


def packaged(name: str) -> InstalledWeights | None:
    """The weights that a package holds under a name, or None. Raises `WeightsError` for another file than is known."""
    entry = weights(name)
    path = None if entry.package is None else locate(entry.package)
    if path is None or entry.package is None:
        return None
    if path.stat().st_size != entry.size:
        raise WeightsError(f"{path}: damaged, it has not {entry.size} bytes; run: {entry.package.way_out}")
    origin = f"package {entry.package.distribution}"
    return InstalledWeights(path, Note(name=name, sha256=str(entry.sha256), size=entry.size, origin=origin))


def find(name: str) -> Path:
    """Path of installed weights. Raises `WeightsMissing` with the command that installs them."""
    return _present(name).path


def verify(name: str, *, in_package: bool = False) -> InstalledWeights:
    """Hash installed weights again. Raises `WeightsError` where they are absent or changed.

    in_package: those that lie in a package will do where none are installed.
    """
    found, entry = (
        (installed(name) or packaged(name) if in_package else None) or _present(name),
        weights(name),
    )
    digest = file_hash(found.path)
    if digest != found.note.sha256 or entry.sha256 not in (None, digest):
        expected = entry.sha256 or found.note.sha256
        raise WeightsError(
            f"{found.path}: damaged, sha256 {_short(digest)} is not {_short(expected)}; run: {entry.way_out}"
        )
    return found


def _present(name: str) -> InstalledWeights:
    found = installed(name)
    if found is None:
        entry = weights(name)
        raise WeightsMissing(f"no weights of {entry.evaluator}: {entry.way_out}")
    return found


def add(name: str, source: Path, origin: str | None = None) -> InstalledWeights:
    """Install a local file, or the member of a local archive, by copying it; `origin` says where it came from.

    Raises `WeightsError` where it is not the catalogue's file; nothing is changed then.
    """
    entry = weights(name)
    if not source.is_file():
        raise WeightsError(f"{source}: no such file; name the file that holds {entry.file}")
    with _scratch(entry) as part, _one_line(source):
        if entry.archive and source.suffix == ".zip":
            digest, size = _extract(source, entry, part)
        else:
            with source.open("rb") as stream, part.open("wb") as copy:
                digest, size = _hashed_copy(stream, copy, entry.size)
        if (difference := _difference(entry, digest, size)) is not None:
            raise WeightsError(f"{source}: not the weights {name}: {difference}")
        _check_interface(entry, part, source)
        return _install(entry, part, digest, size, origin or f"local file {source.name}")


def fetch(
    name: str, *, accept: bool = False, progress: Progress | None = None
) -> tuple[InstalledWeights, ...]:
    """Download weights, or copy them out of their package, and install them; several where one archive holds several.

    accept: agree to a licence that does not allow every use. Raises `LicenceNotAccepted` without it,
    `WeightsError` in one line where the download fails or holds something else; nothing is changed then.
    """
    entry = weights(name)
    if not entry.fetchable:
        raise WeightsError(f"{name}: there is no address to fetch it from; run: {entry.way_out}")
    if not entry.commercial and not accept:
        raise LicenceNotAccepted(f"{name}: licence {entry.licence}; add --accept-licence to agree")
    if entry.package is not None:
        held = packaged(name)
        if held is None:
            raise WeightsMissing(
                f"{name}: comes with the package {entry.package.distribution}: {entry.package.way_out}"
            )
        return (add(name, held.path, held.note.origin),)
    source = entry.archive or entry
    folder().mkdir(parents=True, exist_ok=True)
    part = folder() / f"{source.file}.part"
    if part.is_symlink() or (part.exists() and not part.is_file()):
        raise WeightsError(f"{part}: not a file of an earlier download; remove it")
    url, digest = _downloaded(entry, source, part, progress)
    if entry.archive is None:
        return (_install(entry, part, digest, part.stat().st_size, url),)
    installed_now = tuple(_unpack(one, part, url) for one in _members(entry.archive))
    part.unlink()
    return installed_now


def _downloaded(
    entry: Weights, source: Weights | Archive, part: Path, progress: Progress | None
) -> tuple[str, str]:
    """The address that answered, and the sha256 of what it gave, complete in `part`.

    An earlier part is only continued where the hash of the whole is known, as nothing else can tell that both
    pieces belong together; where they do not, it starts again.
    """
    resumed = part.exists() and source.sha256 is not None
    url = _from_any(entry, source, part, resumed, progress)
    digest = file_hash(part)
    if resumed and digest != source.sha256:
        part.unlink()
        url = _from_any(entry, source, part, False, progress)
        digest = file_hash(part)
    if (difference := _difference(source, digest, part.stat().st_size)) is not None:
        part.unlink()
        raise WeightsError(f"{entry.name}: {url} holds another file: {difference}")
    return url, digest


def _from_any(
    entry: Weights, source: Weights | Archive, part: Path, resume: bool, progress: Progress | None
) -> str:
    """The first address that gives the whole file."""
    failures = []
    for url in source.urls:
        if resume and source.size is not None and part.exists() and part.stat().st_size == source.size:
            return url
        try:
            download(url, part, resume=resume, progress=progress, most=source.size)
        except DownloadError as error:
            failures.append(str(error))
            resume = source.sha256 is not None
        else:
            return url
    again = f"run it again, or: bench weights add {entry.name} FILE"
    raise DownloadError(f"{entry.name}: {'; '.join(failures)}; {again}")


def _members(archive: Archive) -> list[Weights]:
    """All weights of the catalogue that the archive holds."""
    return [one for one in CATALOGUE.values() if one.archive and one.archive.file == archive.file]


def _unpack(entry: Weights, archive: Path, origin: str) -> InstalledWeights:
    assert entry.archive is not None
    with _scratch(entry) as part:
        digest, size = _extract(archive, entry, part)
        if (difference := _difference(entry, digest, size)) is not None:
            raise WeightsError(f"{origin}: not the weights {entry.name}: {difference}")
        return _install(entry, part, digest, size, f"{origin}#{entry.archive.member}")


def _extract(archive: Path, entry: Weights, part: Path) -> tuple[str, int]:
    """sha256 and size of an archive's member, written to `part`."""
    assert entry.archive is not None
    member = entry.archive.member
    try:
        with zipfile.ZipFile(archive) as file, file.open(member) as stream, part.open("wb") as copy:
            return _hashed_copy(stream, copy, entry.size)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise WeightsError(f"{archive}: no zip archive that holds {member}") from error


def _check_interface(entry: Weights, part: Path, source: Path) -> None:
    """Raises where no hash is known and the file is not a network of the interface that will read it."""
    if entry.interface is None or entry.sha256 is not None:
        return
    module, name = entry.interface.split(":")
    try:
        network = getattr(import_module(module), name)
    except ImportError as error:
        raise WeightsError(
            f"{entry.name}: {source.name} cannot be looked at without the package {error.name}: "
            f"python3 -m pip install 'privtalk-bench[{entry.extra}]'"
        ) from error
    try:
        network(part)
    except ValueError as error:
        reason = str(error).removeprefix(f"{part}: ")
        raise WeightsError(f"{source}: not the weights {entry.name}: {reason}") from error


@contextmanager
def _one_line(source: Path) -> Iterator[None]:
    """A block in which a file is copied: an error of the system becomes a `WeightsError`."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"{source}: not copied ({error.strerror or error})") from error


def _install(entry: Weights, part: Path, digest: str, size: int, origin: str) -> InstalledWeights:
    """The note, then the file: a file without its own note is never used."""
    path = folder() / entry.file
    note = Note(name=entry.name, sha256=digest, size=size, origin=origin)
    partial = part.with_name(f"{path.name}.json.{os.getpid()}.part")
    partial.write_text(note.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(_note_path(path))
    part.replace(path)
    return InstalledWeights(path, note)


@contextmanager
def _scratch(entry: Weights) -> Iterator[Path]:
    """A partial file of this process, gone in the end."""
    folder().mkdir(parents=True, exist_ok=True)
    part = folder() / f"{entry.file}.{os.getpid()}.part"
    _sweep(entry)
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _sweep(entry: Weights) -> None:
    """Removes partial files that processes which were killed left behind a day ago or earlier."""
    pattern = re.compile(re.escape(entry.file) + r"(\.json)?\.\d+\.part")
    for path in folder().iterdir():
        if pattern.fullmatch(path.name) and path.lstat().st_mtime < time.time() - ABANDONED:
            path.unlink(missing_ok=True)


def _hashed_copy(stream: IO[bytes], copy: IO[bytes], most: int | None) -> tuple[str, int]:
    """sha256 and size of what was copied; ends soon after `most` bytes, as the file is another one then."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += copy.write(chunk)
        if most is not None and size > most:
            break
    return digest.hexdigest(), size


def _difference(expected: Weights | Archive, digest: str, size: int) -> str | None:
    """The difference between a file and the catalogue's, or None."""
    if expected.size is not None and size > expected.size:
        return f"it has more than the {expected.size} bytes that it should have"
    if expected.size not in (None, size):
        return f"it has {size} bytes, not {expected.size}"
    if expected.sha256 not in (None, digest):
        return f"its sha256 is {_short(digest)}, not {_short(str(expected.sha256))}"
    return None


def _short(digest: str) -> str:
    return f"{digest[:12]}..."


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")
