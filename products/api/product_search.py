"""Product search: by the word index if the words are rare, by a scan in list order if they are common.

PostgreSQL's trigram index is not ordered: it fetches every product with the words and sorts them all for one page. If
the words are common, scanning the products in the order of the list fills a page much sooner.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import connection
from django.db.models import F, Max, Min, QuerySet, Subquery
from django.db.models.functions import Left

from products.api.http.pagination import RowComparison, RowValue, keyset_slice
from products.api.list_query import Filters, ListQuery
from products.models import Product
from products.models.products import ProductQuerySet

SAMPLE_SIZE = 1_500
PROBE_SIZE = 500
"""Words that none of the first so many texts contains count as rare, without a look at the rest."""
MIN_MATCHES = 5
"""Fewer matches in the sample could be chance."""
MAX_TEXT = 500
"""Characters of each text. A word beyond them looks rarer than it is, which only costs the faster way."""
MIN_PRODUCTS = 50_000
"""With fewer products either way is fast."""
MAX_AGE = 600
"""Seconds."""

ESTIMATED_FILTERS = {"words", "out_of_stock", "in_stock"}
"""With any other filter, the sample says nothing about how many products match."""
SCAN_STEP = 256
"""Scan lengths are multiples of this, because each length is a statement of its own."""


class SelectivityEstimate:
    """An estimate of how many products contain given words, from a random sample of their search texts."""

    def __init__(self) -> None:
        self.texts: Sequence[str] = ()
        self.products, self.sampled_at = 0, -float("inf")

    @property
    def is_outdated(self) -> bool:
        return time.monotonic() > self.sampled_at + MAX_AGE

    def sample(self, products: "ProductQuerySet") -> None:
        """Take a new sample. Ids are guessed, so it takes about 40 ms however many products there are."""
        self.sampled_at = time.monotonic()  # first, so that other threads do not start as well
        bounds = products.aggregate(oldest=Min("pk", default=1), newest=Max("pk", default=0))
        ids = range(bounds["oldest"], bounds["newest"] + 1)
        guesses = random.sample(ids, min(SAMPLE_SIZE, len(ids)))
        found = products.filter(pk__in=guesses).order_by()
        texts = list(found.values_list(Left("search_text", MAX_TEXT), flat=True))
        random.shuffle(texts)  # They come in id order, so the probe would be of old products only.
        self.texts = texts
        self.products = len(ids) * len(self.texts) // max(1, len(guesses))

    def scan_length(self, words: Sequence[str], rows: int) -> int:
        """Return how many products to scan to find `rows` that contain all `words`; 0 if the index is faster.

        That is twice as many as needed if matches are spread evenly. The index fetches every match, so a scan is the
        longer way if matches are rare.
        """
        share = self._share(words) if self.products >= MIN_PRODUCTS else 0.0
        return round(2 * rows / share) if share * share * self.products > rows else 0

    def _share(self, words: Sequence[str]) -> float:
        """Return the estimated share of products that contain all `words`; 0 if it is too small to estimate."""
        if not _containing(words, self.texts[:PROBE_SIZE]):
            return 0.0
        matches = len(_containing(words, self.texts))
        return matches / len(self.texts) if matches >= MIN_MATCHES else 0.0


@dataclass(frozen=True, eq=False)
class SearchableListQuery(ListQuery):
    """A ListQuery of products that can be filtered by `words`, with the faster of the two ways.

    A scan that does not fill the page has cost little: then the index is used after all.
    """

    estimate: SelectivityEstimate = field(default_factory=SelectivityEstimate)

    def rows(
        self, filters: Filters, names: tuple[str, ...], descending: bool, limit: int, after: list[Any] | None
    ) -> list[Any]:
        """Return the rows of one page; see ListQuery.rows()."""
        if length := self._scan_length(filters, names, limit):
            rows = super().rows({**filters, "scan": length}, names, descending, limit, after)
            if len(rows) > limit:
                return rows
        rows = super().rows(filters, names, descending, limit, after)
        if len(rows) > limit and self.estimate.is_outdated and self._can_scan(filters, names):
            self.estimate.sample(Product.objects.on_sale())
        return rows

    def candidates(
        self, filters: Filters, names: Sequence[str], descending: bool, limit: int, after: Sequence[Any] | None
    ) -> "QuerySet[Any, Any]":
        """Return the filtered products; with `scan`, only those among the next so many, and without the word index."""
        if "changed_since" in filters:
            return self._changed(filters, names, descending, limit, after)
        if "scan" not in filters:
            return super().candidates(filters, names, descending, limit, after)
        length, others = filters["scan"], {name: value for name, value in filters.items() if name != "words"}
        last = keyset_slice(Product.objects.all(), names, descending, length, after)[length:].values(*names)
        products = cast("ProductQuerySet", self.filtered(others)).containing_words_by_scan(filters["words"])
        operator = " >= " if descending else " <= "
        return products.filter(RowComparison(RowValue(*map(F, names)), Subquery(last), arg_joiner=operator))

    def _changed(
        self, filters: Filters, names: Sequence[str], descending: bool, limit: int, after: Sequence[Any] | None
    ) -> "QuerySet[Any, Any]":
        """Return one page of the products that were updated, and one of those whose stock has moved.

        The database has an index for either condition, and chooses for each page whether to use that one or to follow
        the order of the list. For both conditions joined by OR it would look at every product.
        """
        others = {name: value for name, value in filters.items() if name != "changed_since"}
        products, moment = cast("ProductQuerySet", self.filtered(others)), filters["changed_since"]
        bounds = {}
        if after is not None and names == ("id",):
            # Otherwise PostgreSQL may read the ledger in the order of its products, from the first one on.
            bounds = {"product__lt" if descending else "product__gt": after[0]}
        pages = [
            keyset_slice(half, names, descending, limit, after).values("pk")
            for half in (products.updated_since(moment), products.moved_since(moment, **bounds))
        ]
        # Each in a query of its own, because SQLite knows no LIMIT inside a UNION.
        updated, moved = (Product.objects.filter(pk__in=page).order_by().values("pk") for page in pages)
        return Product.objects.filter(pk__in=updated.union(moved))

    def _scan_length(self, filters: Filters, names: tuple[str, ...], limit: int) -> int:
        """Return how many products to scan before the index is used; 0 to use it immediately."""
        if not self._can_scan(filters, names):
            return 0
        return -(-self.estimate.scan_length(filters["words"], limit + 1) // SCAN_STEP) * SCAN_STEP

    def _can_scan(self, filters: Filters, names: tuple[str, ...]) -> bool:
        if connection.vendor != "postgresql" or not filters.get("words"):
            return False  # SQLite always scans.
        # In the order of names, products with a word in their name stand together, so they are not spread evenly.
        return "name" not in names and filters.keys() <= ESTIMATED_FILTERS and filters.get("in_stock") is not False


def _containing(words: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    for word in words:
        texts = [text for text in texts if word in text]
    return texts
