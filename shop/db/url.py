"""Parse DATABASE_URL."""

from typing import Any

import dj_database_url

POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"


def parse(url: str) -> dict[str, Any]:
    """Return an entry for Django's DATABASES.

    Raises ValueError for an unusable URL. The message does not repeat the URL, which may contain a password.
    """
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"] == SQLITE:
        return database
    if database["ENGINE"] != POSTGRESQL:
        raise ValueError("neither PostgreSQL nor SQLite")

    if not database["HOST"] and database["NAME"].startswith("/"):
        # A Cloud SQL socket: postgres://user:password@//cloudsql/project:region:instance/name
        database["HOST"], _, database["NAME"] = database["NAME"].rpartition("/")
    if not database["NAME"] or {"@", "/"} & set(database["NAME"]):
        raise ValueError("no name, or the rest of a password that contains @ or /")
    return database
