"""How common words are among the products, told by some that were picked at random.

It decides which way a search goes, and never what it finds; so it may be old, and each process has one of its own.
"""

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import Max, Min
from django.db.models.functions import Left

if TYPE_CHECKING:
    from products.models.product_queries import ProductQuerySet

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


def _having(words: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    for word in words:
        texts = [text for text in texts if word in text]
    return texts
