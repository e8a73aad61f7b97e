"""Health checks for the platform: is this process alive, and should it get requests?

    /health/live   200 while the process answers. It checks no database, because a restart would not repair it.
    /health/ready  200 while the database answers, is writable, and has the tables of this code. Otherwise 503; the body
                   has the result of each check.

A middleware, before the host is checked: probes use an IP address, which is not in ALLOWED_HOSTS.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from products.api.errors import RETRY_AFTER, problem_response
from products.db.errors import cause_of, is_unavailable
from products.db.requirements import has_all_migrations, unmet_by_requests
from shop.db.timeouts import limit_wait

logger = logging.getLogger(__name__)

PATIENCE = 2.5
"""Seconds that the database has for all that it is asked."""

OK = "ok"

UNWRITABLE = {
    "standby": "The database is a standby, which only reads. Let DATABASE_URL name the primary, or promote this one.",
    "read-only": (
        "The database only reads: default_transaction_read_only is on, for the server, the database or the role."
    ),
    "read-only file": "The shop may not write to SQLite's file, or to its folder, where the WAL is.",
}
"""What a database that cannot be written to is called in the answer, and what the log says of it."""


class Health:
    """Answer GET and HEAD of /health/live and /health/ready, and pass everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.answers = {"/health/live": self.live, "/health/ready": self.ready}
        self.fits = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.answers.get(request.path_info.removesuffix("/"))
        if answer is None:
            return self.get_response(request)
        response = answer() if request.method in ("GET", "HEAD") else problem_response(405, request)
        if response.status_code == 405:
            response["Allow"] = "GET, HEAD"
        response["Cache-Control"] = "no-store"
        return response

    def live(self) -> HttpResponse:
        """Return 200: the process answers."""
        return JsonResponse({"status": OK})

    def ready(self) -> HttpResponse:
        """Return 200 if all checks pass, otherwise 503, with the result of each check."""
        checks = self._of_the_database()
        is_ready = set(checks.values()) == {OK}
        response = JsonResponse({"status": OK if is_ready else "not ready", "checks": checks})
        if not is_ready:
            response.status_code, response["Retry-After"] = 503, str(RETRY_AFTER)
        return response

    def _of_the_database(self) -> dict[str, str]:
        try:
            with limit_wait(PATIENCE):
                checks, reasons = self._look()
        except Error as error:
            # Why is for the log: the answer is for everybody, and errors name hosts and users.
            cause = cause_of(error)
            state = "out of reach" if is_unavailable(error) else "not usable"
            checks = {"database": state, "migrations": "unknown"}
            reasons = [f"the database is {state}: {cause.message} ({cause.code or cause.error})"]
        if reasons:
            logger.warning("Not ready: %s", " ".join(reasons))
        return checks

    def _look(self) -> tuple[dict[str, str], list[str]]:
        """Return the checks, and a sentence for each that is not passed. Raises what the database raises."""
        state, migrations, reasons = state_of_the_database(), OK, []
        if state != OK:
            reasons.append(UNWRITABLE[state])
        # What is applied and granted stays so, so that a good answer need not be asked for again.
        if not self.fits:
            if unmet := unmet_by_requests(connection):
                state, migrations = "not usable", "unknown"
                reasons += [f"{each.sentence} {each.hint}" for each in unmet]
            elif not has_all_migrations(connection):
                migrations = "not applied"
                reasons.append("Migrations are not applied; run manage.py migrate.")
            else:
                self.fits = True
        return {"database": state, "migrations": migrations}, reasons


def state_of_the_database() -> str:
    """Return OK, or the key of UNWRITABLE that says why nothing can be written. Raises what the database raises."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT 1")
            # Asking SQLite itself would wait for the current writer.
            file = Path(connection.settings_dict["NAME"])
            return OK if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "read-only file"
        # On a standby, a transaction is read-only whatever the settings say.
        cursor.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
        is_standby, is_read_only = cursor.fetchone()
    if is_standby:
        return "standby"
    return "read-only" if is_read_only == "on" else OK
