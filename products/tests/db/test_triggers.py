"""The triggers of a database that is migrated already follow a change of their rules only by a migration."""

import hashlib

from django.db import connection

from products.db import triggers

LAST_INSTALLED_BY = "0019_require_numbers"
"""The newest migration that calls triggers.install."""

DIGESTS = {
    "postgresql": "52fed85b6ca278ff75945dadd74c7e6792c8e1ee547dc066ccd75f0bf6cec582",
    "sqlite": "d363717bfaf13af3c9ee0cd8bf41be956400ebb6de62167541d8f11daa7995cf",
}
"""Of the SQL with which it creates the triggers."""


def test_a_change_of_the_rules_has_a_migration_that_installs_them(db):
    statements = list(triggers._create_all(connection))
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()

    assert digest == DIGESTS[connection.vendor], (
        f"The triggers are not those that {LAST_INSTALLED_BY} has installed. Databases that are migrated already keep "
        "the old ones: write a migration that calls triggers.install, and name it and the digests here."
    )
