"""Determine whether a request that ended with an error has changed the database."""

from collections.abc import Callable
from typing import Any

from django.db import Error

from products.db.errors import causes, is_unavailable, was_rolled_back

READING = ("SELECT ", "(SELECT ", "EXPLAIN ", "BEGIN", "SAVEPOINT ", "RELEASE ", "ROLLBACK ")


class Outcome:
    """A wrapper for `connection.execute_wrapper()` that tracks the statements of one request.

    It does not see the connecting or the COMMIT. If one of these fails, something can have changed only if an earlier
    statement wrote.
    """

    __slots__ = ("failed_inside_transaction", "has_written", "may_have_committed")

    def __init__(self) -> None:
        self.has_written = self.may_have_committed = False
        self.failed_inside_transaction: BaseException | None = None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        connection = context["connection"]
        writes = may_write(sql)
        if writes:
            self.has_written = True  # Set before sending: an unanswered statement may have run.
        try:
            result = execute(sql, params, many, context)
        except Error as error:
            if connection.in_atomic_block:
                self.failed_inside_transaction = error
            elif writes and is_unavailable(error) and not was_rolled_back(error):
                self.may_have_committed = True
            raise
        if writes:
            connection.on_commit(self._note_commit)  # Called at once in autocommit mode.
        return result

    def is_nothing(self, error: BaseException | None) -> bool:
        """Return whether the request, which ended with this error, has certainly changed nothing."""
        if self.may_have_committed:
            return False
        # A transaction that did not reach its COMMIT is rolled back, even if the connection is lost.
        was_undone = self.failed_inside_transaction is not None and self.failed_inside_transaction in causes(error)
        return was_undone or not self.has_written or was_rolled_back(error)

    def _note_commit(self) -> None:
        self.may_have_committed = True


def may_write(sql: str) -> bool:
    """Return whether the statement may change a row. A SELECT without FROM calls a function, which may."""
    return not sql.startswith(READING) or (sql.startswith("SELECT ") and " FROM " not in sql)
