"""JSON that cannot be worked with is refused in a line."""

from __future__ import annotations

import os

import pytest

from privtalk.core.json_files import DEEPEST, read_json


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1', "Expecting"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested deeper"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested deeper"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper"),
        (b'{"a": "\\ud800"}', "not Unicode"),
        (b'{"\\udfff": 1}', "not Unicode"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "number beyond"),
        (b"[1" + b"0" * 400 + b"]", "number beyond"),
        (b"[-1e101]", "number beyond"),
    ],
)
def test_json_that_cannot_be_worked_with_is_refused(tmp_path, content, said):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as refused:
        read_json(path)
    assert "\n" not in str(refused.value)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="no such file"):
            read_json(path)


def test_json_of_the_usual_depth_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"ä": [1, 2.5, null, true, "\\u00e9 \\ud83d\\ude00", -1e100]}', encoding="utf-8")
    assert read_json(path) == {"ä": [1, 2.5, None, True, "é 😀", -1e100]}
