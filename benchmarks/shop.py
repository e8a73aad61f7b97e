"""The shop itself, as it is deployed."""

import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from benchmarks.competitors import BUYERS, PASSWORD, ROOT, WORKERS, Competitor
from benchmarks.requests import Request, RequestMix, send
from benchmarks.shop_tables import SHOP

MAX_ON_A_PAGE = 100


class Shop(Competitor):
    """gunicorn with the shipped configuration behind a trusted proxy; log, metrics and limits are on.

    The limits are as high as they go, so that they are counted with every request and nobody is refused.
    """

    name, title, scheme = "shop", "Shop", "Bearer"
    tables, product_table, line_table = SHOP, "products_product", "products_orderline"
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    keyed = True
    is_serving = False

    def environment(self) -> dict[str, str]:
        return {
            "DEBUG": "false",
            "SECRET_KEY": SECRET,
            "METRICS_TOKEN": SECRET,  # without it nothing is counted for /metrics
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.served_url() if self.is_serving else self.direct_url(),
            "TRUSTED_PROXIES": "1",
            "REQUESTS_PER_MINUTE": "1000000",
            "LOGINS_PER_NAME": "1000000",
            "LOGINS_PER_ADDRESS": "1000000",
            "LISTEN_ON": self.address[0],
            "PORT": str(self.address[1]),
            "WEB_CONCURRENCY": str(WORKERS),
        }

    def direct_url(self) -> str:
        """The database by its socket, which is what tables and customers are made through."""
        return f"postgres://shop@{quote(str(self.postgres.home), safe='')}/{self.database}"

    def served_url(self) -> str:
        """The database as the server reaches it."""
        return self.direct_url()

    def __enter__(self) -> Self:
        self.is_serving = True
        return super().__enter__()

    def home(self) -> Path:
        return ROOT

    def seed_command(self) -> Sequence[object]:
        return [sys.executable, "-m", "benchmarks.customers"]

    def server_command(self) -> Sequence[object]:
        return [Path(sys.executable).with_name("gunicorn"), "shop.wsgi"]

    def page(self, limit: int = 20) -> Request:
        return Request(f"/api/products?limit={limit}")

    def far_page(self, number: int, limit: int) -> Request:
        """Where following the links from page to page leads: there is no other way to a page by key."""
        before, path = (number - 1) * limit, f"/api/products?limit={min(MAX_ON_A_PAGE, (number - 1) * limit)}"
        while before:
            step = min(MAX_ON_A_PAGE, before)
            mix = RequestMix([Request(_with_limit(path, step))], self.authorizations(BUYERS[:1]), self.headers)
            [(status, body)] = send(self.address, mix, 1, "")
            assert status == 200, body
            link = urlsplit(json.loads(body)["next"])
            path, before = f"{link.path}?{link.query}", before - step
        return Request(_with_limit(path, limit))

    def search(self, words: str) -> Request:
        return Request(f"/api/products?{urlencode({'search': words})}")

    def product(self, pk: int) -> Request:
        return Request(f"/api/products/{pk}")

    def history(self) -> Request:
        return Request("/api/orders?limit=20")

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        wanted = [{"product": product, "quantity": quantity} for product, quantity in lines]
        return Request("/api/orders", "POST", {"lines": wanted})

    def login(self, name: str) -> Request:
        return Request("/api-token-auth", "POST", {"username": name, "password": PASSWORD})

    def put_on_shelf(self, cursor: Any, pk: int, pieces: int) -> None:
        """As a count does it: in the ledger too."""
        cursor.execute(
            """
            WITH before AS (SELECT id, stock FROM products_product WHERE id = %(pk)s FOR NO KEY UPDATE),
                after AS (UPDATE products_product now SET stock = %(pieces)s FROM before WHERE now.id = before.id)
            INSERT INTO products_stockmovement (product_id, delta, reason, note, at)
            SELECT id, %(pieces)s - stock, 'COUNTED', '', now() FROM before WHERE stock <> %(pieces)s
            """,
            {"pk": pk, "pieces": pieces},
        )


SECRET = secrets.token_urlsafe(64)


def _with_limit(path: str, limit: int) -> str:
    plain, _, query = path.partition("?")
    parameters = [part for part in query.split("&") if not part.startswith("limit=")]
    return f"{plain}?{'&'.join([f'limit={limit}', *parameters])}"
