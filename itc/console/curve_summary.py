"""What ``itc curves`` found, as plain values; probabilities in [0,1]."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np

from itc.analysis.allocate import by_difficulty
from itc.analysis.bounded import bounded_mean
from itc.analysis.coverage import HeldOut, fits, held_out
from itc.analysis.curves import WEIGHT, Curve, curves
from itc.analysis.draws import Draws, Floats, sizes
from itc.analysis.imperfect import first_accepted, fitted
from itc.analysis.intervals import Estimate
from itc.errors import ConfigError
from itc.runs.result import Result

BEYOND = (4, 16)
"""How many times N coverage is extrapolated to."""
_FEWEST_HELD_OUT = 8
"""Draws from which a quarter of them is fitted and held against the rest."""
_FEWEST_PROBLEMS = 50
"""Problems from which an allocation is fitted: ten a bin, or five in either half."""

Summary = dict[str, Any]


def summary(result: Result, draws: Draws, accept: float) -> Summary:
    """Of one run; a score of ``accept`` or more counts as accepted."""
    found = curves(draws)
    told = {key: result.manifest.get(key) for key in ("directory", "task", "strategy", "model", "seed")}
    return {
        **told,
        "problems": len(draws.right),
        "failed": draws.failed,
        "draws": draws.n,
        "curves": {curve.name: _curve(curve) for curve in found.all},
        "coverage": _coverage(draws),
        "verifiers": {
            name: _verifier(scores, draws, accept) for name, scores in draws.scores.items() if name != WEIGHT
        },
        "allocation": {curve.name: _allocation(curve, draws) for curve in found.all[1:]},
    }


def plain(e: Estimate) -> dict[str, float]:
    """A mean with its interval."""
    return {"mean": e.mean, "low": e.low, "high": e.high}


def _curve(curve: Curve) -> Summary:
    points = []
    for i, (e, error) in enumerate(zip(curve.estimates, curve.errors.tolist(), strict=True)):
        tokens = None if curve.tokens is None else float(curve.tokens[i])
        points.append({"k": i + 1, "tokens": tokens, **plain(e), "monte_carlo_error": error})
    return {"points": points, "best_k": curve.best, "as_drawn": float(curve.as_drawn.mean())}


def _coverage(draws: Draws) -> Summary:
    n, shown = draws.n, tuple[HeldOut, ...]()
    try:
        laws = fits(draws)
    except ConfigError as error:
        return {"laws": {}, "held_out": [], "lacks": str(error)}
    if n >= _FEWEST_HELD_OUT:
        # A quarter of the draws may hold none that is right where all of them do.
        with suppress(ConfigError):
            shown = held_out(draws, n // 4)
    return {
        "laws": {
            law.law: {
                "parameters": {name: plain(e) for name, e in zip(law.names, law.parameters, strict=True)},
                "predicted": [{"k": k * n, **plain(law.predict(k * n))} for k in BEYOND],
            }
            for law in laws
        },
        "held_out": [
            {
                "fit_to": n // 4,
                "k": h.k,
                "shown": plain(h.shown),
                "predicted": {law.law: plain(e) for law, e in zip(laws, h.predicted, strict=True)},
            }
            for h in shown
        ],
        "lacks": "",
    }


def _verifier(scores: Floats, draws: Draws, accept: float) -> Summary:
    accepted, right = scores >= accept, draws.right
    good, bad = first_accepted(accepted, right, np.arange(1, draws.n + 1))
    worth = good.mean(axis=0) - bad.mean(axis=0)
    told: Summary = {
        "accept": accept,
        "right_accepted": float(accepted[right].mean()) if right.any() else None,
        "wrong_accepted": float(accepted[~right].mean()) if not right.all() else None,
        "points": [
            {
                "k": k,
                "right": plain(bounded_mean(good[:, k - 1])),
                "wrong": plain(bounded_mean(bad[:, k - 1])),
            }
            for k in sizes(draws.n)
        ],
        "best_shown": int(worth.argmax()) + 1,
        "ceiling": None,
        "best_k": None,
        "lacks": "",
    }
    try:
        model = fitted(accepted, right)
    except ConfigError as error:
        return {**told, "lacks": str(error)}
    best = model.best()
    return {**told, "ceiling": model.ceiling(), "best_k": None if best == math.inf else int(best)}


def _allocation(curve: Curve, draws: Draws) -> list[Summary]:
    if curve.tokens is None or len(draws.right) < _FEWEST_PROBLEMS:
        return []
    ks = sizes(draws.n)
    at = np.array(ks) - 1
    ease = draws.right.mean(axis=1)
    return [
        {
            "k": share.k,
            "tokens": share.tokens,
            "accuracy": share.accuracy,
            "given_tokens": share.given_tokens,
            "given_accuracy": share.given_accuracy,
        }
        for share in by_difficulty(curve.values[:, at], curve.tokens[at], ease, ks)
    ]
