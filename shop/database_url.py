from typing import Any

import dj_database_url

POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"


def parse(url: str) -> dict[str, Any]:
    """One entry of Django's DATABASES, or a ValueError that does not repeat the URL, for the password's sake."""
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"] == SQLITE:
        return database
    if database["ENGINE"] != POSTGRESQL:
        raise ValueError("neither PostgreSQL nor SQLite")

    if not database["HOST"] and database["NAME"].startswith("/"):
        # A socket as Google writes it: postgres://user:password@//cloudsql/project:region:instance/name
        database["HOST"], _, database["NAME"] = database["NAME"].rpartition("/")
    if not database["NAME"] or {"@", "/"} & set(database["NAME"]):
        raise ValueError("no name, or in its place the rest of a password with @ or / in it")
    return database
