"""Back up an SQLite database while it is in use."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PATIENCE = 20
"""Seconds to wait for a lock on the database, as long as the shop's own connections wait."""


class BackupFailed(Exception):
    """The backup failed, for the reason in the message. No file is left behind."""


def back_up(database: Path, file: Path) -> int:
    """Copy a snapshot of the database to a new file, check the copy, and return its size in bytes.

    Copying the database file would miss changes that are still in the WAL. SQLite's backup reads both in one snapshot
    and does not block writers in WAL mode. The file appears complete or not at all, and only its owner can read it.
    Raises BackupFailed.
    """
    if file.exists():
        raise BackupFailed(f"{file} exists already; backups do not replace files.")
    if not database.is_file():
        raise BackupFailed(f"{database} does not exist.")
    try:
        with _unfinished(file) as copy:
            _copy(database, copy)
            _check(copy)
            size = copy.stat().st_size
            _store(copy, file)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"The backup failed: {error}.") from error
    return size


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """Yield a new empty file beside `file`; at the end, remove it and SQLite's files beside it, unless it was moved."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", suffix=".unfinished", dir=file.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for leftover in (name, f"{name}-wal", f"{name}-shm", f"{name}-journal"):
            Path(leftover).unlink(missing_ok=True)


def _copy(database: Path, copy: Path) -> None:
    source = sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True, timeout=PATIENCE)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        # Copy all pages in one step: a commit of another process between two steps would restart the copy.
        source.backup(target)
        # The copy is in WAL mode like its source, and a database in WAL mode cannot be read from a read-only disk.
        target.execute("PRAGMA journal_mode=DELETE").fetchall()


def _check(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        verdict = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    if verdict != ["ok"]:
        raise BackupFailed(f"The database is damaged, and so would be its backup: {'; '.join(verdict[:3])}")


def _store(copy: Path, file: Path) -> None:
    """Flush the copy to the disk, give it its final name, and flush the directory."""
    _sync(copy)
    copy.rename(file)
    _sync(file.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
