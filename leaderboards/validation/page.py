"""The report: `index.html`, `metrics.json`, charts and pictures in one folder that opens from disk."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from privtalk import leaderboards
from privtalk.bench.corpus.rendered import studio
from privtalk.core.errors import UserError
from privtalk.leaderboards import formats
from privtalk.leaderboards.validation import figures, footage, pictures
from privtalk.leaderboards.validation.checks import BarCheck, digits
from privtalk.leaderboards.validation.distortions import LADDERS
from privtalk.leaderboards.validation.floors import Floor
from privtalk.leaderboards.validation.footage import POPULATIONS, ValidationFootage
from privtalk.leaderboards.validation.identity import Verified
from privtalk.leaderboards.validation.readers import Read
from privtalk.leaderboards.validation.synchrony import Synced
from privtalk.leaderboards.validation.temporal import NAMES
from privtalk.leaderboards.validation.work import FRAMES, Measured
from privtalk.metrics import METRICS, Metric

SCHEMA_VERSION = 1
BOARDS = Path(next(iter(leaderboards.__path__)))
"""The folder of the board's style and templates."""
TONES = {"pass": "good", "fail": "bad", "not done": "warning"}
SECTIONS = {
    "identity": "Who is it?",
    "sync": "Is the mouth in step with the sound?",
    "readers": "Are mouths and landmarks read rightly?",
    "distortions": "Does worse look worse?",
    "halves": "Is the same the same?",
    "time": "Is motion judged as motion?",
}


class MetricLine(NamedTuple):
    """A metric in the table of all."""

    metric: Metric
    range: str
    monotone: tuple[str, ...]
    """`yes`, `no` or empty, by distortion."""
    floor: Floor | None


def write(
    out: Path,
    measured: Measured,
    checks: Sequence[BarCheck],
    floors: Mapping[str, Floor],
    evaluators: Mapping[str, str],
    facts: str,
) -> Path:
    """Write the whole folder, or nothing; evaluators: network -> sha256 of its weights."""
    writable(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / "static").mkdir(parents=True)
        shutil.copyfile(BOARDS / "site" / "static" / "style.css", partial / "static" / "style.css")
        sheets = _pictures(measured, partial)
        context = {
            "facts": facts, "checks": checks, "tones": TONES, "sections": SECTIONS,
            "figures": figures.draw(measured, partial), "sheets": sheets, "lines": lines(measured, floors),
            "kinds": list(LADDERS), "absent": absent(measured), "halved": _done(measured.halved),
            "read": _done(measured.read), "measured": measured, "evaluators": evaluators, "f": formats,
            "names": NAMES, "from_run": floors is not measured.floors, "tally": tally(checks),
            "digits": digits, "frames": FRAMES,
            "clips": len(next(iter(measured.times.values())).values["psnr"]),
        }  # fmt: skip
        html = _environment().get_template("report.html.j2").render(context)
        (partial / "index.html").write_text(html, encoding="utf-8")
        written = json.dumps(content(measured, checks, floors, evaluators), indent=1, ensure_ascii=False)
        (partial / "metrics.json").write_text(written + "\n", encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out / "index.html"


def writable(out: Path) -> None:
    """Raise `UserError` where writing would destroy anything but an older report."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; name a folder for the report")
    if out.is_dir() and any(out.iterdir()) and not (out / "metrics.json").is_file():
        raise UserError(f"{out}: holds files that are no report; name a new or empty folder")


def content(
    measured: Measured, checks: Sequence[BarCheck], floors: Mapping[str, Floor], evaluators: Mapping[str, str]
) -> dict[str, Any]:
    """The content of `metrics.json`; boards read `noise_floor`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "people": measured.footage.people,
        "evaluators": dict(evaluators),
        "checks": [asdict(check) for check in checks],
        "noise_floor": {name: asdict(floor) for name, floor in floors.items()},
        "identity": {f"{n}/{p}": _identity(v) for (n, p), v in measured.verified.items()},
        "judge": {
            str(size): {"missing": v} if isinstance(v, str) else v._asdict()
            for size, v in measured.judged.items()
        },
        "sync": {name: _sync(found) for name, found in measured.synced.items()},
        "readers": {name: _read(found) for name, found in measured.read.items()},
        "distortions": [climb._asdict() for climb in measured.climbs],
        "halves": {
            n: {"missing": v} if isinstance(v, str) else v._asdict() for n, v in measured.halved.items()
        },
        "time": [found._asdict() for own in measured.ordered.values() for found in own],
        "missing": measured.missing,
    }


def lines(measured: Measured, floors: Mapping[str, Floor]) -> dict[str, list[MetricLine]]:
    """Family -> its metrics that were validated."""
    held = {(climb.metric, climb.kind): "yes" if climb.monotone else "no" for climb in measured.climbs}
    found: dict[str, list[MetricLine]] = defaultdict(list)
    for name, metric in METRICS.items():
        if name not in measured.missing:
            marks = tuple(held.get((name, kind), "") for kind in LADDERS)
            found[metric.family].append(MetricLine(metric, span(metric.range), marks, floors.get(name)))
    return dict(found)


def span(limits: tuple[float, float]) -> str:
    """A range as people write it.

    >>> span((0.0, float("inf"))), span((-1.0, 1.0))
    ('0 .. ∞', '−1 .. 1')
    """
    words = [
        ("−∞" if end < 0 else "∞") if math.isinf(end) else f"{end:g}".replace("-", "−") for end in limits
    ]
    return " .. ".join(words)


def absent(measured: Measured) -> list[tuple[str, list[str]]]:
    """Reasons, each with the metrics that have no value for it."""
    by: dict[str, list[str]] = defaultdict(list)
    for name, reason in measured.missing.items():
        by[reason].append(name)
    return list(by.items())


def tally(checks: Sequence[BarCheck]) -> dict[str, int]:
    """Verdict -> how many checks."""
    return {verdict: sum(check.verdict == verdict for check in checks) for verdict in TONES}


def _pictures(measured: Measured, out: Path) -> dict[str, Any]:
    """Contact sheets by name."""
    clips = footage.first_clips(footage.clips(measured.footage), measured.footage.people)
    shown = clips[len(clips) // 3]
    pictures.distortions(shown, FRAMES, out / "pictures" / "distortions.png")
    pictures.versions(shown, FRAMES, out / "pictures" / "time.png")
    pairs = {}
    for (network, population), found in _done(measured.verified).items():
        path = out / "pictures" / f"hardest-{network}-{population}.png"
        wanted = measured.footage.sittings(population)
        pictures.hardest(studio.load(wanted), found.hardest, wanted[0].frames, path)
        pairs[f"identity[{network}], {POPULATIONS[population]}"] = (path.relative_to(out).as_posix(), found)
    return {"distortions": "pictures/distortions.png", "time": "pictures/time.png", "hardest": pairs}


def _done(found: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in found.items() if not isinstance(value, str)}


def _identity(found: Verified | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"missing": found}
    return {
        "people": found.people,
        "templates": found.templates._asdict(),
        "templates_eer": found.templates_eer._asdict(),
        "frames_auc": found.frames_auc,
        "frames_eer": found.frames_eer,
        "slices": [part._asdict() for part in found.slices],
    }


def _sync(found: Synced | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"missing": found}
    shares = {
        str(length): {str(shift): share._asdict() for shift, share in own.items()}
        for length, own in found.shares.items()
    }
    strangers = {"offsets": {str(s): n for s, n in found.offsets.items()}, "p_uniform": found.uniform}
    return {"clips": found.clips, "shares": shares, "strangers": strangers, "confidence_auc": found.apart}


def _read(found: Read | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"missing": found}
    return {name: value for name, value in found._asdict().items() if name != "shown"}


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent / "templates", BOARDS / "site" / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def facts(scene: ValidationFootage, run: Path | None) -> str:
    """One line under the title."""
    floors = f"; noise floors from the rows of {run.name}" if run is not None else ""
    return (
        f"{2 * scene.people} unseen people of the public world and {2 * scene.people} of the broader world sat for "
        f"portraits; {2 * scene.people} clips of {footage.FRAMES} frames of {scene.people} people of the broader world "
        f"were spoken. Nothing was trained or fitted on any of them{floors}."
    )
