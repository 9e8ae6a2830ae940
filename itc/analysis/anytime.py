"""The frontier of a single run: what it would have answered had it been stopped at less."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from itc.analysis.axes import Axis
from itc.analysis.frontier import Frontier
from itc.errors import ConfigError


class Recorded(Protocol):
    """A run with its moments: an `itc.runs.result.Result`."""

    def column(self, table: str, name: str) -> list[Any]:
        """One field of every record of a table."""


def anytime(run: Recorded, axis: Axis, points: int = 12, name: str = "stopped early") -> Frontier:
    """Accuracy against the cap on what a problem may cost, at ``points`` caps from the least with an answer
    for half of the problems to the largest cost of any, on a logarithmic scale.

    At a cap each problem has the answer, and the cost, of its last moment within it; before the first it has
    no answer and cost nothing. So it is what a run with that cap would have returned, where the strategy
    works alike under any cap. Caps at which nothing new happened are left out. ConfigError where no moments
    were recorded, or points < 2.
    """
    problems, index = run.column("moments", "problem"), run.column("moments", "index")
    correct = run.column("moments", "correct")
    if not problems or points < 2:
        raise ConfigError(
            f"anytime with points={points} over {len(problems)} recorded moments: expected at least two "
            "points, and a run that recorded moments. Run the same command again to record them."
        )
    fields = [(weight, run.column("moments", field)) for field, weight in axis.terms]
    cost = sum(
        (weight * np.asarray(values, np.float64) for weight, values in fields), np.zeros(len(problems))
    )
    known = dict.fromkeys(problems)
    order = sorted(range(len(problems)), key=lambda i: index[i])
    curves: dict[str, list[int]] = {p: [] for p in known}
    for i in order:
        curves[problems[i]].append(i)
    graded = [at for at in curves.values() if correct[at[-1]] is not None]
    if not graded:
        raise ConfigError("anytime: no problem of the run has a gold answer.")
    low = float(np.median([cost[at[0]] for at in graded]))
    high = float(max(cost[at[-1]] for at in graded))
    caps = np.geomspace(max(low, high * 1e-6), high, points) if high > 0 else np.array([0.0])
    caps[-1] = high
    costs, right = np.zeros((len(caps), len(graded))), np.zeros((len(caps), len(graded)))
    for j, at in enumerate(graded):
        spent = np.maximum.accumulate(cost[at])
        last = np.searchsorted(spent, caps, side="right") - 1
        good = np.array([bool(correct[i]) for i in at], dtype=np.float64)
        costs[:, j] = np.where(last >= 0, spent[last], 0.0)
        right[:, j] = np.where(last >= 0, good[last], 0.0)
    new = [k for k in range(len(caps)) if k == 0 or costs[k].mean() > costs[k - 1].mean()]
    new = [k for k in new if costs[k].mean() > 0] or [len(caps) - 1]
    return Frontier.of(name, [f"at most {axis.show(caps[k])}" for k in new], costs[new], right[new])
