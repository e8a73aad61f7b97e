"""Reading the feed from a position on."""

from collections.abc import Collection
from typing import NamedTuple

from products.feed.payloads import Payload, payloads
from products.feed.sequencer import number_events
from products.models.feed import FeedEntry, FeedState

MAX_PASSES = 4
"""How many batches a reader numbers itself at most, where no sequencer runs or is behind."""


class AheadOfFeed(Exception):
    """A position after the newest one, which nobody was told by this feed as it is; `newest` is that."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        super().__init__(f"The newest position is {newest}. Was the database restored from a backup?")


class Page(NamedTuple):
    """A page of the feed; the next one begins after `position`."""

    payloads: list[Payload]
    position: int
    has_more: bool


def read_page(after: int, limit: int, *, types: Collection[str] | None = None) -> Page:
    """Return what follows the position `after`: at most `limit` entries, of these types only if any are given.

    Raises AheadOfFeed: who waited there would be told nothing until the feed has come so far, and miss all of it.
    """
    for _ in range(MAX_PASSES):
        if not number_events():
            break
    # Read first: what gets a position from here on may or may not be among the entries.
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
    # Those of other types are passed, too. Very many lines end a page early, before the newest position.
    if told and entries.after(told[-1]["position"]).exists():
        return Page(told, told[-1]["position"], has_more=True)
    return Page(told, newest, has_more=False)
