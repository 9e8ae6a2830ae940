"""SIGKILL at 25 random moments for each of three strategies, over a real server; one table.

    python evals/faults/kill.py [--kills 25] [--seed 0] [--strategy beam]

Every moment has a workspace of its own: the run is started, killed, started again and left to end. The
server's own books say which calls were made, and a copy of the journal's file says which of them it held at
the kill. Exit code 1 if a journalled call was made again, a call was repeated that was not in flight at the
kill, or the files of the resumed run differ in a byte from those of a run that nothing interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.runs import toys
from tests.runs.killer import finish, kill, moments, start
from tests.runs.ledger import Ledger

COLUMNS = ("strategy", "moment", "calls", "journalled", "unanswered", "unread", "repeated", "again", "same")
LINE = "{:17} {:>8} {:>6} {:>10} {:>10} {:>7} {:>9} {:>6} {:>5}"


def one(strategy: str, kills: int, seed: int, folder: Path) -> tuple[list[int], bool]:
    """Kill a strategy's run at ``kills`` moments; the sums of the columns, and whether all was well."""
    ledger = Ledger(delay=(0.0, 0.012), jitter=seed)
    totals, fine = [0] * 6, True
    with ledger.serving():
        result = toys.tables(toys.run(strategy, ledger.base_url, folder / "whole", "whole"))
        whole = len(ledger.of("whole"))
        for i, moment in enumerate(moments(kills, Random(f"{seed} {strategy}"))):
            space, first, second = folder / str(i), f"first-{i}", f"second-{i}"
            k = kill(ledger, strategy, space, first, moment, whole)
            code, _, errors = finish(start(ledger, strategy, space, second))
            calls = {e.same for e in ledger.of(first, second)}
            same = code == 0 and calls == {e.same for e in ledger.of("whole")}
            if same:
                same = toys.tables(toys.run(strategy, ledger.base_url, space, "reader")) == result
            books = k.books(ledger)
            held_again, repeated = k.again(ledger, second)
            row = (books.calls, books.journalled, books.unanswered, books.unread, repeated, held_again)
            totals = [a + b for a, b in zip(totals, row, strict=True)]
            in_flight = books.unanswered + books.unread
            fine = fine and same and not held_again and not books.torn and repeated <= in_flight
            label = f"{moment.share:.0%}" if k.killed else "ended"
            print(LINE.format(strategy, label, *row, "yes" if same else "NO"), errors or "", flush=True)
    return totals, fine


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--kills", type=int, default=25)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--strategy", choices=list(toys.METHODS), action="append")
    args = options.parse_args()
    print(LINE.format(*COLUMNS))
    all_fine, sums = True, []
    for strategy in args.strategy or toys.METHODS:
        with TemporaryDirectory() as folder:
            totals, fine = one(strategy, args.kills, args.seed, Path(folder))
        all_fine = all_fine and fine
        sums.append(LINE.format(strategy, f"{args.kills}×", *totals, "yes" if fine else "NO"))
    print("", LINE.format(*COLUMNS), *sums, sep="\n")
    print(
        "\nunanswered: at work in the server at the kill; unread: answered, not yet committed;\n"
        "repeated: made again by the second run; again: of those, held by the journal at the kill."
    )
    return 0 if all_fine else 1


if __name__ == "__main__":
    sys.exit(main())
