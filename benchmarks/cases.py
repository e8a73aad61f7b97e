"""What is measured."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.competitors import BUYERS, READERS, Competitor
from benchmarks.requests import Request, RequestMix

HOT = 1
"""The product that everybody wants at once."""
FLASH = range(2, 42)
"""Products that are kept for flash sales, a new one for each."""
FIRST_OF_THE_REST = FLASH.stop
VARIETY = 2_000
"""Different requests of a case that asks for goods at random."""
COMMON_WORDS = "walnut lamp"


@dataclass(frozen=True)
class Case:
    """`requests` makes the requests for a competitor, out of a seeded generator; `who` sends them.

    `success` is the one status that counts. `at_least` is how many seconds it takes to see enough of it, and `warm_up`
    how many requests are sent and looked at before.
    """

    name: str
    title: str
    requests: Callable[[Competitor, random.Random], Sequence[Request]]
    who: Sequence[str] = ()
    success: int = 200
    at_least: float = 1
    warm_up: int = 64

    def mix(self, competitor: Competitor, seed: int) -> RequestMix:
        """The same goods in the same order for every competitor with the same seed."""
        requests = self.requests(competitor, random.Random(f"{self.name} {seed}"))
        places_orders = self.success == 201
        return RequestMix(
            requests, competitor.authorizations(self.who), competitor.headers, keyed=competitor.keyed and places_orders
        )


def some_product(competitor: Competitor, goods: random.Random) -> int:
    return goods.randint(FIRST_OF_THE_REST, competitor.size.products)


def one_line(competitor: Competitor, goods: random.Random) -> list[Request]:
    return [competitor.order([(some_product(competitor, goods), 1)]) for _ in range(VARIETY)]


def five_lines(competitor: Competitor, goods: random.Random) -> list[Request]:
    others = range(FIRST_OF_THE_REST, competitor.size.products + 1)
    return [competitor.order([(product, 1) for product in goods.sample(others, 5)]) for _ in range(VARIETY)]


def one_product(competitor: Competitor, goods: random.Random) -> list[Request]:
    return [competitor.product(some_product(competitor, goods)) for _ in range(VARIETY)]


CASES = [
    Case("order", "order of one line, random product", one_line, BUYERS, 201),
    Case("hot-order", "order of one line, one hot product", lambda one, _: [one.order([(HOT, 1)])], BUYERS, 201),
    Case("five-lines", "order of five lines", five_lines, BUYERS, 201),
    Case("page", "product page of 20", lambda one, _: [one.page()], READERS),
    Case("far-page", "page 2,000, of 5 each", lambda one, _: [one.far_page(2_000, 5)], READERS),
    Case("search", "search for two words", lambda one, _: [one.search(COMMON_WORDS)], READERS),
    Case("history", "order history, page of 20", lambda one, _: [one.history()], READERS),
    Case("product", "token check and one product", one_product, READERS),
    Case("login", "token exchange", lambda one, _: [one.login(name) for name in BUYERS], at_least=3, warm_up=4),
]
BY_NAME = {case.name: case for case in CASES}
FLASH_SALE = "flash-sale"
