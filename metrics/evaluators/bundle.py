"""The networks that a run's metrics read with: in-domain ones by the corpus, published ones by what is installed.

A network is built when it is first asked for and kept. One that cannot be had raises `Undefined` with the reason and
the way out, so that its metrics are missing and nothing takes their place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from privtalk.metrics.declaration import Undefined

Kind = Literal["mouth", "perceptual", "frames", "video", "identity", "landmarks", "sync"]
"""The kind of reading that a network is asked for (`protocols`)."""

TALKHEAD = "talkhead"
NAMES: dict[Kind, tuple[str, ...]] = {
    "mouth": (TALKHEAD,),
    "perceptual": (TALKHEAD, "alex", "vgg", "squeeze"),
    "frames": (TALKHEAD, "inception"),
    "video": (TALKHEAD, "i3d"),
    "identity": (TALKHEAD, "arcface", "dlib"),
    "landmarks": (TALKHEAD, "pfld", "dlib"),
    "sync": (TALKHEAD, "syncnet"),
}
"""The networks of each kind; a published one is known by one name alone."""

LOADED: dict[tuple[Kind, str], str] = {("landmarks", "dlib"): "dlib-68"}
"""The loader of a published network, where it is not the network's name: dlib has two networks under one name."""

STRANGERS = "the talkhead networks know the faces of the embedded corpus only"


class Evaluators(Protocol):
    """The source of the networks that metrics read with."""

    def get(self, kind: Kind, name: str) -> Any:
        """A network of `protocols`; raises `Undefined` with the reason where there is none."""
        ...


class Given:
    """Networks at hand, all others being absent for one reason."""

    def __init__(
        self, networks: Mapping[tuple[Kind, str], Any] | None = None, reason: str = "not given"
    ) -> None:
        self.networks = dict(networks or {})
        self.reason = reason

    def get(self, kind: Kind, name: str) -> Any:
        if (kind, name) not in self.networks:
            raise Undefined(f"no {name} network: {self.reason}")
        return self.networks[kind, name]


class InstalledEvaluators:
    """The embedded networks where the corpus is the embedded one, and published ones where weights are installed.

    Recorded people have no other judge, so for them weights that lie in a package will do too; for embedded people
    nothing is read by a network that nobody asked for: `bench weights fetch` is how one asks.
    """

    def __init__(self, embedded: bool) -> None:
        self.embedded = embedded
        self._built: dict[tuple[Kind, str], Any] = {}

    def get(self, kind: Kind, name: str) -> Any:
        if (kind, name) not in self._built:
            try:
                self._built[kind, name] = self._build(kind, name)
            except Undefined as reason:
                self._built[kind, name] = reason
        found = self._built[kind, name]
        if isinstance(found, Undefined):
            raise Undefined(str(found))
        return found

    def _build(self, kind: Kind, name: str) -> Any:
        if name != TALKHEAD:
            return _published(LOADED.get((kind, name), name), in_package=not self.embedded)
        if not self.embedded:
            raise Undefined(STRANGERS)
        if kind in ("perceptual", "frames", "video"):
            return _of_features(kind, self._features())
        return EMBEDDED[kind]()

    def _features(self) -> Any:
        """One network serves three kinds."""
        for kind in ("perceptual", "frames", "video"):
            built = self._built.get((kind, TALKHEAD))
            if built is not None and not isinstance(built, Undefined):
                return built.network
        from privtalk.metrics.evaluators.talkhead.feature_network import load_features

        return load_features()


def fingerprint(embedded: bool) -> dict[str, str]:
    """Evaluator -> sha256 of its weights, of all that a run's metrics can read with."""
    from privtalk.metrics.evaluators.published.installed import LOADERS
    from privtalk.metrics.weights import installed, packaged

    own = {TALKHEAD: talkhead_hash()} if embedded else {}
    found = {
        name: installed(loader.weights) or (None if embedded else packaged(loader.weights))
        for name, loader in LOADERS.items()
    }
    return own | {name: weights.note.sha256 for name, weights in found.items() if weights is not None}


def talkhead_hash() -> str:
    """sha256 over the weights of all in-domain networks."""
    from privtalk.core.files import file_hash
    from privtalk.metrics.evaluators.talkhead.mouth_opening import WEIGHTS as MOUTH
    from privtalk.metrics.evaluators.talkhead.storage import FOLDER

    digest = hashlib.sha256()
    for path in [MOUTH, *sorted(FOLDER.glob("*.safetensors"))]:
        digest.update(f"{path.name} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def _published(name: str, *, in_package: bool) -> Any:
    from privtalk.metrics.evaluators.published.installed import Unavailable, load

    try:
        return load(name, in_package=in_package)
    except Unavailable as error:
        raise Undefined(str(error)) from error


def _of_features(kind: Kind, network: Any) -> Any:
    from privtalk.metrics.evaluators.talkhead import feature_network as built

    classes = {
        "perceptual": built.TalkheadPerceptual,
        "frames": built.TalkheadFrames,
        "video": built.TalkheadVideo,
    }
    return classes[kind](network)


def _mouth() -> Any:
    from privtalk.metrics.evaluators.talkhead.mouth_opening import MouthReader

    return MouthReader.load()


def _identity() -> Any:
    from privtalk.metrics.evaluators.talkhead.identity_network import TalkheadIdentity

    return TalkheadIdentity()


def _landmarks() -> Any:
    from privtalk.metrics.evaluators.talkhead.landmark_network import TalkheadLandmarks

    return TalkheadLandmarks()


def _sync() -> Any:
    from privtalk.metrics.evaluators.talkhead.sync_network import TalkheadSync

    return TalkheadSync()


EMBEDDED: dict[Kind, Callable[[], Any]] = {
    "mouth": _mouth,
    "identity": _identity,
    "landmarks": _landmarks,
    "sync": _sync,
}
