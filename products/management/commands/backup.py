import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from products.db.sqlite_backup import BackupFailed, back_up


class Command(BaseCommand):
    help = (
        "Copy the SQLite database to a new file while the shop runs, and check the copy. "
        "A database on PostgreSQL is refused with the pg_dump command that backs it up."
    )
    requires_system_checks = []  # A database that some check finds fault with can still be saved.

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
    words = {
        name: quote(str(connection.settings_dict[name] or ""), safe="") for name in ("USER", "HOST", "PORT", "NAME")
    }
    user, port = words["USER"] and f"{words['USER']}@", words["PORT"] and f":{words['PORT']}"
    url = f"postgres://{user}{words['HOST']}{port}/{words['NAME']}"
    return shlex.join(["pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}"])
