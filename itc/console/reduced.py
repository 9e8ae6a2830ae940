"""``itc reproduce --reduced``: whether the path of each large recipe works, on small weights; no verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from itc.console.interrupts import Interruptible
from itc.console.recipe import Recipe, recipes_folder
from itc.console.reduction import FILE, Reduction, check_weights, read_reduction, weights_folder
from itc.console.reproduced import digits, put
from itc.console.reproducing import Outcome, Place, reproduce
from itc.console.tables import amount
from itc.console.terminal import emit, say

BEGIN = "<!-- itc reproduce all --reduced --write: begin -->"


def try_out(picked: Mapping[str, Recipe], place: Place, weights: str, *, as_json: bool, write: bool) -> int:
    """Run the recipes at reduced size. 1 if a run failed, otherwise 0. ConfigError, before any is run, where
    the weights are not there."""
    reduction = read_reduction()
    small = {name: reduction.of(name, recipe, place.composed(recipe)) for name, recipe in picked.items()}
    ready = [name for name, recipe in small.items() if not recipe.needs.missing(place.data)]
    if ready:
        place = replace(place, weights=weights_folder(weights))
        assert place.weights is not None
        check_weights(place.weights, {f for name in ready for f in reduction.folders(picked[name])})
    if not as_json:
        say(headline(reduction))
        say()
    outcomes = []
    with Interruptible().installed() as signals:
        for name, recipe in small.items():
            outcomes.append(reproduce(name, recipe, place, signals, share=True))
            if not as_json:
                told(outcomes[-1])
    if write:
        table = f"{headline(reduction)}\n\n{markdown(outcomes)}"
        put(table, recipes_folder() / "README.md", BEGIN)
    if as_json:
        emit({"headline": headline(reduction), "recipes": [_plain(o) for o in outcomes]})
    return int(any(o.error for o in outcomes))


def headline(reduction: Reduction) -> str:
    """What the values are of, and what they do not say."""
    models = " and ".join(sorted(set(reduction.weights.values())))
    return (
        f"Values of {models} on {reduction.problems} problems, with at most {reduction.draws} draws but "
        f"where recipes/{FILE} says otherwise. They show that the path works, and nothing of the claims."
    )


def told(outcome: Outcome) -> None:
    """One recipe, when it is done."""
    if outcome.missing:
        say(f"NOT RUN  {outcome.name}: needs {', '.join(outcome.missing)}")
        return
    for found in outcome.found:
        figure = found.figure
        value = f"{figure.read} {digits(figure, found.value)}"
        say(f"RAN  {outcome.name}: {figure.name}: {value} (paper {figure.paper:g})")
    if outcome.error:
        say(f"FAILED  {outcome.name}: {outcome.error}")
    say(f"     {', '.join(spent(outcome))}, {amount(outcome.calls)} calls new")


def spent(outcome: Outcome) -> tuple[str, str, str]:
    """Calls, tokens and seconds of all its runs, whenever they were run."""
    cost = outcome.spent
    return f"{amount(cost.calls)} calls", f"{amount(cost.tokens)} tokens", f"{amount(outcome.ran)} s"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """A row for every figure."""
    lines = [
        "| recipe | figure | paper | read here | value | calls | tokens | seconds |",
        "|---|---|--:|---|--:|--:|--:|--:|",
    ]
    for outcome in outcomes:
        values = [digits(f.figure, f.value) for f in outcome.found]
        for i, figure in enumerate(outcome.recipe.figures):
            head = outcome.name if not i else ""
            value = values[i] if values else "failed" if outcome.error else "not run"
            cost = [part.split()[0] for part in spent(outcome)] if not i and values else ["", "", ""]
            cells = (head, figure.name, f"{figure.paper:g}", figure.read, value, *cost)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "figures": [
            {"name": f.figure.name, "read": f.figure.read, "value": f.value, "paper": f.figure.paper}
            for f in outcome.found
        ],
        "calls": outcome.spent.calls,
        "tokens": outcome.spent.tokens,
        "new_calls": outcome.calls,
        "seconds": round(outcome.ran, 3),
        "missing": list(outcome.missing),
        "error": outcome.error,
    }
