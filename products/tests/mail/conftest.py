import pytest
from django.core import mail as django_mail

from products.mail.queueing import queue_mails
from products.mail.sending import send_due_mails
from products.models import Order

ALICES_ADDRESS = {
    "name": "Alice Liddell",
    "company": "Looking & Glass",
    "line1": "Hauptstr. 1",
    "line2": "",
    "postal_code": "10115",
    "city": "Berlin",
    "region": "",
    "country": "DE",
}


@pytest.fixture
def _mail_is_on(settings, db):
    """Mail is on from now on: what happened before brings none."""
    settings.MAIL_NOTICES = True
    settings.DEFAULT_FROM_EMAIL = "Tea & Co <orders@shop.example>"
    queue_mails()


@pytest.fixture
def mug(a_product):
    return a_product(sku="MUG", name="Mug <b>blue</b>", stock=2_000, price="1234.50")


@pytest.fixture
def an_order(alice, mug, _mail_is_on):
    """Place an order of mugs with an e-mail address."""

    def place(quantity=2, **details):
        return Order.objects.create(customer=alice, items=[(mug, quantity)], email="alice@example.com", **details)

    return place


@pytest.fixture
def delivered():
    """Read the feed, send what is due, and return the messages that arrived since the last time."""
    seen = 0

    def messages():
        nonlocal seen
        while queue_mails():
            pass
        send_due_mails()
        new, seen = django_mail.outbox[seen:], len(django_mail.outbox)
        return new

    return messages
