"""The replica: which reads it answers, and how far it has replayed the log."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model

from products.db.errors import cause_of
from products.db.replica import REPLICA, current_reads
from shop.db.timeouts import limit_wait

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that the replica has to say how far it is, a new connection included."""
PAUSE = 2.0
"""Seconds that a process does without a replica that did not answer."""

# A standby that is connected to its primary and has replayed all received log has no lag, however old its last
# transaction is. A disconnected standby cannot know, so the age of its last transaction counts.
STATE = """
    SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,
        CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver)
            THEN 0 ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
"""


class ReplicaRouter:
    """Django's choice of the database, where there is a replica.

    The shop's own tables are read where the request's reads go. Accounts, permissions and tokens are always read from
    the primary, so that revoking takes effect at once.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        reads, options = current_reads(), model._meta
        if reads is None or options.app_label != "products" or options.model_name == "apitoken":
            return DEFAULT_DB_ALIAS
        return reads.alias

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db != REPLICA


class Replica:
    """The standby that DATABASE_REPLICA_URL names, as this process sees it."""

    def __init__(self, ask: "Callable[[], tuple[bool, int | None, float | None]] | None" = None) -> None:
        self.ask = ask or state_of_the_replica
        self.away_until = 0.0

    def replayed(self) -> int | None:
        """Return the position up to which it has replayed; None if it is down, lags too far behind or is no standby."""
        if time.monotonic() < self.away_until:
            return None
        try:
            is_standby, position, lag = self.ask()
        except Error as error:
            self.note_failure(error)
            return None
        return position if is_standby and lag is not None and lag <= settings.REPLICA_MAX_LAG else None

    def note_failure(self, error: BaseException) -> None:
        """Do not use the replica for a while."""
        self.away_until = time.monotonic() + PAUSE
        facts = {"event": "replica.unavailable", **cause_of(error)._asdict()}
        logger.warning("%(event)s: %(error)s, code %(code)s: %(message)s", facts, extra={"facts": facts})


def state_of_the_replica() -> tuple[bool, int | None, float | None]:
    """Return whether it is a standby, its position and its lag in seconds. Raises what the database raises."""
    with limit_wait(PATIENCE), connections[REPLICA].cursor() as cursor:
        cursor.execute(STATE)
        is_standby, position, lag = cursor.fetchone()
    return is_standby, position, None if lag is None else float(lag)
