"""The espeak-ng library (from PyPI's `espeakng-loader`) through ctypes: text in, samples and phonemes out.

The library keeps oscillator phases, flutter tables and noise state from one utterance to the next, and
neither its parameters nor `espeak_Terminate` reset them. So each utterance is made by a freshly loaded
library, its noise seeded, that is unloaded afterwards: what is said depends on text and voice alone, in any
process, at any time, after any history.
"""

from __future__ import annotations

import _ctypes
import atexit
import ctypes
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS, _PHONEME_EVENTS, _DONT_EXIT = 2, 0x0001, 0x8000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_CHARACTER, _UTF8 = 1, 1
_END_OF_LIST, _PHONEME = 0, 7
_LONGEST_PATH = 150
"""Bytes; espeak-ng has room for 160 and ignores a longer data path without a word."""


class Mark(NamedTuple):
    """A phoneme's beginning."""

    sample: int
    """Index into the samples."""
    name: str
    """espeak mnemonic; a leading "'" is primary and "," secondary stress, "_" begins a pause."""


class Synthesis(NamedTuple):
    """The output of the library."""

    rate: int
    """Samples a second (22050)."""
    samples: NDArray[np.int16]
    """[N] mono."""
    marks: list[Mark]
    """Phonemes in order."""


class _Event(ctypes.Structure):
    """espeak_EVENT; `name` is the member of its union that holds up to 8 bytes of a phoneme's mnemonic."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_SYNTH_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_lock = threading.Lock()


def synthesise(text: str, *, voice: str, rate: int, pitch: int, pitch_range: int) -> Synthesis:
    """Says the text. `voice` is a voice file and a variant ("gmw/en-US+f2"), `rate` in words a minute."""
    samples: list[NDArray[np.int16]] = []
    marks: list[Mark] = []

    @_SYNTH_CALLBACK
    def receive(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        marks.extend(_phonemes(events))
        return 0

    spoken = text.encode() + b"\0"
    settings = ((_RATE, rate), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, pitch_range))
    with _lock, _fresh_library() as (library, sample_rate):
        library.espeak_SetSynthCallback(receive)
        if status := library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(_MISSING.format(f"no voice {voice!r}, status {status}"))
        for parameter, value in settings:
            library.espeak_SetParameter(parameter, value, 0)
        status = library.espeak_Synth(spoken, len(spoken), 0, _CHARACTER, 0, _UTF8, None, None)
    if status or not samples or not marks:
        raise RuntimeError(f"espeak-ng cannot say {text!r} (status {status}); give it words to say")
    return Synthesis(sample_rate, np.concatenate(samples), marks)


def _phonemes(events: Any) -> Iterator[Mark]:
    """The phoneme events of a C array that ends with an event of type 0."""
    index = 0
    while (event := events[index]).type != _END_OF_LIST:
        if event.type == _PHONEME:
            yield Mark(event.sample, event.name.decode("utf-8", "replace"))
        index += 1


@contextmanager
def _fresh_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """A library that nobody has used, and its sample rate; unloaded at the end, so no state outlives it."""
    path, data = _files()
    if _loaded(path):
        raise RuntimeError(
            "espeak-ng is loaded in this process already, and its speech would depend on what was said; "
            "generate clips in a process where nothing else loads it"
        )
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise RuntimeError(_MISSING.format(error)) from error
    try:
        options = _PHONEME_EVENTS | _DONT_EXIT
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), options)
        if sample_rate <= 0:
            raise RuntimeError(_MISSING.format(f"bad data in {data}"))
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # it starts from the time of day
        yield library, sample_rate
        library.espeak_Terminate()
    finally:
        _unload(library)


_MISSING = "espeak-ng cannot be loaded ({}); run: pip install --force-reinstall espeakng-loader"


@cache
def _files() -> tuple[str, str]:
    """Paths of the library and of its data."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise RuntimeError(_MISSING.format(error)) from error
    return espeakng_loader.get_library_path(), _short(espeakng_loader.get_data_path())


def _short(data: str) -> str:
    """A path of that folder that fits into espeak-ng's buffer: if need be, of a temporary link."""
    if len(os.fsencode(data)) <= _LONGEST_PATH:
        return data
    folder = Path(tempfile.mkdtemp(prefix="espeak-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = folder / "espeak-ng-data"
    try:
        link.symlink_to(data, target_is_directory=True)
    except OSError:  # a system without symbolic links
        shutil.copytree(data, link)
    return str(link)


def _loaded(path: str) -> bool:
    """Whether something else in this process holds the library; False where the system cannot tell."""
    if not hasattr(os, "RTLD_NOLOAD"):
        return False
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    _unload(library)
    return True


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)
