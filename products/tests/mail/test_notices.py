"""What the mails say, of real orders, in both languages."""

import re
from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.utils import timezone

from products.mail import notices
from products.models import Mail, Order
from products.tests.mail.conftest import ALICES_ADDRESS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_mail_is_on")]


def html_of(message):
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    return html


def test_a_confirmation_in_english(an_order, delivered, settings):
    settings.TAX_RATES = {}
    order = an_order(
        discount="10", shipping="4.90", ship_to=ALICES_ADDRESS, reference="PO & 7", note="Ring <twice>\nplease"
    )

    [message] = delivered()

    number = message.subject.removeprefix("Your order ")
    assert number.replace("-", "") == order.number
    assert message.to == ["alice@example.com"]
    assert message.from_email == "Tea & Co <orders@shop.example>"
    first, _, rest = message.body.partition("\n")
    assert re.fullmatch(r"Thank you for your order of [A-Z][a-z]+\.? \d+, \d{4}\.", first)
    assert rest == (
        "\n"
        f"Order number: {number}\n"
        "\n"
        "2 × Mug <b>blue</b> (MUG): 2,459.00\u00a0EUR, after a discount of 10.00\u00a0EUR\n"
        "\n"
        "Shipping: 4.90\u00a0EUR\n"
        "Total: 2,463.90\u00a0EUR\n"
        "\n"
        "It is shipped to:\n"
        "Alice Liddell\nLooking & Glass\nHauptstr. 1\n10115 Berlin\nDE\n"
        "\n"
        "Your reference: PO & 7\n"
        "\n"
        "Your note:\nRing <twice>\nplease\n"
        "\n"
        "Tea & Co\n"
    )


def test_a_confirmation_in_german_with_tax(an_order, delivered, settings):
    settings.MAIL_LANGUAGE = "de"
    settings.TAX_RATES = {"standard": 19}
    an_order(shipping="0")

    [message] = delivered()

    assert message.subject.startswith("Ihre Bestellung ")
    assert re.match(r"Vielen Dank für Ihre Bestellung vom \d+\. [A-Z][a-zä]+ \d{4}\.\n", message.body)
    assert "2 × Mug <b>blue</b> (MUG): 2.469,00\u00a0EUR" in message.body
    assert "Versand: 0,00\u00a0EUR" in message.body
    assert "Gesamtbetrag: 2.469,00\u00a0EUR\nDarin enthaltene Steuer: 394,21\u00a0EUR\n" in message.body
    assert '<html lang="de">' in html_of(message)


def test_a_tax_that_is_added_is_shown_before_the_total(an_order, delivered, settings):
    settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = {"standard": 10}, False
    an_order(1)

    [message] = delivered()

    assert "Tax: 123.45\u00a0EUR\nTotal: 1,357.95\u00a0EUR\n" in message.body


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        (
            "en",
            "Your order {} is on its way",
            ["A part of your order is on its way to you:", "Carrier: DHL", "Tracking number: 0034", "1 × Mug"],
        ),
        (
            "de",
            "Ihre Bestellung {} ist unterwegs",
            ["Ein Teil Ihrer Bestellung ist auf dem Weg", "Versanddienst: DHL", "Sendungsnummer: 0034", "1 × Mug"],
        ),
    ],
)
def test_each_shipment_brings_a_notice_with_its_tracking(an_order, mug, delivered, settings, language, subject, words):
    settings.MAIL_LANGUAGE = language
    order = an_order()
    order.pay()
    delivered()
    order.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="0034")
    order.ship(carrier="UPS", tracking_number="1Z")

    first, second = delivered()

    assert first.subject == second.subject == subject.format(f"{order.number[:4]}-{order.number[4:]}")
    assert [word for word in words if word not in first.body] == []
    assert "UPS" in second.body
    assert "DHL" not in second.body


@pytest.mark.parametrize(
    ("language", "part", "rest"),
    [
        (
            "en",
            "A part of your order was cancelled. These items are not shipped:",
            "Your order was cancelled. These items are not shipped:",
        ),
        (
            "de",
            "Ein Teil Ihrer Bestellung wurde storniert. Diese Artikel werden nicht versandt:",
            "Ihre Bestellung wurde storniert. Diese Artikel werden nicht versandt:",
        ),
    ],
)
def test_cancelling_a_part_and_the_rest(an_order, mug, delivered, settings, language, part, rest):
    settings.MAIL_LANGUAGE = language
    order = an_order(3)
    delivered()
    order.cancel(lines=[(mug, 1)])
    order.cancel()

    first, second = delivered()

    assert first.body.startswith(f"{part}\n\n1 × Mug")
    assert second.body.startswith(f"{rest}\n\n2 × Mug")


def test_cancelling_the_rest_of_a_shipped_order_is_a_cancellation_of_a_part(an_order, mug, delivered):
    order = an_order(3)
    order.pay()
    order.ship(lines=[(mug, 1)])
    delivered()
    order.cancel()

    [message] = delivered()

    assert order.status == Order.Status.SHIPPED
    assert message.subject.startswith("A part of your order ")
    assert "2 × Mug" in message.body


@pytest.mark.parametrize(("language", "words"), [("en", "was not paid in time"), ("de", "nicht rechtzeitig bezahlt")])
def test_an_order_that_expires_says_why(an_order, delivered, settings, language, words):
    settings.MAIL_LANGUAGE = language
    order = an_order(pay_by=timezone.now() + timedelta(hours=1))
    delivered()
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(hours=1))
    order.expire()

    [message] = delivered()

    assert words in message.body


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["We have refunded 1,234.50\u00a0EUR.", "The refund is for:", "1 × Mug"]),
        ("de", ["Wir haben Ihnen 1.234,50\u00a0EUR erstattet.", "Die Erstattung gilt für:", "1 × Mug"]),
    ],
)
def test_a_refund_for_a_line(an_order, mug, delivered, settings, language, words):
    settings.MAIL_LANGUAGE = language
    order = an_order()
    order.pay()
    delivered()
    order.refund(lines=[(mug, 1)])

    [message] = delivered()

    assert [word for word in words if word not in message.body] == []


def test_a_refund_of_an_amount_names_no_lines(an_order, delivered):
    order = an_order()
    order.pay()
    delivered()
    order.refund(amount="5")

    [message] = delivered()

    assert "We have refunded 5.00\u00a0EUR." in message.body
    assert "Mug" not in message.body + html_of(message)


@pytest.mark.parametrize(
    ("currency", "text", "english"),
    [
        ("JPY", "1234.00", "1,234\u00a0JPY"),
        ("KWD", "1234.500", "1,234.500\u00a0KWD"),
        ("EUR", "0.5", "0.50\u00a0EUR"),
        ("EUR", "0.1234", "0.1234\u00a0EUR"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(currency, text, english):
    assert notices.amount(text, currency) == english


@pytest.mark.parametrize(
    ("currency", "price", "total"), [("JPY", "1200", "2,400\u00a0JPY"), ("KWD", "1.125", "2.250\u00a0KWD")]
)
def test_an_order_in_a_currency_of_other_minor_units(alice, a_product, delivered, settings, currency, price, total):
    settings.CURRENCY = currency
    alice.email = "alice@example.com"
    alice.save()
    Order.objects.create(customer=alice, items=[(a_product(stock=5, price=price), 2)])

    [message] = delivered()

    assert f"Total: {total}\n" in message.body


def test_html_escapes_what_others_wrote(an_order, delivered):
    an_order(ship_to=ALICES_ADDRESS, note="<script>alert(1)</script>")

    [message] = delivered()

    html = html_of(message)
    assert "Mug &lt;b&gt;blue&lt;/b&gt;" in html
    assert "Looking &amp; Glass" in html
    assert "Tea &amp; Co" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script" not in html


def test_an_order_of_very_many_lines_is_listed_in_part(an_order, delivered, monkeypatch, alice, many_products):
    monkeypatch.setattr(notices, "MAX_LINES", 2)
    an_order()
    Order.objects.create(
        customer=alice, email="a@example.com", items=[(product, 1) for product in many_products(5, stock=1)]
    )

    _, message = delivered()

    assert message.body.count("(MANY-") == 2
    assert "and 3 more lines\n" in message.body


def test_a_project_overrides_a_template(an_order, delivered, settings, tmp_path):
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "order_confirmation.txt").write_text("Hello {{ data.ship_to.name }}, {{ total }}")
    (tmp_path / "mail" / "order_confirmation.subject.txt").write_text("Thanks!\nBcc: everybody@example.com\n")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path]}]
    an_order(ship_to=ALICES_ADDRESS)

    [message] = delivered()

    assert message.body == "Hello Alice Liddell, 2,469.00\u00a0EUR\n"
    assert message.subject == "Thanks! Bcc: everybody@example.com"
    assert message.recipients() == ["alice@example.com"]
    assert "Mug" in html_of(message)


def test_a_message_says_that_a_program_wrote_it_and_which_one_it_is(an_order, delivered):
    an_order()

    [message] = delivered()

    assert message.message()["Message-ID"] == f"<{Mail.objects.get().pk}@shop.example>"
    assert message.message()["Auto-Submitted"] == "auto-generated"


def test_later_changes_of_a_product_do_not_reach_a_mail(an_order, mug, delivered):
    an_order()
    mug.name, mug.price = "Cup", "1"
    mug.save()

    [message] = delivered()

    assert "2 × Mug <b>blue</b> (MUG): 2,469.00\u00a0EUR" in message.body
    assert len(django_mail.outbox) == 1
