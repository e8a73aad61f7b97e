"""Searching by words: along the index of words where they are rare, and along the order wanted where they are common.

PostgreSQL's index of words knows nothing of order: all that have the words are fetched, and then sorted for a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import connection
from django.db.models import F, QuerySet, Subquery

from products.api.lists import KeptList, Parameters
from products.api.pagination import Comes, Row, page_of
from products.models import Product
from products.models.product_queries import ProductQuerySet
from products.models.word_sample import WordSample

TOLD_BY_A_SAMPLE = {"words", "out_of_stock", "in_stock"}
STEP = 256
"""Walks are of a multiple of so many rows, as each length is a statement of its own."""


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
        wanted = cast("ProductQuerySet", self.wanted(others)).seen_to_have(parameters["words"])
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
