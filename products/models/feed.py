"""The feed: every event gets a position once its transaction has committed, so that a reader misses none.

The tables only; products.feed.sequencer writes them, and explains why ids and timestamps cannot take their place.
"""

from typing import Any, Never

from django.db import models
from django.db.models import Exists, OuterRef, Q

FEED_IS_WRITTEN_BY_THE_SEQUENCER = (
    "The feed is written by products.feed.sequencer.number_events(), and purge() deletes what is past its retention."
)


class FeedEntryQuerySet(models.QuerySet["FeedEntry"]):
    def update(self, **values: Any) -> Never:
        raise TypeError(FEED_IS_WRITTEN_BY_THE_SEQUENCER)

    def bulk_update(self, *arguments: Any, **options: Any) -> Never:
        raise TypeError(FEED_IS_WRITTEN_BY_THE_SEQUENCER)

    def after(self, position: int) -> "FeedEntryQuerySet":
        """Return the entries after this position, in order."""
        return self.filter(position__gt=position).order_by("position")


class FeedEntry(models.Model):
    """One entry of the feed: an event, or what an event did to the stock of one product.

    Positions rise without gaps and are assigned after the commit, so a reader of all entries up to a position has
    missed none. The stock in the last entry about a product is its current stock.
    """

    position = models.BigIntegerField(primary_key=True)
    type = models.CharField(max_length=40, help_text="Such as order.placed or stock.sold.")
    event = models.ForeignKey("Event", models.PROTECT, related_name="entries", db_index=False)
    is_derived = models.BooleanField(
        default=False, help_text="Whether it follows from another entry of the same event, as stock.sold does."
    )
    order = models.ForeignKey("Order", models.PROTECT, null=True, related_name="+", db_index=False)
    product = models.ForeignKey("Product", models.PROTECT, null=True, related_name="+", db_index=False)
    sequence = models.IntegerField(help_text="The number among the entries about the same order or the same product.")
    movement = models.ForeignKey("StockMovement", models.PROTECT, null=True, related_name="+", db_index=False)
    delta = models.IntegerField(null=True, help_text="Pieces; positive came in, negative went out.")
    stock = models.IntegerField(null=True, help_text="The product's stock right after it.")

    objects = FeedEntryQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        verbose_name_plural = "feed entries"
        indexes = [
            models.Index(fields=["type", "position"], name="feed_by_type"),
            models.Index(fields=["event"], name="feed_of_an_event"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(position__gte=1), name="a_feed_position_is_positive"),
            models.CheckConstraint(
                condition=Q(order__isnull=False, product=None) | Q(order=None, product__isnull=False),
                name="a_feed_entry_is_about_an_order_or_a_product",
            ),
            models.UniqueConstraint(fields=["event"], condition=Q(is_derived=False), name="an_event_is_told_once"),
            models.UniqueConstraint(
                fields=["order", "sequence"],
                condition=Q(order__isnull=False),
                name="one_feed_entry_per_order_and_sequence",
            ),
            models.UniqueConstraint(
                fields=["product", "sequence"],
                condition=Q(product__isnull=False),
                name="one_feed_entry_per_product_and_sequence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.type}"

    def save(self, **options: Any) -> Never:
        raise TypeError(FEED_IS_WRITTEN_BY_THE_SEQUENCER)

    def delete(self, *arguments: Any, **options: Any) -> Never:
        raise TypeError(FEED_IS_WRITTEN_BY_THE_SEQUENCER)


class FeedState(models.Model):
    """How far the sequencer is; one row. Only the sequencer reads and writes it, under its lock."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    position = models.BigIntegerField(default=0, help_text="The newest position.")
    newest_event = models.BigIntegerField(default=0, help_text="The largest id of an event that has a position.")
    complete_to = models.BigIntegerField(
        default=0, help_text="Every event up to this id has a position, and none will be committed any more."
    )
    candidate = models.BigIntegerField(
        null=True, help_text="The id that `complete_to` becomes when the transactions in `waiting_for` have ended."
    )
    waiting_for = models.JSONField(default=list)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_feed_state")]

    def __str__(self) -> str:
        return f"The feed at {self.position}"


def unnumbered(events: "models.QuerySet[Any]", after: int = 0) -> "models.QuerySet[Any]":
    """Return those of these events that have no position yet, by id; `after` is an id up to which all have one."""
    told = FeedEntry.objects.filter(event=OuterRef("pk"), is_derived=False)
    return events.filter(~Exists(told), pk__gt=after).order_by("pk")
