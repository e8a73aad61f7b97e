"""The baselines: two shops that follow the documentation of their frameworks, to compare the shop with."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.competitors import PASSWORD, WORKERS, Competitor
from benchmarks.environments import HOMES, python_of
from benchmarks.load import Request
from benchmarks.sample_data import DRF, FASTAPI


class Baseline(Competitor):
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_HOST": str(self.postgres.home),
            "DATABASE_NAME": self.database,
            "SECRET_KEY": secrets.token_urlsafe(64),
        }

    def home(self) -> Path:
        return HOMES[self.name]

    def seed_command(self) -> Sequence[object]:
        return [python_of(self.name), "seed.py"]

    def _lines(self, lines: Sequence[tuple[int, int]]) -> dict[str, object]:
        return {"lines": [{"product": product, "quantity": quantity} for product, quantity in lines]}


class DrfBaseline(Baseline):
    """ModelViewSets and ModelSerializers on gunicorn's default sync workers, which keep no connection alive."""

    name, title, scheme = "drf", "textbook DRF", "Token"
    tables, product_table, line_table = DRF, "store_product", "store_orderline"

    def server_command(self) -> Sequence[object]:
        python = python_of(self.name)
        bind = "{}:{}".format(*self.address)
        return [python, "-m", "gunicorn", "--no-control-socket", "--workers", WORKERS, "--bind", bind, "bookshop.wsgi"]

    def page(self, limit: int = 20) -> Request:
        return Request(f"/api/products/?page_size={limit}")

    def far_page(self, number: int, limit: int) -> Request:
        return Request(f"/api/products/?page={number}&page_size={limit}")

    def search(self, words: str) -> Request:
        return Request(f"/api/products/?{urlencode({'search': words})}")

    def product(self, pk: int) -> Request:
        return Request(f"/api/products/{pk}/")

    def history(self) -> Request:
        return Request("/api/orders/")

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        return Request("/api/orders/", "POST", self._lines(lines))

    def login(self, name: str) -> Request:
        return Request("/api-token-auth/", "POST", {"username": name, "password": PASSWORD})


class FastApiBaseline(Baseline):
    """Async SQLAlchemy on asyncpg, on uvicorn with uvloop and httptools and without its access log."""

    name, title, scheme = "fastapi", "textbook FastAPI", "Bearer"
    tables, product_table, line_table = FASTAPI, "products", "order_lines"

    def server_command(self) -> Sequence[object]:
        host, port = self.address
        command = [python_of(self.name), "-m", "uvicorn", "--workers", WORKERS, "--host", host, "--port", port]
        return [*command, "--no-access-log", "--log-level", "warning", "store.main:app"]

    def page(self, limit: int = 20) -> Request:
        return Request(f"/products?limit={limit}")

    def far_page(self, number: int, limit: int) -> Request:
        return Request(f"/products?offset={(number - 1) * limit}&limit={limit}")

    def search(self, words: str) -> Request:
        return Request(f"/products?{urlencode({'search': words})}")

    def product(self, pk: int) -> Request:
        return Request(f"/products/{pk}")

    def history(self) -> Request:
        return Request("/orders?limit=20")

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        return Request("/orders", "POST", self._lines(lines))

    def login(self, name: str) -> Request:
        return Request("/token", "POST", {"username": name, "password": PASSWORD}, form=True)
