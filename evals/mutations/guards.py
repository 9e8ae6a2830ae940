"""Each guard against faults of disk, server and process, taken away; and the test that must notice."""

from __future__ import annotations

from bugs import Bug

FILE = "tests/backends/test_journal_file.py::test_"
JOURNAL = "tests/backends/test_journal.py::test_"
JOURNALED = "tests/backends/test_journaled.py::test_"
STORE = "tests/runs/test_store.py::test_"
FAULTS = "tests/backends/test_openai_faults.py::test_"
IDLE = "tests/backends/test_idle_connections.py::test_"
ATTEMPTS = "tests/laws/test_attempts.py::test_"

GUARDS = (
    # ------------------------------------------------------------------ sync
    Bug(
        "guard: commits without a sync",
        "backends/journal_file.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = OFF",
        FILE + "every_commit_is_synced",
    ),
    Bug(
        "guard: a table put in place before it is on the disk",
        "runs/durable.py",
        "            os.fsync(file.fileno())\n",
        "",
        "tests/runs/test_durable.py::test_a_file_is_synced_before_it_is_put_in_place_and_its_folder_after",
    ),
    Bug(
        "guard: a new name that the disk has not heard of",
        "runs/durable.py",
        "    _sync_folder(path.parent)\n",
        "",
        "tests/runs/test_durable.py::test_tables_last_before_a_manifest_says_so",
    ),
    Bug(
        "guard: new folders are not synced",
        "runs/durable.py",
        "        _sync_folder(made.parent)\n",
        "        pass\n",
        "tests/runs/test_durable.py::test_the_folders_that_are_made_are_synced_from_above",
    ),
    Bug(
        "guard: a draw is used before its commit",
        "backends/journal.py",
        "            return await asyncio.shield(stored)\n",
        "            return blob\n",
        JOURNAL + "what_is_put_in_one_pass_is_one_transaction",
    ),
    Bug(
        "guard: what came as its caller was stopped is dropped",
        "backends/coalesce.py",
        "            if member.came is not None:\n",
        "            if member.came is None:\n",
        JOURNALED + "a_call_that_came_before_the_cancellation_is_stored",
    ),
    # ------------------------------------------------------------------ draw index
    Bug(
        "guard: the draw's index left out of its key",
        "stages/draws/extend.py",
        'jobs = [(c, c.key.fold("draw", i), i) for c in live for i in indices]',
        'jobs = [(c, c.key.fold("draw"), i) for c in live for i in indices]',
        "tests/laws/test_algebra.py::test_fewer_draws_are_the_first_of_more",
    ),
    Bug(
        "guard: k draws of one prompt share a row of the journal",
        "backends/base.py",
        '            body["key"] = self.key.digest.hex()\n',
        "            pass\n",
        JOURNALED + "k_draws_that_differ_in_their_key_only_are_k_rows",
    ),
    # ------------------------------------------------------------------ deadline
    Bug(
        "guard: a call without a deadline",
        "backends/transport.py",
        "clock = asyncio.timeout(seconds)",
        "clock = asyncio.timeout(None)",
        FAULTS + "the_deadline_covers_the_whole_answer",
    ),
    Bug(
        "guard: a deadline for each attempt, none for all",
        "backends/retry.py",
        "asyncio.timeout(left)",
        "asyncio.timeout(None)",
        "tests/backends/test_retry.py::test_a_single_call_beyond_the_deadline",
    ),
    # ------------------------------------------------------------------ validation
    Bug(
        "guard: fewer draws than were asked for are accepted",
        "backends/reply.py",
        "if not isinstance(raw, list) or len(raw) != request.n:",
        "if not isinstance(raw, list) or not raw:",
        FAULTS + "answers_that_break_the_protocol",
    ),
    Bug(
        "guard: two draws of one index are accepted",
        "backends/reply.py",
        " or slots[index] is not None:",
        ":",
        FAULTS + "answers_that_break_the_protocol",
    ),
    Bug(
        "guard: any number is a log-probability",
        "backends/told.py",
        "if type(value) not in (float, int) or not -1e308 < value <= ROUNDING:",
        "if type(value) not in (float, int):",
        FAULTS + "answers_that_break_the_protocol",
    ),
    Bug(
        "guard: a damaged draw is believed",
        "backends/journal_file.py",
        "if not whole or crc != _checksum(key, blob):",
        "if not whole:",
        FILE + "a_flipped_bit_in_a_draw_is_an_error",
    ),
    Bug(
        "guard: a damaged table is believed",
        "runs/store.py",
        "if checksum is not None and",
        "if checksum is None and",
        STORE + "a_damaged_table_is_told",
    ),
    # ------------------------------------------------------------------ dedup
    Bug(
        "guard: the journal is written and never asked",
        "backends/journaled.py",
        "if (blob := await self.journal.fetch(key)) is not None:",
        "if (blob := await self.journal.fetch(key)) is not None and self.replay_only:",
        JOURNALED + "a_replay_is_the_same_draw_and_costs_nothing",
    ),
    Bug(
        "guard: identical requests at the same time are two calls",
        "backends/journaled.py",
        "while (turn := self._turns.get(key)) is not None:",
        "while (turn := self._turns.get(key)) is not None and self.replay_only:",
        JOURNALED + "identical_requests_at_the_same_time_share_one_call",
    ),
    Bug(
        "guard: the last draw of a key takes the place of the first",
        "backends/journal_file.py",
        "INSERT OR IGNORE INTO",
        "INSERT OR REPLACE INTO",
        JOURNAL + "the_first_value_of_a_key_stays",
    ),
    Bug(
        "guard: two processes write one run",
        "runs/store.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        STORE + "one_writer_at_a_time",
    ),
    # ------------------------------------------------------------------ server
    Bug(
        "guard: a server that is gone is waited for without end",
        "backends/breaker.py",
        "if now - self._since < self.patience:",
        "if True:",
        "tests/backends/test_breaker.py::test_a_server_that_stays_away_ends_all_calls",
    ),
    Bug(
        "guard: the time in a queue counts as a call's own",
        "backends/retry.py",
        "                begun, clock = loop.time(), asyncio.timeout(left)\n",
        "                clock = asyncio.timeout(left)\n",
        "tests/backends/test_total_deadline.py::test_a_long_queue_takes_nothing_from_the_next_attempt",
    ),
    Bug(
        "guard: every refusal of one burst lowers the number of calls",
        "backends/adaptive.py",
        "        if began < w.decreased:\n            return w\n",
        "",
        "tests/backends/test_adaptive.py::test_one_decrease_for_all_that_were_sent_before_it",
    ),
    Bug(
        "guard: a call is written to a connection that was closed while idle",
        "backends/body.py",
        "if _closed(writer.transport):",
        "if writer.transport is None:",
        IDLE + "a_connection_closed_after_it_was_taken_is_not_written_to",
    ),
    Bug(
        "guard: what was not sent is not sent on another connection",
        "backends/transport.py",
        "_UNSENT = 3",
        "_UNSENT = 1",
        IDLE + "a_connection_closed_before_it_is_taken_is_not_used",
    ),
    # ------------------------------------------------------------------ unknown costs
    Bug(
        "guard: a lost answer is taken to have cost nothing",
        "backends/openai.py",
        "if not (error.sold or error.free):",
        "if False:",
        "tests/backends/test_fault_table.py::test_whole_answers",
    ),
    Bug(
        "guard: a further attempt that the budget has no room for",
        "backends/retry.py",
        "not request.payer.bear(sold, maybe):",
        "not (request.payer.bear(sold, maybe) or True):",
        ATTEMPTS + "no_cap_is_exceeded_whatever_failed_attempts_cost",
    ),
    Bug(
        "guard: unknown costs do not count against a cap",
        "budget/account.py",
        "return self.spent if self.unknown is ZERO else self.spent + self.unknown",
        "return self.spent",
        ATTEMPTS + "no_cap_is_exceeded_whatever_failed_attempts_cost",
    ),
    Bug(
        "guard: a failed call of several draws is booked by each of them",
        "backends/attempts.py",
        "            failure.sold, failure.unknown = mine, maybe\n",
        "            pass\n",
        ATTEMPTS + "a_failed_call_is_divided_so_that_each_draw_bears_what_was_reserved_for_it",
    ),
    Bug(
        "guard: failed attempts are paid for by what is set aside for other problems",
        "runs/admission.py",
        "        if not self._left().covers(cost):\n            return False\n        self._aside",
        "        self._aside",
        ATTEMPTS + "a_problem_borrows_nothing_that_is_set_aside_for_another",
    ),
)
