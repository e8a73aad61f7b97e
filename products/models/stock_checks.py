"""The results of `manage.py check_stock`, for the staff's pages; see products.reconciliation."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone

MAX_KEPT = 100
"""How many results are kept by purge."""

MAX_SENTENCES = 100
"""How many differences of one check are kept; all of them are counted."""

MAX_AGE = timedelta(days=1)
"""How old a result may be before the staff are told to run the check again."""


class StockCheckQuerySet(models.QuerySet["StockCheck"]):
    def newest(self) -> "StockCheck | None":
        return self.order_by("-pk").first()

    def superseded(self) -> "StockCheckQuerySet":
        """Return the results that are not among the last MAX_KEPT."""
        return self.exclude(pk__in=list(self.model.objects.order_by("-pk").values_list("pk", flat=True)[:MAX_KEPT]))


class StockCheck(models.Model):
    """A comparison of stock, ledger and orders, from the moment `at` on: how many differences it found, and the first.

    A check changes no figures; this row is all that it writes.
    """

    at = models.DateTimeField(default=timezone.now)
    seconds = models.FloatField(help_text="How long it took.")
    products = models.PositiveIntegerField()
    orders = models.PositiveIntegerField()
    differences = models.PositiveIntegerField()
    sentences: Any = models.JSONField(default=list, help_text=f"The first {MAX_SENTENCES} differences.")

    objects = StockCheckQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Products: {self.products}. Orders: {self.orders}. Differences: {self.differences}."

    @property
    def agrees(self) -> bool:
        """Whether ledger, orders and stock agreed."""
        return not self.differences

    @property
    def is_old(self) -> bool:
        """Whether it is so old that it says little about the present."""
        return timezone.now() - self.at > MAX_AGE
