"""What the tests install and serve."""

from __future__ import annotations

import hashlib
import io
import zipfile

CONTENT = bytes(range(256)) * 64


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(**members: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return whole.getvalue()
