"""Every single fault, met by a call that may be repeated: what became of it, its deadline and its bill.

    python evals/faults/single.py [--fault hang] [--deadline 1.0]

One row a fault, whole answers first, then streams. ``attempts`` are those the call made in all (the fault
is met once); ``late`` are the seconds by which the failed call passed its deadline; ``billed`` are the
prompt and completion tokens of that call by the server's own books, ``booked`` those the account holds for
it: of a stream that broke off what was followed, and the most its prompt can be where nobody had counted
it; ``unknown`` is what it may have cost beside, at most. Exit code 1 if a class or a decision is not the one
that docs/faults.md states, more was billed than booked and unknown, an answer after a retry is not that of a
server without faults, or a call ended more than 1 s after its deadline.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from itc.backends.base import Completion
from itc.testing.faults import FAULTS
from tests.backends.fault_rows import Row, rows
from tests.backends.met import Met, meet

COLUMNS = (
    *("fault", "form", "class", "retried", "attempts", "seconds", "deadline", "late"),
    *("billed", "booked", "unknown"),
)
LINE = "{:16} {:6} {:16} {:>7} {:>8} {:>8} {:>8} {:>6} {:>9} {:>9} {:>9} {}"
GRACE = 1.0
"""Seconds after its deadline by which a call must have ended."""


def well(met: Met, row: Row, streamed: bool) -> bool:
    """Whether all was as documented."""
    same = not streamed or row.streamed == "the same"
    stated = row.error if same else row.streamed
    if met.named != ("-" if stated == "none" else stated) or met.seconds > met.deadline + GRACE:
        return False
    if not met.covered:
        return False
    if isinstance(met.again, Completion):
        expected = met.error is None or met.error.retryable
        return expected and met.again == met.clean
    return type(met.again) is type(met.error) and met.asked == 1


def shown(met: Met, name: str, form: str, fine: bool) -> str:
    """A line of the table."""
    attempts = met.again.attempts if isinstance(met.again, Completion) else 1
    late = max(0.0, met.seconds - met.deadline)
    sums = ("{}+{}".format(*tokens) for tokens in (met.billed, met.booked, met.unknown))
    return LINE.format(
        *(name, form, met.named, "yes" if attempts > 1 else "no", attempts, f"{met.seconds:.3f}"),
        *(f"{met.deadline:g}", f"{late:.2f}", *sums, "" if fine else "NOT AS DOCUMENTED"),
    )


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--fault", choices=list(FAULTS), action="append")
    options.add_argument(
        "--deadline", type=float, default=1.0, help="seconds, where nothing else ends the call"
    )
    args = options.parse_args()
    print(LINE.format(*COLUMNS, ""))
    count = wrong = 0
    for form in ("whole", "stream"):
        for row in rows():
            if args.fault and row.fault not in args.fault:
                continue
            met = asyncio.run(meet(row.fault, watched=form == "stream", deadline=args.deadline))
            if not met.injected:
                continue
            fine = well(met, row, form == "stream")
            print(shown(met, row.fault, form, fine), flush=True)
            count, wrong = count + 1, wrong + (not fine)
    print(f"\n{count - wrong} of {count} as documented, none later than {GRACE:g} s after its deadline.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
