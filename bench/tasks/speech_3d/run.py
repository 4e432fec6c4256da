"""Cell -> what was found: speech animated, scored on known speakers and on strangers, timed, and attacked."""

from __future__ import annotations

from collections.abc import Mapping

from privtalk.bench.task import CellOutcome, Work
from privtalk.bench.tasks.speech_3d import exhibits
from privtalk.bench.tasks.speech_3d.animation import Animated, animate
from privtalk.bench.tasks.speech_3d.auditing import audits
from privtalk.bench.tasks.speech_3d.efficiency import efficiency
from privtalk.bench.tasks.speech_3d.federating import block, message_attacks
from privtalk.bench.tasks.speech_3d.footage import TESTS, MeshCorpus, Part
from privtalk.bench.tasks.speech_3d.leak import leaks
from privtalk.bench.tasks.speech_3d.lessons import corpus_of, heard, kept_rounds, opened
from privtalk.bench.tasks.speech_3d.score import score, summary
from privtalk.bench.tasks.speech_3d.settings import SPEAKERS, STRANGERS, Speech3dCell
from privtalk.core.record_parts import Score, Variant
from privtalk.core.records import Audit, FederationBlock, Sample
from privtalk.methods.speech_3d.federated import FederatedTalker

OF_ANOTHER = "other_sentence"
"""The row that shows somebody else's true motion: whom it tells is not whose speech it is, so that nobody asks."""


def run(work: Work) -> CellOutcome:
    """Runs a cell whose network is trained."""
    cell: Speech3dCell = work.cell
    with work.clock.stage("loading"):
        corpus = corpus_of(cell)
        network = opened(cell, corpus) if cell.trains else None
    work.report("animating", 0, 2)
    with work.clock.stage("animating"):
        made = animate(cell, corpus, network, "test")
    with work.clock.stage("scoring"):
        metrics, samples = _scored(cell, corpus, made, "test", {})
    variants = []
    if len(corpus.parts["strangers"]):
        work.report("animating", 1, 2)
        with work.clock.stage("strangers"):
            strange = animate(cell, corpus, network, "strangers")
            at = {SPEAKERS: STRANGERS}
            found, own = _scored(cell, corpus, strange, "strangers", at)
        samples += own
        variants.append(Variant(at=at, about="speech of people on whom nobody trained", metrics=found))
    attacks, artifacts = {}, {}
    if made is not None:
        if cell.method != OF_ANOTHER:
            with work.clock.stage("attacks"):
                attacks = dict(leaks(cell, corpus, network, made))
        with work.clock.stage("writing"):
            artifacts = exhibits.exhibit(work.place.folder, work.place.artifacts(cell), corpus, made)
    said: FederationBlock | None = None
    checked: tuple[Audit, ...] = ()
    if isinstance(network, FederatedTalker):
        with work.clock.stage("attacks"):
            rounds, clips = kept_rounds(cell), [heard(cell, part) for part in TESTS]
            attacks |= message_attacks(cell, corpus, network, rounds, *clips)
            said = block(cell, corpus, rounds, network.adapter.size)
        work.report("auditing", 0, 1)
        with work.clock.stage("auditing"):
            checked = audits(cell, len(corpus.speakers), rounds, said.privacy)
    with work.clock.stage("timing"):
        timed = None if network is None else efficiency(cell, corpus, network)
    return CellOutcome(
        metrics=metrics,
        samples=samples,
        variants=tuple(variants),
        attacks=attacks,
        federation=said,
        audits=checked,
        efficiency=timed,
        artifacts=artifacts,
    )


def _scored(
    cell: Speech3dCell, corpus: MeshCorpus, made: Animated | None, part: Part, at: Mapping[str, str]
) -> tuple[dict[str, Score], list[Sample]]:
    people = corpus.parts[part].people
    return summary(score(cell.corpus, part, made), people, _clips(corpus, part), cell.seed, at, corpus.rig)


def _clips(corpus: MeshCorpus, part: Part) -> list[str]:
    """The clips' names, by their place among their speaker's."""
    seen: dict[str, int] = {}
    names = []
    for who in corpus.parts[part].people:
        seen[who] = seen.get(who, -1) + 1
        names.append(f"test-{seen[who]:02d}")
    return names
