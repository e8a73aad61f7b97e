"""Reading the feed from a given position."""

from collections.abc import Collection
from typing import NamedTuple

from products.feed.payloads import Payload, payloads
from products.feed.sequencer import number_events
from products.models.feed import FeedEntry, FeedState

MAX_PASSES = 4
"""How many batches a reader numbers itself at most, where no sequencer runs or is behind."""


class AheadOfFeed(Exception):
    """The position is after the feed's newest one, so this feed never returned it; `newest` is the newest position."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        super().__init__(f"The newest position is {newest}. Was the database restored from a backup?")


class Page(NamedTuple):
    """A page of the feed; the next one begins after `position`."""

    payloads: list[Payload]
    position: int
    has_more: bool


def read_page(after: int, limit: int, *, types: Collection[str] | None = None) -> Page:
    """Return at most `limit` entries after the position `after`; if `types` are given, only entries of these types.

    Raises AheadOfFeed, because a reader waiting at a later position would miss every entry up to that position.
    """
    for _ in range(MAX_PASSES):
        if not number_events():
            break
    # Read before the entries, which may include events that get a position after this statement.
    newest = FeedState.objects.values_list("position", flat=True).first() or 0
    if after > newest:
        raise AheadOfFeed(newest)
    entries = FeedEntry.objects.after(after).filter(position__lte=newest)
    if types is not None:
        entries = entries.filter(type__in=types)
    found = payloads(entries, limit + 1)
    told = found[:limit]
    if len(told) < len(found):
        return Page(told, told[-1]["position"], has_more=True)
    # Entries of other types are skipped too. A page with very many lines ends before the newest position.
    if told and entries.after(told[-1]["position"]).exists():
        return Page(told, told[-1]["position"], has_more=True)
    return Page(told, newest, has_more=False)
