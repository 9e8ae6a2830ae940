"""What can be read from a finished run to set beside a published figure.

- ``accuracy``: share of right answers, in percent.
- ``oracle``: share of problems with a right answer among the last candidates, in percent.
- ``pass@K``: chance that K of the draws contain a right one (Chen et al. 2021, arXiv 2107.03374), in percent.
- ``maj@K``, ``best-of-K SCORE``, ``weighted maj@K SCORE``: chance that K of the draws choose a right answer,
  in percent (`itc.analysis.curves`).
- ``calls``, ``tokens``, ``completion_tokens``: of a problem, replayed ones included; ``tokens`` without those
  from a prefix cache.
- ``calls of ROLE``: of a problem, those to the model of that role, as ``calls of prm``: ratings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from itc.errors import ConfigError, did_you_mean
from itc.runs.result import Result

_AT = re.compile(r"(?P<head>pass@|maj@|best-of-|weighted maj@)(?P<k>[1-9]\d*)(?P<score> \w+)?")
_SCORED = ("best-of-", "weighted maj@")
_OF = re.compile(r"calls of (?P<role>\w+)")


def _accuracy(result: Result) -> float:
    assert result.accuracy is not None
    return 100 * result.accuracy.mean


def _oracle(result: Result) -> float:
    assert result.oracle is not None
    return 100 * result.oracle.mean


def _calls(result: Result) -> float:
    return result.cost.calls / len(result.rows)


def _tokens(result: Result) -> float:
    return (result.cost.tokens - result.cost.cached_tokens) / len(result.rows)


def _completion_tokens(result: Result) -> float:
    return result.cost.completion_tokens / len(result.rows)


def _calls_of(result: Result, role: str) -> float:
    by_role = [json.loads(text) for text in result.column("rows", "by_role")]
    if not any(role in row for row in by_role):
        played = ", ".join(sorted({name for row in by_role for name in row})) or "no role"
        raise ConfigError(f"calls of {role}: the run made none. Its calls are of {played}.")
    return float(sum(row.get(role, {}).get("calls", 0) for row in by_role) / len(by_role))


READS: dict[str, Callable[[Result], float]] = {
    "accuracy": _accuracy,
    "oracle": _oracle,
    "calls": _calls,
    "tokens": _tokens,
    "completion_tokens": _completion_tokens,
}


def check_read(read: str) -> None:
    """ValueError unless `measured` knows it."""
    if read in READS or _OF.fullmatch(read):
        return
    found = _AT.fullmatch(read)
    if found is None or (found["head"] in _SCORED) != bool(found["score"]):
        known = (*READS, "calls of prm", "pass@10", "maj@10", "best-of-10 prm", "weighted maj@10 prm")
        raise ValueError(f"read={read!r} is no figure of a run. {did_you_mean(read, known)}")


def percent(read: str) -> bool:
    """Whether it is a share of problems."""
    return read in ("accuracy", "oracle") or _AT.fullmatch(read) is not None


def measured(result: Result, read: str) -> float:
    """The figure. ConfigError where the run does not have it: a vote's draws are gone."""
    if read in READS:
        return READS[read](result)
    if of := _OF.fullmatch(read):
        return _calls_of(result, of["role"])
    found = _AT.fullmatch(read)
    assert found is not None
    k = int(found["k"])
    if found["head"] == "pass@":
        from itc.analysis.passk import mean_pass_at_k

        return 100 * mean_pass_at_k(((c.problem, bool(c.correct)) for c in result.candidates), k).mean
    from itc.analysis.curves import curves
    from itc.runs.drawn import draws_of

    curve = curves(draws_of(result)).named(f"{found['head']}k{found['score'] or ''}")
    return 100 * curve.at(k).mean
