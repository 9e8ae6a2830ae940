"""What came of recipes: on the terminal, as JSON, and as the table in ``recipes/README.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from itc.console.measured import percent
from itc.console.recipe import Figure, Recipe
from itc.console.reproducing import Outcome, counts
from itc.console.tables import amount, dollars, duration
from itc.console.terminal import emit, say, table
from itc.errors import ConfigError
from itc.runs import durable

BEGIN, END = "<!-- itc reproduce all --write: begin -->", "<!-- end -->"


def digits(figure: Figure, value: float) -> str:
    """A figure with two decimals, or as many places as a count needs."""
    return f"{value:,.0f}" if abs(value) >= 1000 and not percent(figure.read) else f"{value:.2f}"


def bound(figure: Figure) -> str:
    """The paper's figure and the tolerance."""
    if figure.sense == "near":
        return f"{figure.paper:g} ± {figure.tolerance:g}"
    within = f", within {figure.tolerance:g}" if figure.tolerance else ""
    return f"{figure.sense} {figure.paper:g}{within}"


def listed(known: Mapping[str, Recipe], as_json: bool) -> None:
    """The recipes there are."""
    if as_json:
        emit({"recipes": {name: {"kind": r.kind, "claim": r.claim} for name, r in known.items()}})
        return
    table(("", ""), [(name, f"{r.kind}: {r.claim}") for name, r in known.items()])


def told(outcome: Outcome, named: bool) -> None:
    """One recipe, when it is done; with its name where there are several."""
    head = f"{outcome.name}: " if named else ""
    if outcome.missing:
        say(f"NOT RUN  {head}needs {', '.join(outcome.missing)}{_cost(outcome)}")
        return
    spent = f"{amount(outcome.calls)} new calls, {outcome.seconds:.0f} s"
    if not outcome.found:
        say(f"FAIL  {head}{outcome.error}   {spent}")
        return
    for i, found in enumerate(outcome.found):
        figure = found.figure
        line = f"{found.verdict.upper()}  {head}{figure.name} {digits(figure, found.value)}"
        say(f"{line} (paper {bound(figure)})" + (f"   {spent}" if i == len(outcome.found) - 1 else ""))
    if outcome.error:
        say(f"FAIL  {head}{outcome.error}")


def summed_up(outcomes: Sequence[Outcome]) -> None:
    """How many passed."""
    say()
    say(", ".join(f"{count} {name}" for name, count in counts(outcomes).items()))


def emitted(outcomes: Sequence[Outcome]) -> None:
    """As JSON."""
    emit({"recipes": [_plain(o) for o in outcomes], "counts": counts(outcomes)})


def written(outcomes: Sequence[Outcome], path: Path) -> None:
    """The table between the markers of the page. ConfigError where there are none."""
    put(markdown(outcomes), path, BEGIN)


def put(text: str, path: Path, begin: str) -> None:
    """``text`` on the page, between the line ``begin`` and the next end. ConfigError where there are none."""
    page = path.read_text(encoding="utf-8")
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ConfigError(
            f"{path} has no place for the table: expected a line {begin} and, below, one {END}."
        )
    durable.replace(path, f"{before}{begin}\n\n{text}\n{END}{after}".encode())


def markdown(outcomes: Sequence[Outcome]) -> str:
    """A row for every figure."""
    lines = ["| recipe | kind | figure | paper | here | |", "|---|---|---|--:|--:|---|"]
    for outcome in outcomes:
        for i, (figure, value) in enumerate(_figures(outcome)):
            head = f"[{outcome.name}]({outcome.name}/README.md) | {outcome.recipe.kind}" if not i else " | "
            here = "" if value is None else digits(figure, value)
            end = outcome.verdict if value is None else "pass" if figure.met(value) else "fail"
            lines.append(f"| {head} | {figure.name} | {bound(figure)} | {here} | {end} |")
    return "\n".join(lines) + "\n"


def _figures(outcome: Outcome) -> list[tuple[Figure, float | None]]:
    """Every figure of the recipe, and what came of it; None where nothing did."""
    return list(zip_longest(outcome.recipe.figures, [f.value for f in outcome.found]))


def _cost(outcome: Outcome) -> str:
    worst = outcome.worst_case
    if worst is None:
        return ""
    parts = [f"{amount(worst['calls'])} calls", f"{amount(worst['tokens'])} tokens"]
    if worst["idealised_seconds"] != 0:
        parts += [duration(worst["idealised_seconds"]), dollars(worst["usd"])]
    return f"   at worst: {', '.join(parts)}"


def _plain(outcome: Outcome) -> dict[str, Any]:
    recipe = outcome.recipe
    return {
        "name": outcome.name,
        "kind": recipe.kind,
        "claim": recipe.claim,
        "paper": recipe.paper.model_dump(),
        "verdict": outcome.verdict,
        "figures": [
            {
                "name": f.name,
                "value": value,
                "paper": f.paper,
                "tolerance": f.tolerance,
                "sense": f.sense,
                "verdict": "not run" if value is None else "pass" if f.met(value) else "fail",
            }
            for f, value in _figures(outcome)
        ],
        "new_calls": outcome.calls,
        "seconds": round(outcome.seconds, 3),
        "missing": list(outcome.missing),
        "error": outcome.error,
        "worst_case": outcome.worst_case,
    }
