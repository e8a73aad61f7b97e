"""Parse DATABASE_URL."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"

DEFAULT_PORT = "5432"
ONE_OF_SEVERAL = {"read-write", "primary", "read-only", "standby"}
"""The values of libpq's target_session_attrs that choose between hosts which are tried one after the other."""
TARGETS = ONE_OF_SEVERAL | {"any", "prefer-standby"}


def parse(url: str) -> dict[str, Any]:
    """Return an entry for Django's DATABASES.

    Several hosts stand in HOST and PORT as libpq writes them, separated by commas.
    Raises ValueError for an unusable URL. The message does not repeat the URL, which may contain a password.
    """
    parts = urlsplit(url)
    user, at, places = parts.netloc.rpartition("@")
    if "," in places:
        entries = [_parse_one(parts._replace(netloc=f"{user}{at}{place}").geturl()) for place in places.split(",")]
        if not all(entry["HOST"] for entry in entries):
            raise ValueError("a comma without a host")
        database = entries[0]
        database["HOST"] = ",".join(entry["HOST"] for entry in entries)
        database["PORT"] = ",".join(str(entry["PORT"] or DEFAULT_PORT) for entry in entries)
    else:
        database = _parse_one(url)
    if database["ENGINE"] == POSTGRESQL:
        _check_target(database)
    return database


def hosts_of(host: object, port: object) -> list[tuple[str, str]]:
    """Return the pairs of host and port that two of libpq's comma-separated lists name.

    Raises ValueError if there is neither one port for all hosts nor one for each.
    """
    hosts, ports = str(host or "").split(","), str(port or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return list(zip(hosts, ports, strict=True))


def _parse_one(url: str) -> dict[str, Any]:
    """Parse a URL with one host."""
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


def _check_target(database: Mapping[str, Any]) -> None:
    """Raise ValueError if nothing, or nothing known, says which of several hosts is to be used."""
    options = database.get("OPTIONS", {})
    hosts = hosts_of(database["HOST"] or options.get("host"), database["PORT"] or options.get("port"))
    if options.get("target_session_attrs", "any") not in (ONE_OF_SEVERAL if len(hosts) > 1 else TARGETS):
        raise ValueError("target_session_attrs does not say which host is to be used")
