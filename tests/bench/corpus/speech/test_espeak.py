"""The espeak-ng binding: no state, clear errors."""

import ctypes
import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.corpus.speech import espeak
from privtalk.bench.corpus.speech.voices import VARIANTS

ORDINARY = {"voice": "gmw/en-US+f2", "rate": 175, "pitch": 50, "pitch_range": 50}
TEXT = "The happy baby moved five books."


def say(text: str = TEXT, **changes: object) -> espeak.Synthesis:
    return espeak.synthesise(text, **{**ORDINARY, **changes})  # type: ignore[arg-type]


def digest(spoken: espeak.Synthesis) -> str:
    return hashlib.sha256(spoken.samples.tobytes() + repr(spoken.marks).encode()).hexdigest()


def test_bytes_depend_neither_on_history_nor_on_the_time_of_day() -> None:
    """Every timbre, in another order after another second: the library seeds its noise with the time."""

    def all_digests(order: list[str]) -> dict[str, str]:
        return {variant: digest(say(voice=f"gmw/en-US+{variant}")) for variant in order}

    first = all_digests(list(VARIANTS))
    time.sleep(1.1)
    say("Something else entirely was heard.", voice="gmw/en-029+m4", rate=211, pitch=80, pitch_range=5)
    assert all_digests(list(VARIANTS)[::-1]) == first
    assert len(set(first.values())) == len(VARIANTS)


def test_threads_take_turns() -> None:
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda rate: digest(say(rate=rate)), [150, 175, 200] * 3))
    assert digests[:3] == digests[3:6] == digests[6:]
    assert digests[1] == digest(say())


def test_a_fresh_process_says_the_same_bytes() -> None:
    program = (
        "import hashlib; from privtalk.bench.corpus.speech import espeak;"
        f"s = espeak.synthesise({TEXT!r}, **{ORDINARY!r});"
        "print(hashlib.sha256(s.samples.tobytes() + repr(s.marks).encode()).hexdigest())"
    )
    say("Anything at all.")
    fresh = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == digest(say())


def test_every_setting_is_heard() -> None:
    plain = digest(say())
    for change in ({"rate": 140}, {"pitch": 60}, {"pitch_range": 10}, {"voice": "gmw/en-029+f2"}):
        assert digest(say(**change)) != plain


def test_marks_are_in_order_and_within_the_samples() -> None:
    spoken = say()
    samples = [mark.sample for mark in spoken.marks]
    assert samples == sorted(samples)
    assert samples[0] >= 0
    assert samples[-1] <= len(spoken.samples)
    assert spoken.samples.dtype == np.int16
    assert spoken.rate == 22050


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(RuntimeError, match="no voice 'gmw/nobody"):
        say(voice="gmw/nobody+f2")


def test_a_library_in_use_elsewhere_is_refused() -> None:
    expected = digest(say())
    library = ctypes.CDLL(espeak._files()[0])
    try:
        with pytest.raises(RuntimeError, match="loaded in this process already"):
            say()
    finally:
        espeak._unload(library)
    assert digest(say()) == expected


def test_a_missing_library_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(espeak, "_files", lambda: (str(tmp_path / "none.so"), str(tmp_path)))
    with pytest.raises(RuntimeError, match="pip install --force-reinstall espeakng-loader"):
        say()


def test_a_data_path_longer_than_the_library_can_hold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = digest(say())
    library, data = espeak._files()
    far = tmp_path.joinpath(*["x" * 60] * 4)
    far.mkdir(parents=True)
    (far / "data").symlink_to(data, target_is_directory=True)
    short = espeak._short(str(far / "data"))
    assert len(short) <= espeak._LONGEST_PATH
    monkeypatch.setattr(espeak, "_files", lambda: (library, short))
    assert digest(say()) == expected
