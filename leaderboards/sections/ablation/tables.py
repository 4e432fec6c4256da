"""Effects as tables: for the terminal, as Markdown, as LaTeX, and row by row as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from privtalk.leaderboards import formats
from privtalk.leaderboards.escaping import latex, markdown
from privtalk.leaderboards.sections.ablation.design import Design
from privtalk.leaderboards.sections.ablation.effects import Effect, Effects, Outcome
from privtalk.leaderboards.terminal import Column, split

STYLES = {"better": "green", "worse": "red"}
ARROWS = {1: "↑", -1: "↓"}
MARKS = {"better": "▲", "worse": "▼"}
CONVENTION = (
    "A main effect is present minus absent, averaged over the other factors; an interaction is half of the difference "
    "of differences, so that 0 says that factors add up (Box, Hunter and Hunter, 2005). Paired by seed, client and "
    "clip over all cells, 95 % intervals clustered by client; better and worse after Holm's correction over the table."
)
OF_ATTACKS = (
    "AUC of attacks, where less is better: the intervals take the errors of cells for independent, and are rather too "
    "wide."
)


def notes(effects: Sequence[Effects], designs: Sequence[Design]) -> list[str]:
    """How to read the tables, and what could not be computed because cells are missing."""
    lines = [CONVENTION] if effects else []
    lines += [OF_ATTACKS] if any(measure.attack for found in effects for measure in found.measures) else []
    return lines + [text for design in designs for text in missing(design)]


def missing(design: Design) -> list[str]:
    """Cells of a design that are not there, and those that lack a seed."""
    lines = [f"{design.title}: no cell {design.named(lost.states)}: {lost.reason}" for lost in design.lost]
    seeds = sorted({seed for row in design.rows.values() for seed in row.seeds})
    for states, row in design.rows.items():
        if lacking := [str(seed) for seed in seeds if seed not in row.seeds]:
            told = f"seed{'s' if len(lacking) > 1 else ''} {formats.listing(lacking)}"
            lines.append(f"{design.title}: {design.named(states)} lacks {told}, which no effect is taken on")
    return lines


def title(effects: Effects) -> str:
    """The head of a table."""
    return f"Effects: {effects.design.title}"


def terminal_tables(found: Sequence[Effects], width: int) -> Iterator[Table]:
    """A table a design: a line a term, a column a measure."""
    for effects in found:
        names = [Column("effect", [Text(effects.named(term)) for term in effects.terms], right=False)]
        columns = [
            Column(
                f"{measure.label}\n{f'{measure.unit} {ARROWS[measure.sign]}'.strip()}",
                [_cell(effects.cells[term, measure.name], measure) for term in effects.terms],
            )
            for measure in effects.measures
        ]
        yield from split(title(effects), names, names, columns, [len(term) for term in effects.terms], width)


def _cell(effect: Effect, measure: Outcome) -> Text:
    half = formats.plus_minus(effect.difference.estimate(), measure.digits)
    value = formats.number(effect.difference.value, measure.digits, signed=True)
    return Text(f"{value} {half}".strip(), STYLES.get(effect.verdict or "", ""))


def figure(effect: Effect, measure: Outcome) -> str:
    """An effect with its interval, or why there is none."""
    if effect.difference.value is None:
        return formats.MISSING
    return formats.with_interval(effect.difference, measure.digits, signed=True)


def markdown_lines(found: Sequence[Effects], notes_: Sequence[str]) -> list[str]:
    """A Markdown table a design, what is told from zero in bold and marked, then the notes."""
    lines = []
    for effects in found:
        lines += [f"**{markdown(title(effects))}**", ""]
        heads = [" ".join(filter(None, (m.label, m.unit, ARROWS[m.sign]))) for m in effects.measures]
        lines.append(f"| {' | '.join(['effect', *map(markdown, heads)])} |")
        lines.append(f"|---|{'---:|' * len(heads)}")
        for term in effects.terms:
            cells = [_marked(e, m) for e, m in zip(effects.of(term), effects.measures, strict=True)]
            lines.append(f"| {' | '.join([markdown(effects.named(term)), *cells])} |")
        lines.append("")
    return [*lines, *(f"- {markdown(note)}" for note in notes_), *([""] if notes_ else [])]


def _marked(effect: Effect, measure: Outcome) -> str:
    text = markdown(figure(effect, measure))
    mark = MARKS.get(effect.verdict or "")
    return f"{mark} **{text}**" if mark else text


def latex_text(found: Sequence[Effects], notes_: Sequence[str]) -> str:
    """A `table` a design with the rules of `booktabs`; what is told from zero is bold, the notes are the caption."""
    return "\n".join(line for effects in found for line in _latex(effects, notes_))


def _latex(effects: Effects, notes_: Sequence[str]) -> Iterator[str]:
    yield from (r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\small")
    yield rf"\begin{{tabular}}{{l{'r' * len(effects.measures)}}}"
    yield r"\toprule"
    yield rf"effect & {' & '.join(latex(f'{m.label} {ARROWS[m.sign]}') for m in effects.measures)} \\"
    if any(measure.unit for measure in effects.measures):
        yield rf" & {' & '.join(latex(m.unit) for m in effects.measures)} \\"
    sizes = [len(term) for term in effects.terms]
    for term, last in zip(effects.terms, [0, *sizes], strict=False):
        if len(term) != last:
            yield r"\midrule"
        cells = [_latex_cell(e, m) for e, m in zip(effects.of(term), effects.measures, strict=True)]
        yield rf"{latex(effects.named(term))} & {' & '.join(cells)} \\"
    yield from (r"\bottomrule", r"\end{tabular}")
    yield rf"\caption{{{latex('. '.join([title(effects), *(note.rstrip('.') for note in notes_)]))}.}}"
    yield from (r"\end{table}", "")


def _latex_cell(effect: Effect, measure: Outcome) -> str:
    text = latex(figure(effect, measure))
    return rf"\textbf{{{text}}}" if effect.verdict in MARKS else text


def rows(found: Sequence[Effects]) -> list[dict[str, Any]]:
    """Every effect as data."""
    return [
        {
            "design": effects.design.title,
            "effect": effects.named(effect.term),
            "order": len(effect.term),
            "measure": measure.label,
            "family": measure.family,
            "unit": measure.unit,
            "direction": "higher" if measure.sign > 0 else "lower",
            "value": effect.difference.value,
            "low": effect.difference.low,
            "high": effect.difference.high,
            "n": effect.difference.n,
            "clusters": effect.difference.clusters,
            "p": effect.difference.p,
            "p_holm": effect.adjusted,
            "verdict": {"level": "not shown"}.get(effect.verdict or "", effect.verdict),
            "missing": effect.difference.missing,
        }
        for effects in found
        for term in effects.terms
        for effect, measure in zip(effects.of(term), effects.measures, strict=True)
    ]
