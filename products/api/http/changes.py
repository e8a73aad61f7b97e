"""Lists of changes since a moment, for clients that keep a copy: the moment to ask from next time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from products.db.replica import stay_on_primary
from products.db.visibility import ALLOWANCE, visible_until


def complete_until(query: Mapping[str, Any], parameter: str) -> dict[str, datetime]:
    """Return the member `complete_until` for a list since the moment in `parameter`; nothing for any other list.

    Call it before the list is read. Only for the first page: what changes while a client reads the pages may belong to
    a page that it has read already, so the moment of a later page would be too late. Each page is read from the
    primary, because a replica that is behind could miss a change from before that moment.
    """
    if parameter not in query:
        return {}
    stay_on_primary()
    if "cursor" in query:
        return {}
    until = visible_until()
    # If that is unknown, the client asks from the same moment again, but not from one in the future.
    return {"complete_until": min(query[parameter], timezone.now() - ALLOWANCE) if until is None else until}
