"""A flash sale: many more concurrent buyers than items. The shop must sell exactly the stock."""

import http.client
import itertools
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from benchmarks.competitors import BUYERS, Competitor
from benchmarks.load import TIMEOUT

STOCK = 200
TRIES = 1_000


@dataclass(frozen=True)
class FlashSale:
    """The outcome. `sold` is the quantity on order lines, `left` the stock afterwards; both come from the database."""

    seconds: float
    statuses: dict[int, int]
    sold: int
    left: int

    @property
    def is_exact(self) -> bool:
        rejected = sum(count for status, count in self.statuses.items() if 400 <= status < 500)
        return (self.sold, self.left, self.statuses.get(201), rejected) == (STOCK, 0, STOCK, TRIES - STOCK)


def hold(competitor: Competitor, product: int) -> FlashSale:
    """Set a product's stock to STOCK and try TRIES times to order one, over one connection per buyer."""
    with closing(competitor.connect()) as connection:
        cursor = connection.cursor()
        competitor.set_stock(cursor, product, STOCK)
        sold_before = _sold(competitor, cursor, product)
        began = time.monotonic()
        statuses = _buy_side_by_side(competitor, product)
        seconds = time.monotonic() - began
        cursor.execute(f"SELECT stock FROM {competitor.product_table} WHERE id = %s", [product])
        [left] = cursor.fetchone()
        return FlashSale(seconds, dict(statuses), _sold(competitor, cursor, product) - sold_before, left)


def _sold(competitor: Competitor, cursor: Any, product: int) -> int:
    statement = f"SELECT coalesce(sum(quantity), 0) FROM {competitor.line_table} WHERE product_id = %s"
    cursor.execute(statement, [product])
    [sold] = cursor.fetchone()
    return int(sold)


def _buy_side_by_side(competitor: Competitor, product: int) -> Counter[int]:
    """Return how often each status was answered."""
    tickets, statuses = itertools.count(), Counter[int]()
    lock = threading.Lock()

    def buy(authorization: str) -> None:
        connection = http.client.HTTPConnection(*competitor.address, timeout=TIMEOUT)
        request = competitor.order([(product, 1)])
        headers = {**competitor.headers, "Content-Type": request.content_type, "Authorization": authorization}
        while (ticket := next(tickets)) < TRIES:
            key = {"Idempotency-Key": f"flash-{product}-{ticket}"} if competitor.keyed else {}
            connection.request(request.method, request.path, request.text, {**headers, **key})
            response = connection.getresponse()
            response.read()
            with lock:
                statuses[response.status] += 1
        connection.close()

    buyers = [threading.Thread(target=buy, args=(each,)) for each in competitor.authorizations(BUYERS)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    return statuses
