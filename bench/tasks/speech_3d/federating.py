"""The federated row: what devices trained together, its guarantee, and what the server's view of it gives away."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.judgement import absent, judged
from privtalk.attacks.membership import fedmia, update_cosine
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.pairs import CandidateFeatures, PairLabels
from privtalk.attacks.views import Bank, ServerRound
from privtalk.bench.accounts import accounted, calibrated, voided
from privtalk.bench.attack_records import recorded
from privtalk.bench.execution.task import Report
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus, public_faces
from privtalk.bench.tasks.speech_3d.settings import EPS, Speech3dCell
from privtalk.core.record_parts import AttackResult, Epsilons, Privacy
from privtalk.core.records import FederationBlock
from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.federation.summation import MINIMUM
from privtalk.methods.privacy.accounting import sampled_gaussian
from privtalk.methods.privacy.accounting.adversaries import most_participations
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY
from privtalk.methods.privacy.setting import PrivacySetting
from privtalk.methods.speech_3d.data import MotionClips
from privtalk.methods.speech_3d.federated import (
    FederatedRound,
    FederatedTalker,
    SpeechDevices,
    SpeechFederation,
    federate_speech,
)

ROUND = "round."
"""The beginning of the names of what a lesson keeps of its rounds."""
WIRE_BYTES = 4
PLANTED = "a round of training on the very footage that the attacker holds"
ATTACKS = (fedmia.ATTACK, update_cosine.ATTACK)


def stream_of(cell: Speech3dCell) -> Stream:
    """Returns the streams of a federation: the same for every tier of a seed."""
    return lambda *names: torch_stream(cell.seed, "speech_3d", "federation", *names)


def setting(cell: Speech3dCell, clients: int, dim: int) -> PrivacySetting:
    """Returns what an ε of the federation depends on."""
    federation = federation_of(cell)
    delta = sampled_gaussian.default_delta(clients)
    expected = federation.rate * clients
    return PrivacySetting(
        "central", "fixed", "poisson", federation.rate, federation.rounds, delta, dim, expected, MINIMUM
    )


def mechanism(cell: Speech3dCell, clients: int, dim: int) -> RunMechanism:
    """Returns clip and calibrated noise; none where no ε is asked for."""
    if EPS not in cell.at:
        return NO_PRIVACY
    asked = setting(cell, clients, dim)
    return asked.mechanism(calibrated(float(cell.at[EPS]), asked), federation_of(cell).clip)


def devices_of(
    cell: Speech3dCell, corpus: MeshCorpus, network: FederatedTalker, clips: MotionClips
) -> SpeechDevices:
    """Returns the clients of a corpus: each speaker in training with the clips of its own."""
    assert cell.training is not None
    numbers = clips.speech.speaker
    frames = min(cell.training.frames, clips.codes.shape[1])
    return SpeechDevices(
        network=network,
        clips=[_chosen(clips, numbers == k) for k in range(len(corpus.speakers))],
        scale=corpus.scale,
        federation=federation_of(cell),
        stream=stream_of(cell),
        frames=frames,
    )


def _chosen(clips: MotionClips, where: Tensor) -> MotionClips:
    """Some of the clips, whole."""
    chosen = torch.nonzero(where)[:, 0]
    return clips.windows(chosen, torch.zeros(len(chosen), dtype=torch.int64), clips.codes.shape[1])


def federated(
    report: Report, cell: Speech3dCell, corpus: MeshCorpus, network: FederatedTalker, clips: MotionClips
) -> dict[str, NDArray[Any]]:
    """Trains the federation, leaves what was learned in the network, and returns what is kept of the rounds."""
    devices = devices_of(cell, corpus, network, clips)
    used = mechanism(cell, len(devices.clips), network.adapter.size)
    kept: dict[str, NDArray[Any]] = {}
    for seen in federate_speech(devices, used, lambda done, total: report("training", done, total)):
        kept[f"{ROUND}{seen.number:05d}.adapter"] = seen.adapter.numpy()
        kept[f"{ROUND}{seen.number:05d}.cohort"] = np.array(seen.cohort, dtype=np.int64)
        kept[f"{ROUND}{seen.number:05d}.messages"] = seen.messages.numpy()
    return kept


def rounds_of(kept: Mapping[str, NDArray[Any]]) -> list[FederatedRound]:
    """Returns the rounds that a lesson kept."""
    numbers = sorted({name.split(".")[1] for name in kept if name.startswith(ROUND)})
    found = []
    for number in numbers:
        adapter, cohort, messages = (
            kept[f"{ROUND}{number}.{part}"] for part in ("adapter", "cohort", "messages")
        )
        who = tuple(int(k) for k in cohort)
        found.append(FederatedRound(int(number), torch.from_numpy(adapter), who, torch.from_numpy(messages)))
    return found


def block(
    cell: Speech3dCell, corpus: MeshCorpus, rounds: Sequence[FederatedRound], dim: int
) -> FederationBlock:
    """Returns the guarantee of what was said, and how much was sent."""
    sent = sum(len(seen.cohort) for seen in rounds) * dim * WIRE_BYTES
    return FederationBlock(
        privacy=_privacy(cell, len(corpus.speakers), rounds, dim),
        communication_bytes={"up": sent, "down": sent},
    )


def _privacy(cell: Speech3dCell, clients: int, rounds: Sequence[FederatedRound], dim: int) -> Privacy:
    if EPS not in cell.at:
        return Privacy(
            mechanism="none", guarantee=False, reason="updates are neither clipped nor given noise"
        )
    asked, used = setting(cell, clients, dim), mechanism(cell, clients, dim)
    cohorts = tuple(seen.cohort for seen in rounds)
    often, largest = most_participations(cohorts), max(map(len, cohorts), default=1)
    found = accounted(asked, used.noise_multiplier, often, max(1, largest), 0.5)
    claimed = Privacy(
        mechanism="central-gaussian",
        guarantee=True,
        target_epsilon=float(cell.at[EPS]),
        delta=asked.delta,
        noise_multiplier=used.noise_multiplier,
        clip=federation_of(cell).clip,
        sampling=asked.sampling,
        sampling_rate=asked.rate,
        rounds=asked.rounds,
        neighbouring=found.ledger.neighbouring,
        participations=often,
        ledger=found.ledger.to_json(),
        accountant=found.ledger.accountant,
        epsilons=Epsilons(
            **found.epsilons.figures(),
            assumptions=found.epsilons.assumptions(),
            reasons=found.epsilons.reasons(),
        ),
        checks=dict(found.checks),
    )
    void = sampled_gaussian.void_delta(asked.delta, clients)
    return claimed if void is None else voided(claimed, void)


def message_attacks(
    cell: Speech3dCell,
    corpus: MeshCorpus,
    network: FederatedTalker,
    rounds: Sequence[FederatedRound],
    tested: MotionClips,
    strange: MotionClips,
) -> Mapping[str, AttackResult]:
    """Returns who took part, as a server finds it that sees each message and holds other footage of everybody."""
    start = time.perf_counter()
    rounds = [seen for seen in rounds if seen.cohort]
    if not rounds:
        return {
            attack.declaration.name: recorded(
                absent(attack.declaration, "nobody took part in any round"), 0.0
            )
            for attack in ATTACKS
        }
    devices = SpeechDevices(
        network=network,
        clips=(),
        scale=corpus.scale,
        federation=federation_of(cell),
        stream=stream_of(cell),
        frames=1,
    )
    known = tested.speech.speaker.unique().tolist()
    people = [_chosen(tested, tested.speech.speaker == k) for k in known]
    names = corpus.parts["strangers"].people
    others = list(dict.fromkeys(names))
    people += [_chosen(strange, torch.tensor([name == other for name in names])) for other in others]
    gradients = torch.stack([_gradient(devices, clips, rounds[0].adapter) for clips in people])
    candidates = CandidateFeatures(
        gradients=gradients,
        tokens=torch.zeros(len(people), 1),
        template=cast(Bank, None),  # neither attack asks which layer a number belongs to
    )
    own = {int(k): place for place, k in enumerate(known)}
    truth = PairLabels(own=own, strangers=tuple(range(len(known), len(people))))
    seen = [
        ServerRound(number=r.number, adapter=r.adapter, cohort=r.cohort, messages=r.messages) for r in rounds
    ]
    planted = _planted(devices, people[: len(known)], known, rounds[0].adapter)
    outcomes = []
    for attack in ATTACKS:
        found = judged(attack, seen, candidates, truth, stream_of(cell))
        strong = judged(attack, [planted], candidates, truth, stream_of(cell)).evaluation
        shown = None if strong is None else StrengthOutcome(estimate=strong.auc, planted=PLANTED)
        outcomes.append(replace(found, strength=shown))
    seconds = time.perf_counter() - start
    return {outcome.declaration.name: recorded(outcome, seconds) for outcome in outcomes}


def _planted(
    devices: SpeechDevices, people: Sequence[MotionClips], numbers: Sequence[int], adapter: Tensor
) -> ServerRound:
    """A round in which every client trains on the very footage that the attacker holds of its person."""
    own = replace(devices, clips=people, frames=people[0].codes.shape[1])
    with torch.no_grad():
        heard = [devices.network.personaliser.look_up(clips.speech.mel).identity.mean(0) for clips in people]
    sent = [own.train(place, 0, adapter, heard[place])[0] for place in range(len(people))]
    return ServerRound(number=0, adapter=adapter, cohort=tuple(numbers), messages=torch.stack(sent))


def _gradient(devices: SpeechDevices, clips: MotionClips, adapter: Tensor) -> Tensor:
    with torch.no_grad():
        identity = devices.network.personaliser.look_up(clips.speech.mel).identity.mean(0)
    return devices.gradient(clips, adapter, identity)


def of_faces(corpus: MeshCorpus, clips: MotionClips, faces: int) -> MotionClips:
    """Returns the public clips of people whose motion is known, with their numbers among these."""
    names = corpus.parts["public"].people
    number = {name: index for index, name in enumerate(public_faces(corpus, faces))}
    found = _chosen(clips, torch.tensor([name in number for name in names]))
    speaker = torch.tensor([number[name] for name in names if name in number])
    return replace(found, speech=replace(found.speech, speaker=speaker))


def federation_of(cell: Speech3dCell) -> SpeechFederation:
    """Returns how the devices of a federated row train together."""
    assert cell.federation is not None
    return cell.federation
