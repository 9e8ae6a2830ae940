"""The child process in which mathematics is parsed: ``python -m itc.answers.worker PARENT_PID MEMORY``.

One JSON object a line in, one out. A request that runs out of processor time kills this process, which is
the only reliable way out of a parser; the parent sees the signal and starts another. Math-Verify's own
timeouts are off: they turn into "different" or an empty parse, and a time-out here must stay a time-out.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import product
from typing import Any, TextIO

_PR_SET_PDEATHSIG = 1
_MATH = ("$", "\\(", "\\[", "\\boxed")
_CPU_SLACK = 2

Parsed = tuple[object, ...]


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the request above could take effect.
        os._exit(0)


def _confine(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Both expire on processor time, so a busy machine does not change a verdict; both kill outright.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def _arm(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds) + _CPU_SLACK
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)


@lru_cache(maxsize=4096)
def _parse(text: str, match: tuple[str, ...], whole_text: bool) -> Parsed:
    """Expressions that Math-Verify reads in ``text``; the last item is the text itself where it read none."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse

    # A box outranks any other formula of a solution, as in Math-Verify's own evaluation of whole texts.
    targets = {
        "latex": partial(LatexExtractionConfig, boxed_match_priority=0),
        "expr": ExprExtractionConfig,
        "string": StringExtractionConfig,
    }
    if not whole_text and "latex" in match and not any(sign in text for sign in _MATH):
        text = f"${text}$"
    return tuple(parse(text, [targets[m]() for m in match], parsing_timeout=None, raise_on_error=True))


def _readable(parsed: Parsed) -> bool:
    return any(not isinstance(item, str) for item in parsed)


def _value(parsed: Parsed) -> list[float] | None:
    """Real and imaginary part of the one expression read, at a fixed point; None where it has none.

    Different values mean different expressions, and cost far less to find than symbolic simplification.
    """
    from math_verify.parser import sympy

    expressions: list[Any] = [item for item in parsed if not isinstance(item, str)]
    if len(expressions) != 1 or not isinstance(expressions[0], sympy.Expr) or expressions[0].is_Symbol:
        return None
    expression = expressions[0]
    point = {s: _coordinate(str(s)) for s in expression.free_symbols}
    try:
        value = complex(expression.evalf(15, subs=point))
    except MemoryError:
        raise
    except Exception:  # an expression without a value says so in many ways
        return None
    return [value.real, value.imag] if math.isfinite(value.real) and math.isfinite(value.imag) else None


def _coordinate(name: str) -> float:
    return 0.1 + int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") / 2**32 * 0.8


def _compare(golds: Sequence[object], preds: Sequence[object], options: dict[str, Any]) -> str:
    from math_verify import verify

    failed = False
    for gold, pred in product(golds, preds):
        try:
            if verify(
                gold,
                pred,
                float_rounding=options["precision"],
                numeric_precision=options["numeric_precision"],
                strict=options["strict"],
                allow_set_relation_comp=options["set_relations"],
                timeout_seconds=None,
                raise_on_error=True,
            ):
                return "equal"
        except MemoryError:
            raise
        except Exception:  # sympy raises nearly anything on expressions that it cannot order or evaluate
            failed = True
    return "unparsable" if failed else "different"


def answer(request: dict[str, Any]) -> dict[str, object]:
    """Reply to one request: the verdict on two texts, or ``read`` with the value of one."""
    options = request["options"]
    match, whole = tuple(options["match"]), options["whole_text"]
    try:
        parsed = [_parse(text, match, whole) for text in request["texts"]]
    except MemoryError:
        raise
    except Exception:  # the grammar and sympy raise nearly anything on malformed input
        return {"verdict": "unparsable"}
    if len(parsed) == 1:
        readable = _readable(parsed[0])
        return {"verdict": "read", "value": _value(parsed[0])} if readable else {"verdict": "unparsable"}
    verdict = _compare(parsed[0], parsed[1], options)
    if verdict == "different" and not all(_readable(p) for p in parsed):
        return {"verdict": "unparsable"}
    return {"verdict": verdict}


def _serve(replies: TextIO) -> None:
    def reply(**message: object) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        _parse("1", ("latex", "expr"), False)
    except ImportError as error:
        reply(failed=f"{type(error).__name__}: {error}")
        return
    reply(ready=os.getpid())
    for line in sys.stdin:
        request = json.loads(line)
        _arm(request["seconds"])
        try:
            outcome = answer(request)
        except MemoryError:
            signal.setitimer(signal.ITIMER_PROF, 0)
            reply(id=request["id"], verdict="timeout")
            return
        signal.setitimer(signal.ITIMER_PROF, 0)
        reply(id=request["id"], **outcome)


def main() -> None:
    """Serve requests from standard input until it ends."""
    parent, memory = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    _confine(memory)
    # The ANTLR runtime prints its complaints to standard output, which is the protocol's.
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _serve(replies)


if __name__ == "__main__":
    main()
