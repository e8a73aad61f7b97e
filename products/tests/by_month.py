"""A plugin for pytest: all tests of a run on PostgreSQL find the events by month.

    make test-postgres ARGS='-p products.tests.by_month products/tests/feed products/tests/ordering'

Not for products/tests/feed/test_months.py and products/tests/db/test_partitions.py, which split the events themselves.
"""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _by_month(django_db_setup, django_db_blocker):
    # pytest loads plugins before Django is set up.
    from django.core.management import call_command  # noqa: PLC0415

    with django_db_blocker.unblock():
        call_command("event_months", "split")
