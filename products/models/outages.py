"""What the database's errors mean: whether it cannot serve now, and whether it is known that nothing was done.

Django's classes do not tell by themselves: among PostgreSQL's InternalErrors are outages, and among SQLite's
OperationalErrors are mistakes of ours.
"""

from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

# PostgreSQL's deadlock_detected, serialization_failure and lock_not_available; and feature_not_supported, which it says
# of a prepared query whose columns have changed (kept_queries). Each of them means that nothing of the transaction was
# committed, so doing all of it again cannot do it twice.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONFLICTS = {"40P01", "40001", "55P03", "0A000"}
# What else the server says only before it commits: query_canceled (as by statement_timeout), read_only_sql_transaction
# and disk_full. Not so admin_shutdown, which can follow a commit.
UNDONE = CONFLICTS | {"57014", "25006", "53100"}
# psycopg2 has these as InternalError: read_only_sql_transaction and idle_in_transaction_session_timeout.
INTERNAL = {"25006", "25P03"}
# SQLite's codes (https://www.sqlite.org/rescode.html). SQLITE_ERROR, SQLITE_MISUSE and SQLITE_RANGE are mistakes.
MISTAKES = {1, 21, 25}
BUSY = 5


def cannot_serve(error: BaseException | None) -> bool:
    """Whether it came about because the database is busy, out of reach or unable to write now; else it is a bug."""
    return any(_is_of_the_database(each) for each in _chain(error))


def was_undone(error: BaseException | None) -> bool:
    """Whether an error that means that the database cannot serve means as well that nothing was committed."""
    said = [each for each in _chain(error) if _is_of_the_database(each)]
    return bool(said) and all(code_of(each) in UNDONE or _sqlite_code(each) == BUSY for each in said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came from. Django puts its own errors around some, and templates and admin theirs."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_of_the_database(error: BaseException) -> bool:
    match error:
        case OperationalError() | InterfaceError():
            return _sqlite_code(error) not in MISTAKES
        case InternalError():
            return code_of(error) in INTERNAL
        case DatabaseError():
            # psycopg2 raises the bare class, without a code, where the connection broke in the middle of an answer.
            return type(error) is DatabaseError and error.__cause__ is not None and code_of(error) is None
        case _:
            return False


def code_of(error: BaseException) -> str | None:
    """PostgreSQL's code; None where there is none, as when it was not the server that said it."""
    return getattr(error.__cause__, "pgcode", None)


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # The rest says more about the same.
