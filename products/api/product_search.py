"""Searching by words: along the index of words where they are rare, and along the order wanted where they are common.

PostgreSQL's index of words knows nothing of order: all that have the words are fetched, and then sorted for a page.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import connection
from django.db.models import F, Max, Min, QuerySet, Subquery
from django.db.models.functions import Left

from products.api.lists import KeptList, Parameters
from products.api.pagination import Comes, Row, page_of
from products.models import Product
from products.models.products import ProductQuerySet

PICKED = 1_500
FIRST = 500
"""Words that none of the first so many has are rare enough not to be looked for in the rest."""
FEWEST = 5
"""Words that fewer have may have come into the sample by chance."""
BEGINNING = 500
"""Characters of each text. What stands behind them makes a word look rarer than it is, which is the slower way only."""
LARGE = 50_000
"""Products. With fewer, either way is quick."""
GOOD_FOR = 600
"""Seconds."""


TOLD_BY_A_SAMPLE = {"words", "out_of_stock", "in_stock"}
STEP = 256
"""Walks are of a multiple of so many rows, as each length is a statement of its own."""


class WordSample:
    """What search looks into of some of about so many `products`; of none, before it is taken."""

    def __init__(self) -> None:
        self.texts: Sequence[str] = ()
        self.products, self.taken_at = 0, -float("inf")

    @property
    def is_old(self) -> bool:
        return time.monotonic() > self.taken_at + GOOD_FOR

    def take(self, products: "ProductQuerySet") -> None:
        """Pick anew. Ids are guessed, which costs the same however many products there are: some forty milliseconds."""
        self.taken_at = time.monotonic()  # first, so that one thread is enough
        ends = products.aggregate(oldest=Min("pk", default=1), newest=Max("pk", default=0))
        ids = range(ends["oldest"], ends["newest"] + 1)
        guesses = random.sample(ids, min(PICKED, len(ids)))
        found = products.filter(pk__in=guesses).order_by()
        texts = list(found.values_list(Left("search_text", BEGINNING), flat=True))
        random.shuffle(texts)  # They came in the order of ids, and the first of them would tell of old products only.
        self.texts = texts
        self.products = len(ids) * len(self.texts) // max(1, len(guesses))

    def walk(self, words: Sequence[str], rows: int) -> int:
        """How many products to look at, one behind the other, for `rows` that have all of `words`; 0 for no walk.

        That is twice as many as it takes where they are spread evenly. By the index it takes all that have the words,
        so a walk is longer where they are rare.
        """
        share = self._share(words) if self.products >= LARGE else 0.0
        return round(2 * rows / share) if share * share * self.products > rows else 0

    def _share(self, words: Sequence[str]) -> float:
        """Which part of the products has all of `words`; 0 where that is too small to tell."""
        if not _having(words, self.texts[:FIRST]):
            return 0.0
        having = len(_having(words, self.texts))
        return having / len(self.texts) if having >= FEWEST else 0.0


@dataclass(frozen=True, eq=False)
class SearchedList(KeptList):
    """A KeptList that may be asked for products with all of some `words`.

    Where those are common, the next products in the order wanted are looked at first, which fill a page whatever the
    size of the shop. If they do not, nothing is lost but that: then it is the index's turn.
    """

    sample: WordSample = field(default_factory=WordSample)

    def rows(
        self,
        parameters: Parameters,
        names: tuple[str, ...],
        down: bool,
        limit: int,
        behind: list[Any] | None,
    ) -> list[Any]:
        """The rows of one page; see KeptList.rows."""
        if far := self._walk(parameters, names, limit):
            rows = super().rows({**parameters, "far": far}, names, down, limit, behind)
            if len(rows) > limit:
                return rows
        rows = super().rows(parameters, names, down, limit, behind)
        if len(rows) > limit and self.sample.is_old and self._may_walk(parameters, names):
            self.sample.take(Product.objects.on_sale())
        return rows

    def among(
        self, parameters: Parameters, names: Sequence[str], down: bool, behind: Sequence[Any] | None
    ) -> "QuerySet[Any, Any]":
        """What is wanted; with `far`, of the next so many rows only, and by looking at each."""
        if "far" not in parameters:
            return super().among(parameters, names, down, behind)
        far, others = parameters["far"], {name: value for name, value in parameters.items() if name != "words"}
        edge = page_of(Product.objects.all(), names, down, far, behind)[far:].values(*names)
        wanted = cast("ProductQuerySet", self.wanted(others)).containing_words_by_scan(parameters["words"])
        return wanted.filter(Comes(Row(*map(F, names)), Subquery(edge), arg_joiner=" >= " if down else " <= "))

    def _walk(self, parameters: Parameters, names: tuple[str, ...], limit: int) -> int:
        """How far to look before the index is asked; 0 to ask it at once."""
        if not self._may_walk(parameters, names):
            return 0
        return -(-self.sample.walk(parameters["words"], limit + 1) // STEP) * STEP

    def _may_walk(self, parameters: Parameters, names: tuple[str, ...]) -> bool:
        if connection.vendor != "postgresql" or not parameters.get("words"):
            return False  # SQLite walks anyway.
        # In the order of names, those that have a word in theirs stand together, and not in every stretch of it.
        return "name" not in names and parameters.keys() <= TOLD_BY_A_SAMPLE and parameters.get("in_stock") is not False


def _having(words: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    for word in words:
        texts = [text for text in texts if word in text]
    return texts
