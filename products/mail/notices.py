"""Content of mails: text and HTML from products/templates/mail, in the language of settings.MAIL_LANGUAGE.

A project can override a template as usual, with a template of the same name that Django finds first.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime

from products import currencies
from products.feed.payloads import Payload, payloads
from products.models import FeedEntry, Mail

MAX_LINES = 500
"""How many lines of an order a mail lists at most."""

COMPLETE = ("order.shipped", "order.cancelled", "order.expired")
"""The events that leave nothing of the order open."""

ENDS = (".txt", ".html")

AMOUNTS = ("total", "shipping", "tax", "amount")

LINE_AMOUNTS = ("unit_price", "discount", "amount")


def write_notice(mail: Mail) -> EmailMultiAlternatives:
    """Return the message of a mail. A copy requested by staff has a new Message-ID; a retry keeps the same one."""
    entry = FeedEntry.objects.filter(event=mail.event_id, is_derived=False).order_by("position")
    [payload] = payloads(entry, 1)
    with translation.override(settings.MAIL_LANGUAGE):
        context = context_of(payload)
        # The subject is one line, because a line break would start another header.
        subject = " ".join(render_to_string(f"mail/{mail.kind}.subject.txt", context).split())
        text, html = (render_to_string(f"mail/{mail.kind}{end}", {**context, "subject": subject}) for end in ENDS)
    message = EmailMultiAlternatives(
        subject=subject,
        body=_tidied(text),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.recipient],
        headers={"Message-ID": message_id(mail), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(html, "text/html")
    return message


def message_id(mail: Mail) -> str:
    """Return the Message-ID, which is the same for every attempt, so that duplicates can be recognized."""
    copy = f".{mail.copies}" if mail.copies else ""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{mail.pk}{copy}@{domain}>"


def context_of(payload: Payload) -> dict[str, Any]:
    """Return the context of the templates: the feed's payload as `data`, and localized versions of its parts."""
    data = payload["data"]
    currency = data["currency"]
    lines = data["lines"]
    return {
        "data": data,
        "type": payload["type"],
        "language": translation.get_language(),
        "shop_name": parseaddr(settings.DEFAULT_FROM_EMAIL)[0],
        "number": data["number"],
        "on": date_format(localtime(datetime.fromisoformat(payload["at"])), "DATE_FORMAT"),
        "is_complete": payload["type"] in COMPLETE and not _is_rest(payload),
        "is_expired": payload["type"] == "order.expired",
        "lines": [_line(line, currency) for line in lines[:MAX_LINES]],
        "left_out": max(len(lines) - MAX_LINES, 0),
        "address": _address(data.get("ship_to")),
        **{name: amount(data[name], currency) for name in AMOUNTS if data.get(name) is not None},
        "has_tax": Decimal(data.get("tax") or 0) > 0,
    }


def _is_rest(payload: Payload) -> bool:
    """Return whether the event cancelled the remaining pieces of a partly shipped order."""
    return payload["type"] == "order.shipped" and "cancellation" in payload["data"]


def _line(line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        **line,
        "has_discount": Decimal(line.get("discount") or 0) > 0,
        "quantity": number_format(line["quantity"], use_l10n=True, force_grouping=True),
        **{name: amount(line[name], currency) for name in LINE_AMOUNTS if name in line},
    }


def _address(parts: Mapping[str, str] | None) -> list[str]:
    """Return the lines of a postal address; none if the order has no address."""
    if not parts:
        return []
    city = " ".join(filter(None, (parts["postal_code"], parts["city"])))
    lines = (parts["name"], parts["company"], parts["line1"], parts["line2"], city, parts["region"], parts["country"])
    return [line for line in lines if line]


def amount(text: str, currency: str) -> str:
    """Return an amount formatted for the active language, with at least the decimals of its currency."""
    value = Decimal(text)
    digits = currencies.decimals(currency)
    while not currencies.fits(value, digits):
        digits += 1
    # A no-break space keeps the currency on the same line as the number.
    return f"{number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True)}\u00a0{currency}"


def _tidied(text: str) -> str:
    """Return the text without the blank lines that the tags of a template leave behind."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"
