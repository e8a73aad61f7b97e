"""Sell, lose the primary, promote its standby and go on, with synchronous replication and without it:

    python -m tests_http.failover_drill --seconds 10

A primary, a streaming standby (PostgreSQL servers of its own) and a server of the shop whose DATABASE_URL names both.
Each client places an order under an Idempotency-Key, and repeats the request until it is acknowledged. In the middle
the network between the two databases falls silent; half a second later all processes of the primary are killed, and the
standby is promoted at once. So what an asynchronous primary acknowledged in that half second is on no other machine,
and is lost. Exits with 0 if nothing acknowledged was lost with synchronous replication, something was without it, no
order was placed twice, and the shop went on selling.

Two more things are measured: what clients get while a synchronous standby is away, and whether a new connection is made
to the old primary when that comes back as if nothing had happened.
"""

import argparse
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import psycopg2
from psycopg2.extensions import make_dsn

from chaos.proxy import Proxy
from products.tests.postgres import NoPostgres, PostgresServer, Standby
from tests_http.clients import Address, Client, Clients
from tests_http.replica_drill import kill
from tests_http.restore_drill import stock_of
from tests_http.sample_shop import manage
from tests_http.server import Gunicorn

CLIENTS = 4
SILENCE = 0.5
"""Seconds before the kill in which nothing of the primary reaches the standby."""
PAUSE = 0.05
"""Seconds after which a client repeats a request that was not acknowledged."""
PATIENCE = 30.0
"""Seconds after which a client gives an order up."""
AWAY = 20.0
"""Seconds that the synchronous standby is away in the part that measures it."""

CREATE = """
from django.contrib.auth.models import User
from products.models import ApiToken, Product
print(Product.objects.create(sku="{name}", name="Mug", price="4.50", stock=1_000_000).pk)
print(ApiToken.objects.issue(User.objects.create_user("{name}"))[1])
"""


@dataclass(frozen=True)
class Acknowledged:
    """An order that a client holds an acknowledgement of."""

    order: UUID
    at: float
    tries: int


@dataclass(frozen=True)
class Failover:
    """What was seen when the primary was lost. Times are in seconds."""

    before: int
    """Orders that were acknowledged by the old primary."""
    lost: int
    """How many of these the new primary does not have."""
    afterwards: int
    without_service: float | None
    """From the kill to the first acknowledged order; None if there was none."""
    promotion: float
    repeated: int
    """Orders that were acknowledged at a second or later try."""
    given_up: int
    surplus: int
    """Orders of the new primary that nobody holds an acknowledgement of: placed twice, for one client each key."""
    stock: str
    returns_to_the_old_one: bool
    """Whether a new connection is made to the old primary once that is up again."""

    @property
    def is_whole(self) -> bool:
        """True if the shop went on selling, and nothing is there twice or does not add up."""
        goes_on = self.without_service is not None and self.repeated and not self.given_up
        return bool(goes_on) and not self.surplus and "Differences: 0." in self.stock

    def __str__(self) -> str:
        gap = "for good" if self.without_service is None else f"for {self.without_service:.2f} s"
        return (
            f"{self.before:,} orders acknowledged before the kill, {self.lost} of them lost; no service {gap}, "
            f"the promotion took {self.promotion:.2f} s; {self.afterwards:,} acknowledged afterwards, "
            f"{self.repeated} at a second or later try, {self.given_up} given up; {self.surplus} placed twice; "
            f"{self.stock} The old primary, switched on again, gets "
            f"{'new' if self.returns_to_the_old_one else 'no new'} connections."
        )


@dataclass
class Waiting:
    """What clients get while the standby of a synchronous primary is away."""

    answers: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    backends: int = 0
    """Connections of the primary in which a commit waits for the standby, at the end."""
    first_afterwards: float = 0.0
    """Seconds from the end of synchronous replication to the first acknowledged order."""
    surplus: int = 0

    def __str__(self) -> str:
        answers = ", ".join(f"{number} times {answer!r}" for answer, number in sorted(self.answers.items()))
        return (
            f"{answers}; the longest answer took {self.longest:.1f} s; {self.backends} connections waited at the end; "
            f"{self.first_afterwards:.2f} s after synchronous replication was switched off the first order was "
            f"acknowledged; {self.surplus} placed twice"
        )


class Pair:
    """Context manager: a standby that streams from the primary through a network which can fall silent."""

    def __init__(self, primary: PostgresServer, *, synchronous: bool) -> None:
        self.primary, self.synchronous = primary, synchronous
        self.network = Proxy(("127.0.0.1", primary.port))
        self.standby = Standby(primary)
        host, port = self.network.address
        self.standby.settings["primary_conninfo"] = make_dsn(primary.url, host=host, port=port)

    def __enter__(self) -> Self:
        self.network.__enter__()
        self.standby.__enter__()
        # After the copy was made: the promoted standby has no standby of its own to wait for.
        if self.synchronous:
            set_synchronous(self.primary, "*")
        wanted = "sync" if self.synchronous else "async"
        wait_until(lambda: (wanted,) in ask(self.primary, "SELECT sync_state FROM pg_stat_replication"))
        return self

    def __exit__(self, *exception: object) -> None:
        self.network.__exit__(*exception)
        self.standby.close()

    @property
    def url(self) -> str:
        """The DATABASE_URL that names both."""
        here = f"127.0.0.1:{self.primary.port}"
        return (
            f"{self.primary.url.replace(here, f'{here},127.0.0.1:{self.standby.port}')}?target_session_attrs=read-write"
        )


class Buyers(Clients):
    """Clients that place orders, and finish the order that they are at when they are stopped."""

    def __init__(self, address: Address, token: str, product: int) -> None:
        super().__init__(CLIENTS)
        self.address, self.token, self.body = address, token, {"product": product, "quantity": 1}
        self.acknowledged: list[Acknowledged] = []
        self.answers: list[tuple[str, float]] = []
        """The status of each answer with its reason, and the seconds that it took."""
        self.given_up = 0

    def run(self) -> None:
        with Client(self.address, self.token) as client:
            while not self.stopped.is_set():
                self._place(client, secrets.token_hex(8))

    def _place(self, client: Client, key: str) -> None:
        """Place one order, under the same key until it is acknowledged."""
        tries, gives_up_at = 0, time.monotonic() + PATIENCE
        while time.monotonic() < gives_up_at:
            tries, began = tries + 1, time.monotonic()
            answer = client.place((key, self.body))
            self.answers.append((f"{answer.status} {answer.body.get('detail', '')}".strip(), time.monotonic() - began))
            if answer.status in (200, 201):
                self.acknowledged.append(Acknowledged(UUID(answer.body["id"]), time.monotonic(), tries))
                return
            time.sleep(PAUSE)
        self.given_up += 1


def fail_over(primary: PostgresServer, seconds: float, *, synchronous: bool, log: Path | None = None) -> Failover:
    """Sell for so many seconds, lose the primary in the middle, promote the standby, and return what was seen.

    The primary has migrated tables. It is up again afterwards, and apart from the standby.
    The server of the shop writes its log to `log`.
    """
    product, token = create_a_customer(primary)
    with Pair(primary, synchronous=synchronous) as pair:
        with (
            Gunicorn(workers=1, threads=CLIENTS, database_url=pair.url, log=log) as shop,
            Buyers(shop.address, token, product) as buyers,
        ):
            time.sleep(seconds / 2 - SILENCE)
            pair.network.black_hole()
            time.sleep(SILENCE)
            killed_at = time.monotonic()
            kill(primary)
            pair.network.cut()
            promoted_at = time.monotonic()
            ask(pair.standby, "SELECT pg_promote()")
            promotion = time.monotonic() - promoted_at
            time.sleep(seconds / 2)
        there = orders_of(pair.standby, product)
        stock = stock_of(pair.standby.url)
        # As if somebody had switched it on again who knows nothing of the failover.
        primary.start()
        returns_to_the_old_one = port_of_a_new_connection(pair.url) == primary.port
        set_synchronous(primary, "")
    acknowledged = buyers.acknowledged
    # An acknowledgement of the old primary can be read a moment after the kill, so what counts is where the order is.
    afterwards = [each for each in acknowledged if each.at > killed_at and each.order in there]
    return Failover(
        before=len(acknowledged) - len(afterwards),
        lost=len({each.order for each in acknowledged} - there),
        afterwards=len(afterwards),
        without_service=min(each.at for each in afterwards) - killed_at if afterwards else None,
        promotion=promotion,
        repeated=len([each for each in afterwards if each.tries > 1]),
        given_up=buyers.given_up,
        surplus=len(there - {each.order for each in acknowledged}),
        stock=stock,
        returns_to_the_old_one=returns_to_the_old_one,
    )


def wait_for_a_standby(primary: PostgresServer, seconds: float) -> Waiting:
    """Sell while the only synchronous standby is away, then do without it, as an operator would."""
    product, token = create_a_customer(primary)
    waiting = Waiting()
    with Pair(primary, synchronous=True) as pair:
        with (
            Gunicorn(workers=1, threads=CLIENTS, database_url=pair.url) as shop,
            Buyers(shop.address, token, product) as buyers,
        ):
            time.sleep(1)
            pair.network.black_hole()
            time.sleep(SILENCE)
            since = len(buyers.answers)
            time.sleep(seconds)
            [(waiting.backends,)] = ask(primary, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            during = buyers.answers[since:]
            released_at = time.monotonic()
            set_synchronous(primary, "")
            time.sleep(3)
        waiting.surplus = len(orders_of(primary, product) - {each.order for each in buyers.acknowledged})
    waiting.answers = Counter(answer for answer, _ in during)
    waiting.longest = max((took for _, took in during), default=0.0)
    waiting.first_afterwards = min(each.at for each in buyers.acknowledged if each.at > released_at) - released_at
    return waiting


def port_of_a_new_connection(url: str) -> int | None:
    """Return the port of the server that a new connection with this URL is made to."""
    with closing(psycopg2.connect(url)) as connection:
        return connection.info.port


def create_a_customer(primary: PostgresServer) -> tuple[int, str]:
    """Return the id of a new product and the token of a new customer."""
    command = CREATE.format(name=f"failover-{secrets.token_hex(4)}")
    product, token = manage("shell", "--verbosity=0", f"--command={command}", url=primary.url).split()
    return int(product), token


def orders_of(server: PostgresServer, product: int) -> set[UUID]:
    """Return the ids of the orders of a product."""
    rows = ask(server, f"SELECT order_id::text FROM products_orderline WHERE product_id = {product}")
    return {UUID(order) for (order,) in rows}


def set_synchronous(primary: PostgresServer, names: str) -> None:
    """Have the primary wait for the standbys of these names, "*" for any and "" for none."""
    with closing(psycopg2.connect(primary.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = %s", [names])
        cursor.execute("SELECT pg_reload_conf()")


def ask(server: PostgresServer, question: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(server.url)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise NoPostgres("The standby does not stream from its primary.")
        time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of selling, in each of the two parts")
    arguments = parser.parse_args()
    with PostgresServer(durable=True, tcp=True, max_connections=60) as primary:
        manage("migrate", "--verbosity=0", url=primary.url)
        synchronous = fail_over(primary, arguments.seconds, synchronous=True)
        sys.stdout.write(f"With synchronous replication: {synchronous}\n")
        asynchronous = fail_over(primary, arguments.seconds, synchronous=False)
        sys.stdout.write(f"Without it: {asynchronous}\n")
        waiting = wait_for_a_standby(primary, AWAY)
        sys.stdout.write(f"With it, and the standby away for {AWAY:.0f} s: {waiting}\n")
    is_good = synchronous.is_whole and asynchronous.is_whole and not synchronous.lost and asynchronous.lost
    return 0 if is_good and not waiting.surplus else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        sys.exit(main())
    except NoPostgres as missing:
        sys.exit(str(missing))
