"""The finding about audits."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, finding
from privtalk.leaderboards.sections.audits.audits import AuditLine

AUDIT_QUESTION = "Do audits contradict the guarantee?"


def audited(lines: Sequence[AuditLine], checked: str = "") -> Finding:
    """Whether a certified lower bound exceeds what the accountant claims: then one of the two is wrong.

    `checked` says what the checks of every round saw.
    """
    broken = [line for line in lines if line.violations]
    evidence = [
        EvidenceLine(
            subject=f"{line.row.where}, seed {line.seed}: {line.audit.view}",
            figure=text,
            verdict="invalid",
        )
        for line in broken
        for text in line.violations
    ]
    done = [line for line in lines if not line.audit.missing]
    claimed = [line for line in done if line.verdict == "not exceeded"]
    if broken:
        rows = list(dict.fromkeys(line.row.where for line in broken))
        text = (
            f"YES: {len(broken)} of {len(done)} audits certify more leakage than is accounted for, on "
            f"{formats.listing(rows)}. Mechanism, accountant or audit has a bug: trust no ε here until it is found"
        )
        return finding(AUDIT_QUESTION, [Answer("", text)], evidence, "error")
    text = " ".join(filter(None, (_unbroken(len(lines), len(done), len(claimed)), checked)))
    return finding(AUDIT_QUESTION, [Answer("", text)], [])


def _unbroken(asked: int, done: int, claimed: int) -> str:
    if not done:
        return f"Not measured: none of {asked} audits was run."
    text = f"No: none of {done} audits certifies more than the accountant allows"
    if claimed < done:
        text += f"; in {done - claimed} of them nothing is claimed that could be exceeded"
    return (
        text
        + ". A lower bound far below the account says that the audit is weak, not that the account is loose."
    )
