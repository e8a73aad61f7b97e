"""The triggers of a database that is migrated already follow a change of their rules only by a migration."""

import hashlib

from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader

from products.db import triggers

LAST_INSTALLED_BY = "0048_shorter_laws"
"""The newest migration that calls triggers.install."""

DIGESTS = {
    "postgresql": "6681b1eaabe8a854a17461378594f4cd1e495345a9d3c41d1c7bf3c686b3d812",
    "sqlite": "949ab6a8fdd305eea85bf0948960125d00f3deca5bf2693a4c35b1670249c280",
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
