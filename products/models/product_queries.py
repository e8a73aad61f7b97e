"""Questions about many products, and what moves the stock of several at once."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, StrIndex
from django.db.models.lookups import GreaterThan

from products.models.kept_queries import Given, kept
from products.models.statements import Statement, add, insert
from products.models.stock import Reason, StockMovement

if TYPE_CHECKING:
    from products.models.catalogue import Product
    from products.models.order_lines import OrderLine

NOT_BY_HAND = "Stock moves through receive(), correct(), count() and orders, which write the ledger."
"""What whoever tries to write the stock is told."""


def searchable(*texts: str) -> str:
    """The texts as one, in the form in which words are looked for: compatibility forms and cases made one."""
    return unicodedata.normalize("NFKC", "\n".join(texts)).casefold()


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> "ProductQuerySet":
        return self.filter(retired_at=None)

    def retired(self) -> "ProductQuerySet":
        return self.exclude(retired_at=None)

    def in_stock(self) -> "ProductQuerySet":
        return self.filter(stock__gt=0)

    def sold_out(self) -> "ProductQuerySet":
        return self.filter(stock=0)

    def search(self, text: str) -> "ProductQuerySet":
        """The products that have every word of `text` in their name, SKU or description, whatever the case."""
        return self.with_words(searchable(text).split())

    def with_words(self, words: Iterable[Any]) -> "ProductQuerySet":
        """The products that have every one of `words`, which are `searchable` already, in what search looks into."""
        found = self.all()
        for word in words:
            found = found.filter(search_text__contains=word)
        return found

    def seen_to_have(self, words: Iterable[Any]) -> "ProductQuerySet":
        """The same as `with_words`, said so that no index can find them: each product is looked at."""
        return self.filter(*(GreaterThan(StrIndex("search_text", word), 0) for word in words))

    def locked(self) -> "ProductQuerySet":
        """These products, locked until the transaction ends.

        In id order, so that two orders for the same goods cannot deadlock; and NO KEY, because a line that refers
        to a product holds a KEY SHARE lock on it, which a plain FOR UPDATE would wait for.
        """
        return self.order_by("pk").select_for_update(no_key=True)

    def out_of_balance(self) -> "ProductQuerySet":
        """The products whose stock is not the sum of their movements; each carries that sum as `ledger`."""
        return self.annotate(ledger=Coalesce(Sum("movements__delta"), 0)).exclude(stock=F("ledger")).order_by("pk")

    def update(self, **values: Any) -> int:
        if "stock" in values:
            raise TypeError(NOT_BY_HAND)
        return super().update(**values)

    def bulk_create(self, objs: Iterable[Any], *arguments: Any, **options: Any) -> list[Any]:
        products = list(objs)
        if any(product.stock for product in products):
            raise TypeError("New products in bulk have no stock yet; receive() it, which writes the ledger.")
        for product in products:
            product.search_text = searchable(product.name, product.sku, product.description)
        return super().bulk_create(products, *arguments, **options)

    def named(self, ids: Collection[int], skus: Collection[str] = (), *, locked: bool = False) -> "list[Product]":
        """The products with these ids or SKUs, in id order, and only with what an order needs to know of them."""
        values: dict[Any, Any] = dict(enumerate(ids)) | {f"sku {place}": sku for place, sku in enumerate(skus)}
        rows = kept(_named, self.model, len(ids), len(skus), locked, prepared=True).rows(values) if values else []
        return [self.model.from_db(self.db, NEEDED_BY_ORDERS, row) for row in rows]

    def sell(self, lines: "Sequence[OrderLine]") -> list[Statement]:
        """Take the lines' pieces off the shelf, in the ledger too. The products are locked and have been checked."""
        return self._move_for(lines, Reason.SOLD, -1)

    def take_back(self, lines: "Sequence[OrderLine]", reason: Reason) -> list[Statement]:
        """Put the lines' pieces back on the shelf, in the ledger too."""
        self.named([line.product_id for line in lines], locked=True)
        return self._move_for(lines, reason, +1)

    def move_stock(self, deltas: Mapping[int, int]) -> Statement:
        """Add each delta to its product's stock. For those who write the ledger beside it."""
        return add(self.model, "stock", deltas)

    def _move_for(self, lines: "Sequence[OrderLine]", reason: Reason, sign: int) -> list[Statement]:
        deltas = {line.product_id: sign * line.quantity for line in lines}
        ledger = [
            {"product_id": line.product_id, "delta": deltas[line.product_id], "reason": reason, "line_id": line.pk}
            for line in lines
        ]
        return [self.move_stock(deltas), insert(StockMovement, ledger)]


NEEDED_BY_ORDERS = ("id", "sku", "name", "price", "stock", "retired_at")


def _named(model: "type[Product]", ids: int, skus: int, locked: bool) -> "models.QuerySet[Product, Any]":
    products = model.objects
    names = Q(pk__in=[Given(place, models.BigAutoField()) for place in range(ids)]) if ids else Q()
    if skus:  # Only where one is asked for: an OR keeps the database from going straight to the primary key.
        names |= Q(sku__in=[Given(f"sku {place}", models.CharField()) for place in range(skus)])
    found = (products.locked() if locked else products.order_by("pk")).filter(names)
    return found.values_list(*NEEDED_BY_ORDERS)
