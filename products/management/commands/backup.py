import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg2.extensions import make_dsn

from products.db.sqlite_backup import BackupFailed, back_up


class Command(BaseCommand):
    help = (
        "Copy the SQLite database to a new file while the shop runs, and check the copy. "
        "A database on PostgreSQL is refused with the pg_dump command that backs it up."
    )
    requires_system_checks = []  # A database that fails a check can still be backed up.

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the new file, in a folder that exists")

    def handle(self, *, file: Path, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError(
                f"This database is on PostgreSQL, which has a program for it:\n{_pg_dump(file)}\n"
                "The password is read from ~/.pgpass, or from PGPASSWORD."
            )
        try:
            size = back_up(Path(connection.settings_dict["NAME"]), file)
        except BackupFailed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(f"Backup: {file}, {size} bytes, checked.")


def _pg_dump(file: Path) -> str:
    """Return the command that backs the database up, without its password."""
    database = connection.settings_dict
    words = {"user": "USER", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    place = {word: database[name] for word, name in words.items() if database[name]}
    # If there are several hosts, pg_dump must read from the one that the shop writes to.
    if target := database["OPTIONS"].get("target_session_attrs"):
        place["target_session_attrs"] = target
    return shlex.join(["pg_dump", "--format=custom", f"--file={file}", f"--dbname={make_dsn(**place)}"])
