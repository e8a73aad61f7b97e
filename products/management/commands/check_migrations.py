from functools import cache
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from products.db.compatibility import breaking_changes

APP = "products"

EXEMPT = {
    "0003_product_search": "Older than this check, and applied in every shop that runs.",
    "0025_money": "The columns for money hold more than before: the same amounts, and others with more decimals.",
}
"""Migrations that are accepted although they would break a running release, each with the reason."""


@cache
def refused_migrations() -> dict[str, list[str]]:
    """Return the breaking changes of each migration that has any, including exempt migrations: {name: sentences}."""
    graph = MigrationLoader(None).graph
    [newest] = graph.leaf_nodes(APP)
    state, refused = ProjectState(), {}
    for key in graph.forwards_plan(newest):
        migration = graph.nodes[key]
        if key[0] != APP:
            state = migration.mutate_state(state, preserve=False)
        elif changes := breaking_changes(migration, state):
            refused[key[1]] = changes
    return refused


class Command(BaseCommand):
    help = "Refuse migrations that would break the running release during a deployment."

    def handle(self, **options: Any) -> None:
        refused = [
            f"{name} {change}"
            for name, changes in refused_migrations().items()
            if name not in EXEMPT
            for change in changes
        ]
        if refused:
            raise CommandError("\n".join([*refused, "CONTRIBUTING.md says how to change a table in several steps."]))
        self.stdout.write("No migration breaks the running release.")
