from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import connections

from products import testing
from products.db import triggers

REFUSED = (
    "The ledger and the history of the shop are append-only, so flush cannot empty them. To start over, drop the "
    "database, create it and run migrate. A test that commits uses products.testing."
)


class Command(flush.Command):
    """Django's flush, refused outside tests: the triggers would reject its statements with a less useful message."""

    def handle(self, **options: Any) -> None:
        if not testing.is_flush_allowed():
            raise CommandError(REFUSED)
        with triggers.lifted(connections[options["database"]]):
            super().handle(**options)
