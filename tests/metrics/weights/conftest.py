"""A server on the loopback interface that can misbehave, and weights small enough to send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from privtalk.metrics.weights import catalogue
from privtalk.metrics.weights.catalogue import Archive, Weights
from tests.metrics.weights.files import CONTENT, digest, zipped


class Server(ThreadingHTTPServer):
    """Serves `files`; sends only `cut` bytes of an answer, once, and knows ranges unless `whole`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.whole = False
        self.ranges: list[str | None] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        content = self.server.files.get(self.path.removeprefix("/"))
        if content is None:
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and not self.server.whole else 0
        if asked and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut, self.server.cut = self.server.cut, None
        self.wfile.write(content[start:] if cut is None else content[start : start + cut])
        return None

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture(autouse=True)
def weights_folder(tmp_path, monkeypatch):
    """The store of a test: empty, and its own; no proxy stands before the loopback interface."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def listed(monkeypatch):
    """Put an entry for `CONTENT` into the catalogue; fields may be changed."""

    def make(name: str = "tiny", **fields) -> Weights:
        entry = {
            "name": name,
            "file": f"{name}.pth",
            "evaluator": name,
            "metrics": ("lpips",),
            "about": "",
            "licence": "MIT",
            "commercial": True,
            "homepage": "https://example.org",
            "sha256": digest(CONTENT),
            "size": len(CONTENT),
        } | fields
        monkeypatch.setitem(catalogue.CATALOGUE, name, Weights(**entry))
        return catalogue.CATALOGUE[name]

    return make


@pytest.fixture
def archived(server, listed):
    """Two entries inside one archive on the server; fields are those of the archive."""
    server.files["pack.zip"] = zipped(**{"first.onnx": CONTENT, "second.onnx": b"second", "third": b""})

    def make(**fields) -> None:
        content = server.files["pack.zip"]
        pack = {
            "file": "pack.zip",
            "urls": (server.url("pack.zip"),),
            "sha256": digest(content),
            "size": len(content),
        } | fields
        listed("first", archive=Archive(**pack, member="first.onnx"))
        listed("second", archive=Archive(**pack, member="second.onnx"), sha256=digest(b"second"), size=6)

    return make
