"""The checks of every round of a private cell: what is booked, and the observer that holds training to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from privtalk.attacks.audit.round_checks import LEVEL
from privtalk.attacks.audit.watch import Booked, Watch
from privtalk.bench.accounts import calibrated
from privtalk.bench.tasks.talking_head.settings import Training
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.core.record_parts import RoundChecks
from privtalk.core.records import Privacy
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.public import PublicConstants
from privtalk.methods.federation.summation import MINIMUM
from privtalk.methods.privacy.accounting.ledger import Ledger
from privtalk.methods.privacy.mechanisms.adaptive_clipping import RATE
from privtalk.methods.privacy.mechanisms.matrix_factorisation import sensitivity, square_root


def booked(
    training: Training, method: FederatedMethod, clients: Sequence[ClientData], length: int
) -> Booked | None:
    """The facts that the account of a cell rests on, from its settings alone; None where no noise is asked for.

    `length` is of a message.
    """
    asked, federation = training.privacy, training.federation
    if asked.epsilon is None:
        return None
    setting = privacy.setting(training, len(clients), length)
    multiplier = asked.noise_multiplier or calibrated(asked.epsilon, setting)
    releases = {
        release.kind: release for entry in setting.ledger(multiplier).rounds for release in entry.releases
    }
    cyclic = federation.sampling == "cyclic"
    kind: Literal["fresh", "shares", "correlated"] = "shares" if asked.placement == "distributed" else "fresh"
    column, turns = (1.0,), 1.0
    if cyclic:
        kind, band = "correlated", min(federation.separation, federation.rounds)
        whole = square_root(federation.rounds, band)
        often = -(-federation.rounds // federation.separation)
        column, turns = tuple(whole[:band].tolist()), sensitivity(whole, often, federation.separation)
    public = PublicConstants.of(clients, federation)
    bits = releases.get("clipped_bits")
    return Booked(
        multiplier=releases["correlated_sums" if cyclic else "update_sum"].noise_multiplier,
        clip=asked.clip,
        rounds=federation.rounds,
        clients=public.clients,
        rate=federation.rate,
        reference_frames=public.reference_frames,
        denominator=federation.share * public.clients * public.mean_weight * method.expected_reliability(),
        noise=kind,
        normalisation=federation.normalisation,
        appended_share=federation.appended_share,
        fewest=MINIMUM if federation.secure_aggregation else 0,
        bits_deviation=None if bits is None else bits.noise_multiplier / 2,
        quantile=asked.quantile,
        bits_rate=RATE,
        column=column,
        sensitivity=turns,
        separation=federation.separation if cyclic else None,
    )


def place(checkpoints: Path, round_: int) -> Path:
    """The file in which the observer of a cell is kept after a round."""
    return checkpoints / f"watch-{round_}.safetensors"


def resumed(found: Booked | None, checkpoints: Path, of: str, rounds: int) -> Watch | None:
    """The observer of a cell of which `rounds` rounds are trained; None where nothing is booked.

    Raises `ValueError` where it did not see those rounds, so that training must start again.
    """
    if found is None:
        return None
    watch = Watch(found)
    if rounds and not watch.restored(place(checkpoints, rounds), of, rounds):
        raise ValueError(f"its first {rounds} rounds were checked by nobody")
    return watch


def keep(watch: Watch, checkpoints: Path, of: str, round_: int) -> None:
    """Writes the observer after a round; that of the round before it goes once the training state is written."""
    watch.save(place(checkpoints, round_), of)
    place(checkpoints, round_ - 2).unlink(missing_ok=True)


def finished(watch: Watch | None, guarantee: Privacy) -> RoundChecks | None:
    """Checks the whole run against its guarantee; what the record says of all checks."""
    if watch is None:
        return None
    watch.finish(Ledger.from_json(guarantee.ledger) if guarantee.ledger else None)
    return RoundChecks(
        rounds=len(watch.kept["taken"]),
        numbers=watch.kept["count"],
        level=LEVEL,
        deviation_ratio=watch.ratio,
        smallest_p=dict(sorted(watch.smallest.items())),
    )


def started_again(path: Path, error: ValueError) -> None:
    """Says that a checkpoint is of no use."""
    print(f"{path}: the checkpoint is left out, training starts again ({error})", file=sys.stderr)
