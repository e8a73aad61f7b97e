"""The cases: which requests are measured."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.competitors import BUYERS, READERS, Competitor
from benchmarks.load import Request, RequestMix

HOT = 1
"""The product that all buyers of the case "hot-order" order at once."""
FLASH = range(2, 42)
"""Products reserved for flash sales, one for each sale."""
FIRST_ORDINARY = FLASH.stop
VARIETY = 2_000
"""The number of different requests in a case that picks products at random."""
COMMON_WORDS = "walnut lamp"


@dataclass(frozen=True)
class Case:
    """One kind of request. `requests` builds them for a competitor from a seeded generator; `users` send them.

    Only the status `success` counts. `min_seconds` is how long the case has to run to see enough requests, and
    `warm_up` how many requests are sent and checked before the first round.
    """

    name: str
    title: str
    requests: Callable[[Competitor, random.Random], Sequence[Request]]
    users: Sequence[str] = ()
    success: int = 200
    min_seconds: float = 1
    warm_up: int = 64

    def mix(self, competitor: Competitor, seed: int) -> RequestMix:
        """Return the requests for a competitor: the same products in the same order for the same seed."""
        requests = self.requests(competitor, random.Random(f"{self.name} {seed}"))
        places_orders = self.success == 201
        return RequestMix(
            requests,
            competitor.authorizations(self.users),
            competitor.headers,
            keyed=competitor.keyed and places_orders,
        )


def random_product(competitor: Competitor, chance: random.Random) -> int:
    return chance.randint(FIRST_ORDINARY, competitor.size.products)


def one_line(competitor: Competitor, chance: random.Random) -> list[Request]:
    return [competitor.order([(random_product(competitor, chance), 1)]) for _ in range(VARIETY)]


def five_lines(competitor: Competitor, chance: random.Random) -> list[Request]:
    ordinary = range(FIRST_ORDINARY, competitor.size.products + 1)
    return [competitor.order([(product, 1) for product in chance.sample(ordinary, 5)]) for _ in range(VARIETY)]


def one_product(competitor: Competitor, chance: random.Random) -> list[Request]:
    return [competitor.product(random_product(competitor, chance)) for _ in range(VARIETY)]


CASES = [
    Case("order", "order of one line, random product", one_line, BUYERS, 201),
    Case("hot-order", "order of one line, one hot product", lambda one, _: [one.order([(HOT, 1)])], BUYERS, 201),
    Case("five-lines", "order of five lines", five_lines, BUYERS, 201),
    Case("page", "product page of 20", lambda one, _: [one.page()], READERS),
    Case("far-page", "page 2,000, of 5 each", lambda one, _: [one.far_page(2_000, 5)], READERS),
    Case("search", "search for two words", lambda one, _: [one.search(COMMON_WORDS)], READERS),
    Case("history", "order history, page of 20", lambda one, _: [one.history()], READERS),
    Case("product", "token check and one product", one_product, READERS),
    Case("login", "token exchange", lambda one, _: [one.login(name) for name in BUYERS], min_seconds=3, warm_up=4),
]
BY_NAME = {case.name: case for case in CASES}
FLASH_SALE = "flash-sale"
