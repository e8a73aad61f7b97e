"""The triggers of a database that is migrated already follow a change of their rules only by a migration."""

import hashlib

from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader

from products.db import triggers

LAST_INSTALLED_BY = "0038_late_lines_at_a_constant_cost"
"""The newest migration that calls triggers.install."""

DIGESTS = {
    "postgresql": "f759ca3f108ba86d271840cb640b27b972b7a38ed488bb3dc9f93280575f95b5",
    "sqlite": "de0281e8b07f3817c57fbab0e0000dd6ecfca7af5dab89ad37b079710cdc56c4",
}
"""Of the SQL with which it creates the triggers."""


def test_a_change_of_the_rules_has_a_migration_that_installs_them(db):
    statements = list(triggers._create_all(connection))
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()

    assert digest == DIGESTS[connection.vendor], (
        f"The triggers are not those that {LAST_INSTALLED_BY} has installed. Databases that are migrated already keep "
        "the old ones: write a migration that calls triggers.install, and name it and the digests here. That of this "
        f"database is now {digest}; run the test on SQLite and on PostgreSQL."
    )


def test_the_migration_beside_the_digests_is_the_last_that_installs():
    installing = [
        name
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app == "products"
        and any(isinstance(each, RunPython) and each.code == triggers.install for each in migration.operations)
    ]

    assert max(installing) == LAST_INSTALLED_BY, "Name it beside the digests, and update them."
