"""Helpers for tests of a project that uses these models.

Tests that commit (`TransactionTestCase`, pytest-django's `transaction=True`, live servers) end with Django's `flush`,
which the append-only ledger refuses. With the mixin, or the fixture, `flush` is allowed to empty the test database:

    class PickingTest(AllowsFlush, TransactionTestCase): ...

    # conftest.py, for every test of the session
    from products.testing import allows_flush  # noqa: F401

A `TestCase`, and pytest-django's default, roll back and need neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from products.db import triggers

if TYPE_CHECKING:
    from django.test import TransactionTestCase as TestCaseWithFlush
else:
    TestCaseWithFlush = object

try:
    import pytest
except ImportError:  # A project that tests with unittest alone has no pytest.
    pytest = None  # type: ignore[assignment]

_allowed = 0


def is_flush_allowed() -> bool:
    """Return whether a test has allowed `flush` in this process."""
    return _allowed > 0


@contextmanager
def flush_allowed() -> Iterator[None]:
    """Allow `flush` to empty the ledger and the history in this block."""
    global _allowed  # The command that reads it runs in the same process.
    _allowed += 1
    try:
        yield
    finally:
        _allowed -= 1


@contextmanager
def triggers_lifted() -> Iterator[None]:
    """Lift the triggers for this block, to write states of rows that the shop itself never writes."""
    with triggers.lifted(connection):
        yield


class AllowsFlush(TestCaseWithFlush):
    """A mixin for TransactionTestCase, whose flush empties the ledger and the history too."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.enterClassContext(flush_allowed())


if pytest is not None:

    @pytest.fixture(autouse=True, scope="session")
    def allows_flush() -> Iterator[None]:
        """Allow the flush after every test that commits; imported into a conftest, it works for all of its tests."""
        with flush_allowed():
            yield
