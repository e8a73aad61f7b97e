from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.management import roles


class Command(BaseCommand):
    help = "Create the groups of staff (viewer, clerk, stock keeper, manager), or grant them what they lack."

    def handle(self, **options: Any) -> None:
        try:
            granted = roles.create()
        except roles.MissingPermissions as error:
            raise CommandError(f"The database does not have these permissions: {error}. Run migrate first.") from None
        additions = roles.additions()
        for role, permissions in granted.items():
            self.stdout.write(f"{role}: granted {', '.join(permissions)}" if permissions else f"{role}: unchanged")
            if additions[role]:
                self.stdout.write(f"{role}: also has {', '.join(additions[role])}, which stays")
