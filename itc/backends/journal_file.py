"""The SQLite file under the journal: one synchronous connection to it.

A row is a key and a blob, in one of two tables, and is never changed once it is written. SQLite does not
see a flipped bit inside a value, so every row carries a checksum of its key and blob: a damaged file can
fail to answer, but never answers with something else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Final, Literal
from zlib import crc32

from itc.errors import JournalError

Table = Literal["draws", "decisions"]
Row = tuple[Table, bytes, bytes]
"""Table, key, blob."""

SCHEMA: Final = "1"
_TABLES: Final[tuple[Table, ...]] = ("draws", "decisions")
_AT_ONCE: Final = 1000
"""Rows in one statement; SQLite admits 32,766 parameters."""

_FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""The second is how Python reports a message of SQLite that quotes damaged text."""

_RETRY = "Run the same command again; everything committed so far is kept"
_ADVICE: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: f"The disk is full: free some space. {_RETRY}.",
    sqlite3.SQLITE_IOERR: f"Check for a full disk, a quota or a failing drive. {_RETRY}.",
    sqlite3.SQLITE_BUSY: f"Another process keeps it locked: end that one, or wait. {_RETRY}.",
    sqlite3.SQLITE_READONLY: "Make the file and its directory writable, or choose another workspace.",
    sqlite3.SQLITE_CANTOPEN: "Its directory must exist and be writable; or choose another workspace.",
    sqlite3.SQLITE_PERM: "Make the file and its directory writable, or choose another workspace.",
    sqlite3.SQLITE_NOTADB: "This is not a journal: move the file away, or choose another workspace.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged: restore a copy, or move it away to start a new journal.",
}


class JournalFile:
    """One connection. Safe to hand from one thread to another; JournalError whenever SQLite fails."""

    def __init__(self, path: Path | str, *, timeout_s: float) -> None:
        """Open the file, or create it in a directory that exists.

        ``timeout_s``: seconds to wait while another process writes.
        """
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None
        try:
            # Few statements are cached because one that inserts a thousand rows is large.
            self._db = sqlite3.connect(
                path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=32
            )
            self._prepare(self._db, timeout_s)
        except _FAILURES as error:
            self._close_quietly()
            raise self._explained(error) from error
        except JournalError:
            self._close_quietly()
            raise

    def _prepare(self, db: sqlite3.Connection, timeout_s: float) -> None:
        with db:
            # Takes the write lock, so that a file that cannot be written fails now, and two processes
            # that create the same file do so one after the other.
            db.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables:
                db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
                db.execute(
                    "CREATE TABLE draws (key BLOB PRIMARY KEY, crc INTEGER NOT NULL, blob BLOB NOT NULL)"
                )
                db.execute(
                    "CREATE TABLE decisions (key BLOB PRIMARY KEY, crc INTEGER NOT NULL, blob BLOB NOT NULL)"
                )
                db.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA,))
            elif not {"meta", *_TABLES} <= tables:
                raise self._error(
                    f"it holds the tables {', '.join(sorted(map(str, tables)))}, not those of a journal",
                    _ADVICE[sqlite3.SQLITE_NOTADB],
                )
            found = db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
            if found != (SCHEMA,):
                raise self._error(
                    f"its schema version is {found[0] if found else 'missing'}, and this itc reads {SCHEMA}",
                    "Use the itc that wrote it, or choose another workspace.",
                )
        mode = self._switch_to_wal(db, timeout_s)
        if mode != "wal":
            raise self._error(
                f"SQLite offers only its {mode!r} mode here, and WAL is needed",
                "Choose a workspace on a local disk.",
            )
        db.execute("PRAGMA synchronous = FULL")

    @staticmethod
    def _switch_to_wal(db: sqlite3.Connection, timeout_s: float) -> str:
        # SQLite's own waiting does not cover this statement, and another process may be at the same one.
        deadline = monotonic() + timeout_s
        while True:
            try:
                return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                    raise
                sleep(0.005)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The blob under ``key``."""
        return self.get_many(table, (key,)).get(key)

    def get_many(self, table: Table, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The blobs under those of ``keys`` that have a row."""
        found: dict[bytes, bytes] = {}
        for chunk in _chunks(keys, _AT_ONCE):
            # A statement is prepared for each length: few lengths, the last key again and again.
            chunk += chunk[-1:] * (_length(len(chunk)) - len(chunk))
            try:
                rows = self._open.execute(_selection(table, len(chunk)), chunk).fetchall()
            except _FAILURES as error:
                raise self._explained(error) from error
            for key, crc, blob in rows:
                whole = isinstance(key, bytes) and isinstance(blob, bytes)
                if not whole or crc != _checksum(key, blob):
                    raise self._damaged(f"a row of {table} fails its checksum")
                found[key] = blob
        return found

    def add(self, rows: Sequence[Row]) -> list[bytes]:
        """Write all rows in one durable transaction, or none.

        Returns the blob that is stored for each: the one of an earlier row where its key was taken.
        """
        db = self._open
        try:
            with db:
                db.execute("BEGIN IMMEDIATE")
                inserted = 0
                for table in _TABLES:
                    values = ((key, _checksum(key, blob), blob) for t, key, blob in rows if t == table)
                    # One statement for many rows: each statement gives up the interpreter lock once, and
                    # a busy event loop hands it back only after its switch interval of 5 ms.
                    while chunk := list(islice(values, _AT_ONCE)):
                        flat = [value for row in chunk for value in row]
                        inserted += db.execute(_insertion(table, len(chunk)), flat).rowcount
                if inserted == len(rows):
                    return [blob for _, _, blob in rows]
                return [self._stored(table, key) for table, key, _ in rows]
        except _FAILURES as error:
            raise self._explained(error) from error

    def _stored(self, table: Table, key: bytes) -> bytes:
        if (blob := self.get(table, key)) is None:
            # What the index says of the key and what the table does are two things.
            raise self._damaged(f"{table} refuses the row {key.hex()} and does not hold it")
        return blob

    def count(self, table: Table) -> int:
        """Rows of ``table``."""
        try:
            (rows,) = self._open.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - literal
        except _FAILURES as error:
            raise self._explained(error) from error
        return int(rows)

    def close(self) -> None:
        """Close the connection; the last one to a file also folds its WAL back into it. Idempotent."""
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except _FAILURES as error:
                raise self._explained(error) from error

    @property
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise self._error("it is closed", "Open it again with Journal.open.")
        return self._db

    def _close_quietly(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _explained(self, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
        if isinstance(error, UnicodeDecodeError):
            return self._damaged("it names something in bytes that are no text")
        # The low byte is the primary code; the rest says which of its causes it was.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return self._error(str(error), _ADVICE.get(code, f"{_RETRY}."))

    def _damaged(self, what: str) -> JournalError:
        return self._error(what, _ADVICE[sqlite3.SQLITE_CORRUPT])

    def _error(self, what: str, advice: str) -> JournalError:
        return JournalError(f"The journal {self.path} cannot be used: {what}. {advice}")


def _checksum(key: bytes, blob: bytes) -> int:
    return crc32(blob, crc32(key))


@lru_cache(maxsize=64)
def _insertion(table: Table, rows: int) -> str:
    marks = ",".join(["(?,?,?)"] * rows)
    return f"INSERT OR IGNORE INTO {table} VALUES {marks}"  # noqa: S608 - a literal table


def _length(n: int) -> int:
    """The power of two that is not below ``n``."""
    return 1 << (n - 1).bit_length()


@lru_cache(maxsize=64)
def _selection(table: Table, keys: int) -> str:
    marks = ",".join("?" * keys)
    return f"SELECT key, crc, blob FROM {table} WHERE key IN ({marks})"  # noqa: S608 - a literal table


def _chunks(keys: Collection[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while chunk := list(islice(rest, size)):
        yield chunk
