"""Classify database errors: is the database unavailable, and is it certain that the transaction was rolled back?

Django's exception classes are not enough: some of PostgreSQL's InternalErrors are outages, and some of SQLite's
OperationalErrors are programming errors.
"""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

# PostgreSQL's deadlock_detected, serialization_failure and lock_not_available. Each means that nothing of the
# transaction was committed, so running it again cannot do the work twice.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONFLICTS = {"40P01", "40001", "55P03"}
# Other errors that the server raises only before a commit: query_canceled (for example by statement_timeout),
# read_only_sql_transaction and disk_full. admin_shutdown is not listed, because it can follow a commit.
ROLLED_BACK = CONFLICTS | {"57014", "25006", "53100"}
# psycopg2 raises these as InternalError: read_only_sql_transaction and idle_in_transaction_session_timeout.
UNAVAILABLE_INTERNAL = {"25006", "25P03"}
# SQLite's result codes, https://www.sqlite.org/rescode.html: SQLITE_ERROR, SQLITE_MISUSE and SQLITE_RANGE are bugs.
SQLITE_BUGS = {1, 21, 25}
# SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_FULL and SQLITE_CANTOPEN occur before a commit is complete.
# SQLITE_IOERR may occur in the last step of a commit.
SQLITE_ROLLED_BACK = {5, 6, 8, 13, 14}

MAX_MESSAGE = 300
"""Characters of a message that are logged."""


class Cause(NamedTuple):
    """Why the database was unavailable, for the log."""

    error: str
    """The class of the driver's exception, or Django's where there is none."""
    code: str | None
    """PostgreSQL's SQLSTATE or the name of SQLite's result code; None if no server has answered."""
    message: str
    """The first line. The following ones of PostgreSQL quote the statement and its values."""


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether the error means that the database is busy, unreachable or read-only; any other error is a bug."""
    return any(_is_outage(each) for each in causes(error))


def was_rolled_back(error: BaseException | None) -> bool:
    """Return whether an error for which is_unavailable() holds also guarantees that nothing was committed."""
    outages = [each for each in causes(error) if _is_outage(each)]
    return bool(outages) and all(
        sqlstate(each) in ROLLED_BACK or _sqlite_code(each) in SQLITE_ROLLED_BACK for each in outages
    )


def cause_of(error: BaseException) -> Cause:
    """Return the underlying database error if is_unavailable() holds for it, otherwise the error itself."""
    outage = next((each for each in causes(error) if _is_outage(each)), error)
    driver = outage.__cause__ or outage
    code = sqlstate(outage) or getattr(driver, "sqlite_errorname", None)
    first_line = str(driver).strip().partition("\n")[0]
    return Cause(type(driver).__name__, code, first_line[:MAX_MESSAGE])


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes, because Django, templates and the admin wrap the driver's error in their own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_outage(error: BaseException) -> bool:
    match error:
        case OperationalError() | InterfaceError():
            return _sqlite_code(error) not in SQLITE_BUGS
        case InternalError():
            return sqlstate(error) in UNAVAILABLE_INTERNAL
        case DatabaseError():
            # psycopg2 raises the bare class, without a code, when the connection breaks in the middle of a result.
            return type(error) is DatabaseError and error.__cause__ is not None and sqlstate(error) is None
        case _:
            return False


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's five-character error code, or None if the error does not come from the server."""
    return getattr(error.__cause__, "pgcode", None)


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # The higher bits only add detail.
