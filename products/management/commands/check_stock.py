from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products import reconciliation


class Command(BaseCommand):
    help = (
        "Compare every product's stock with the ledger, and every order's lines, total and status with the ledger and "
        "the events; exit with 1 where they differ. The front page of the admin shows the last result."
    )

    def handle(self, **options: Any) -> None:
        result = reconciliation.check(self.stdout.write)
        if not result.agrees:
            raise CommandError(str(result))
        self.stdout.write(str(result))
