"""What the platform asks: is this process alive, and should it get requests?

    /health/live   200 while the process answers. It asks no database: to start anew heals no database.
    /health/ready  200 while requests are welcome: the database answers, and its tables are those of this code.
                   Otherwise 503; either way it says what each of them is.

A middleware, in front of what looks at the host: probes come by address, which is in nobody's ALLOWED_HOSTS.
"""

import functools
import logging
from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse

from products.api.errors import RETRY_AFTER, problem_response
from shop.db.timeouts import limit_wait

logger = logging.getLogger(__name__)

PATIENCE = 2.5
"""Seconds that the database has for all that it is asked."""

OK = "ok"


class Health:
    """Answers /health/live and /health/ready, for GET and HEAD, and passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.answers = {"/health/live": self.live, "/health/ready": self.ready}
        self.has_all_migrations = False

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
        """Whoever gets this has reached a process that works."""
        return JsonResponse({"status": OK})

    def ready(self) -> HttpResponse:
        """Whether all checks are passed, and what each of them found."""
        checks = self._of_the_database()
        is_ready = set(checks.values()) == {OK}
        response = JsonResponse({"status": OK if is_ready else "not ready", "checks": checks})
        if not is_ready:
            response.status_code, response["Retry-After"] = 503, str(RETRY_AFTER)
        return response

    def _of_the_database(self) -> dict[str, str]:
        try:
            with limit_wait(PATIENCE):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                # What is applied stays applied, so that a good answer need not be asked for again.
                self.has_all_migrations = self.has_all_migrations or has_all_migrations()
        except Error as error:
            # Why is for the log: the answer is for everybody, and errors name hosts and users.
            logger.warning("Not ready, as the database does not answer: %s", error)
            return {"database": "out of reach", "migrations": "unknown"}
        return {"database": OK, "migrations": OK if self.has_all_migrations else "not applied"}


def has_all_migrations() -> bool:
    """Whether the database has every table as this code knows it. Raises what the database raises."""
    return newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()


@functools.cache
def newest_migrations() -> set[tuple[str, str]]:
    """(app, name) of each app's last one, which comes after all the others."""
    return set(MigrationLoader(None).graph.leaf_nodes())
