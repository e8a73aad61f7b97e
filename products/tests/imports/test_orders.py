"""Imported orders are as the verbs would have left them, and the ledger agrees with them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from products.db import triggers
from products.imports import order_files, orders
from products.imports.orders import CANCELLED_UNPAID, STEPS, OrderImport
from products.models import TRANSITIONS, Event, Order, OrderLine, Product, Reason, Status, StockMovement
from products.ordering.validation import MAX_LINES
from products.reconciliation import differences
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side

pytestmark = pytest.mark.django_db

PLACED, PAID, SHIPPED = (datetime(2019, 3, day, tzinfo=UTC) for day in (1, 2, 3))
MOMENTS = {"placed_at": "2019-03-01", "paid_at": "2019-03-02", "shipped_at": "2019-03-03"}


def counters(order):
    return [(line.shipped, line.cancelled, line.returned, line.restocked) for line in order.lines.all()]


def ledger_of(product):
    """The movements since the opening stock."""
    return [(move.delta, move.reason) for move in product.movements.order_by("id")[1:]]


def everything():
    return {model: model.objects.count() for model in (Order, OrderLine, StockMovement, Event, User, Product)}


def test_an_order_has_the_figures_moments_and_texts_of_the_file(alice, mug, lamp, import_rows, settings):
    settings.SHIPPING_FEE = Decimal("4.90")
    shop_to = {"ship_to_line1": "Hauptstr. 1", "ship_to_city": "Berlin", "ship_to_country": "DE"}
    texts = {"reference": "PO-7", "note": "Ring twice", "email": "a@example.com", "phone": "+49 30 1234567"}

    tally, faults = import_rows(
        {"unit_price": "4.5055", "quantity": "3", "discount": "1.50", "shipping": "5.00", "ship_to_name": "Alice"}
        | shop_to
        | texts,
        {"sku": "lamp", "quantity": "1", "unit_price": "20"},
    )

    order = Order.objects.get()
    assert (vars(tally), faults) == ({"imported": 1, "existing": 0, "rejected": 0, "customers": 0}, [])
    assert (order.imported_number, order.customer, order.status) == ("10248", alice, Status.PLACED)
    assert order.placed_at == order.created_at == datetime(2019, 3, 1, 10, tzinfo=UTC)
    assert (order.total, order.shipping, order.currency) == (Decimal("37.02"), Decimal("5.00"), "EUR")
    assert [(line.sku, line.name, line.unit_price, line.discount) for line in order.lines.all()] == [
        ("MUG", "Mug", Decimal("4.5055"), Decimal("1.50")),
        ("LAMP", "Lamp", Decimal("20.00"), Decimal("0.00")),
    ]
    assert {name: getattr(order, name) for name in (*texts, *shop_to)} == texts | shop_to
    assert list(differences()) == []


def test_an_order_without_shipping_costs_no_fee_of_today(alice, mug, import_rows, settings):
    settings.SHIPPING_FEE = Decimal("4.90")

    import_rows({})

    assert Order.objects.get().total == Decimal("9.00")


def test_an_imported_order_has_no_deadline_of_today(alice, mug, import_rows, settings):
    settings.PAY_WITHIN = timedelta(days=7)

    import_rows({})

    assert Order.objects.get().pay_by is None


@pytest.mark.parametrize(
    ("status", "counted", "paid", "told"),
    [
        (Status.PLACED, (0, 0, 0, 0), "0", [("order.placed", PLACED)]),
        (Status.PAID, (0, 0, 0, 0), "9", [("order.placed", PLACED), ("order.paid", PAID)]),
        (
            Status.SHIPPED,
            (2, 0, 0, 0),
            "9",
            [("order.placed", PLACED), ("order.paid", PAID), ("order.shipped", SHIPPED)],
        ),
        (
            Status.DELIVERED,
            (2, 0, 0, 0),
            "9",
            [("order.placed", PLACED), ("order.paid", PAID), ("order.shipped", SHIPPED), ("order.delivered", SHIPPED)],
        ),
        (
            Status.RETURNED,
            (2, 0, 2, 2),
            "9",
            [("order.placed", PLACED), ("order.paid", PAID), ("order.shipped", SHIPPED), ("order.returned", SHIPPED)],
        ),
        (
            Status.CANCELLED,
            (0, 2, 0, 2),
            "9",
            [("order.placed", PLACED), ("order.paid", PAID), ("order.cancelled", PAID)],
        ),
    ],
)
@pytest.mark.parametrize("takes_stock", [False, True])
def test_a_status_brings_its_counters_payment_and_history(
    alice, mug, import_rows, status, counted, paid, told, takes_stock
):
    moments = dict(MOMENTS)
    if status == Status.PLACED:
        del moments["paid_at"]
    if status not in order_files.SHIPPED:
        del moments["shipped_at"]

    import_rows({"status": status, **moments}, takes_stock=takes_stock)

    order = Order.objects.get()
    assert (order.status, counters(order), order.paid) == (status, [counted], Decimal(paid))
    assert [(event.kind, event.at) for event in order.events.order_by("id")] == told
    assert order.shipments.count() == (counted[0] > 0)
    assert (order.cancellations.count(), order.returns.count()) == (counted[1] > 0, counted[2] > 0)
    assert list(differences()) == []


def test_a_cancelled_order_without_a_payment_was_never_paid(alice, mug, import_rows):
    import_rows({"status": "CANCELLED"})

    order = Order.objects.get()
    assert order.paid == 0
    assert list(order.events.order_by("id").values_list("kind", flat=True)) == ["order.placed", "order.cancelled"]
    assert list(differences()) == []


def test_every_status_of_a_file_is_reached_by_transitions():
    assert set(STEPS) == set(order_files.STATUSES)
    for steps in (*STEPS.values(), CANCELLED_UNPAID):
        before = None
        for step in steps:
            assert step in TRANSITIONS[before]
            before = step


def test_each_event_says_that_the_order_is_imported(alice, mug, import_rows):
    import_rows({"status": "SHIPPED"})

    events = Event.objects.filter(order__isnull=False).order_by("id")
    assert [(event.kind, event.facts["imported"]) for event in events] == [
        ("order.placed", True),
        ("order.paid", True),
        ("order.shipped", True),
    ]


def test_an_imported_order_goes_on_like_any_other(alice, mug, lamp, import_rows):
    import_rows({"status": "PAID"}, {"status": "PAID", "sku": "LAMP", "quantity": "1"})
    order = Order.objects.get()

    order.ship(lines=[("MUG", 2)])
    order.cancel()
    order.refund(amount="4.50")

    assert (order.status, counters(order)) == (Status.SHIPPED, [(2, 0, 0, 0), (0, 1, 0, 1)])
    assert lamp.refreshed().stock == 11
    assert list(differences()) == []


@pytest.mark.parametrize("status", ["PLACED", "DELIVERED", "CANCELLED", "RETURNED"])
def test_stock_that_is_kept_is_balanced_in_the_ledger(alice, mug, import_rows, status):
    import_rows({"status": status, "quantity": "200"})

    back = {"CANCELLED": Reason.CANCELLED, "RETURNED": Reason.RETURNED}.get(status)
    assert mug.refreshed().stock == 10
    assert ledger_of(mug) == [
        (200, Reason.RECEIVED),
        (-200, Reason.SOLD),
        *([(200, back), (-200, Reason.CORRECTED)] if back else []),
    ]
    assert [event.facts for event in mug.events.filter(kind="product.stock_moved").order_by("id")[1:]] == [
        {"delta": delta, "reason": reason}
        for delta, reason in ledger_of(mug)
        if reason in (Reason.RECEIVED, Reason.CORRECTED)
    ]
    assert {move.note for move in mug.movements.filter(line=None).order_by("id")[1:]} == {"Import of orders"}
    assert min(move.stock_after() for move in mug.movements.all()) == 10
    assert list(differences()) == []


def test_stock_that_is_taken_goes_through_the_ledger(alice, mug, import_rows):
    tally, _ = import_rows({"number": "1", "quantity": "4"}, {"number": "2", "quantity": "6"}, takes_stock=True)

    assert (tally.imported, mug.refreshed().stock) == (2, 0)
    assert ledger_of(mug) == [(-4, Reason.SOLD), (-6, Reason.SOLD)]
    assert list(differences()) == []


def test_an_order_that_gave_its_stock_back_takes_none(alice, mug, import_rows):
    tally, faults = import_rows({"status": "RETURNED", "quantity": "200"}, takes_stock=True)

    assert (tally.imported, faults, mug.refreshed().stock) == (1, [], 10)
    assert list(differences()) == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("batch", [1, 200])
def test_an_order_whose_stock_is_short_is_rejected(alice, mug, import_rows, monkeypatch, dry_run, batch):
    monkeypatch.setattr(orders, "BATCH_ORDERS", batch)

    tally, faults = import_rows(
        {"number": "1", "quantity": "4"},
        {"number": "2", "quantity": "7"},
        {"number": "3", "quantity": "6"},
        takes_stock=True,
        dry_run=dry_run,
    )

    assert (tally.imported, tally.rejected) == (2, 1)
    assert faults == [(3, "MUG: 7 requested, 6 available.")]
    assert mug.refreshed().stock == (10 if dry_run else 0)


def test_percents_are_of_the_line_and_rounded_half_away_from_zero(alice, mug, lamp, import_rows):
    import_rows(
        {"quantity": "1", "unit_price": "10.10", "discount_percent": "15"},  # 1.515
        {"sku": "LAMP", "quantity": "3", "unit_price": "3.33", "discount_percent": "2.5"},  # 0.24975
    )

    order = Order.objects.get()
    assert [line.discount for line in order.lines.all()] == [Decimal("1.52"), Decimal("0.25")]
    assert order.total == Decimal("10.10") - Decimal("1.52") + Decimal("9.99") - Decimal("0.25")
    assert list(differences()) == []


@pytest.mark.parametrize(
    ("currency", "price", "percent", "discount", "total"),
    [
        ("JPY", "105", "5", "16", "299"),  # 315, less 15.75
        ("JPY", "0.5", "15", "0", "2"),  # 1.5, less 0.3
        ("KWD", "1.015", "5", "0.152", "2.893"),  # 3.045, less 0.15225
    ],
)
def test_figures_are_in_the_minor_units_of_the_currency(
    alice, mug, import_rows, settings, currency, price, percent, discount, total
):
    settings.CURRENCY = currency

    import_rows({"unit_price": price, "quantity": "3", "discount_percent": percent})

    order = Order.objects.get()
    assert order.lines.get().discount == Decimal(discount)
    assert (order.total, order.currency) == (Decimal(total), currency)
    assert list(differences()) == []


def test_an_amount_with_too_many_decimals_is_rejected(alice, mug, import_rows, settings):
    settings.CURRENCY = "JPY"

    _, faults = import_rows({"number": "1", "shipping": "0.5"}, {"number": "2", "discount": "0.5"})

    sentence = "An amount is a Decimal from 0 to 999999999999.99 with at most 0 decimals."
    assert faults == [(2, f"shipping: {sentence}"), (3, f"MUG: {sentence}")]


def test_taxes_are_computed(alice, mug, import_rows, settings):
    settings.TAX_RATES = {"standard": Decimal(19)}

    import_rows({"quantity": "1", "unit_price": "11.90"})

    assert Order.objects.get().tax == Decimal("1.90")
    assert list(differences()) == []


def test_retired_products_were_sold_at_the_time(alice, mug, import_rows):
    mug.retire()

    tally, faults = import_rows({})

    assert (tally.imported, faults) == (1, [])


def test_a_total_that_is_too_large_is_rejected_of_retired_products_too(alice, a_product, import_rows):
    for number in range(2):
        a_product(sku=f"P{number}").retire()

    _, faults = import_rows(
        *({"sku": f"P{number}", "quantity": "10000", "unit_price": "99999999"} for number in range(2))
    )

    assert faults == [(2, "The total of an order is at most 999999999999.99.")]


@pytest.mark.parametrize(
    ("cells", "reasons"),
    [
        ({"sku": "NONE"}, ["NONE: There is no such product."]),
        ({"sku": "a\N{ZERO WIDTH SPACE}"}, ["There is no such product."]),
        ({"quantity": "0"}, ["MUG: A quantity is a whole number from 1 to 10000."]),
        ({"quantity": "10001"}, ["MUG: A quantity is a whole number from 1 to 10000."]),
        ({"unit_price": "1.00001"}, ["at most 4 decimals"]),
        ({"unit_price": "999999999"}, ["A unit price is a Decimal from 0 to 99999999.9999"]),
        ({"discount": "9.01"}, ["The discount on MUG exceeds the 9.00 that the line costs."]),
        ({"customer": "nobody"}, ["customer: there is no user 'nobody'."]),
        ({"email": "nowhere"}, ["email: Enter a valid email address."]),
        ({"phone": "call"}, ["phone: Not a phone number"]),
        ({"ship_to_country": "Germany"}, ["ship_to_country:"]),
        ({"ship_to_city": "Berlin"}, ["ship_to_name:", "ship_to_line1:", "ship_to_country:"]),
        (
            {"customer": "nobody", "sku": "NONE", "email": "nowhere"},
            ["customer: there is", "email: Enter", "NONE: There is no such product."],
        ),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_every_rule_that_an_order_breaks_is_named(alice, mug, import_rows, cells, reasons, dry_run):
    tally, faults = import_rows({"number": "1"}, {"number": "2"} | cells, dry_run=dry_run)

    assert (tally.imported, tally.rejected) == (1, 1)
    assert {line for line, _ in faults} == {3}
    assert len(faults) == len(reasons)
    for reason in reasons:
        assert any(reason in fault for _, fault in faults), (reason, faults)


def test_two_prices_for_one_product_are_named_at_both_rows(alice, mug, import_rows):
    _, faults = import_rows({}, {"unit_price": "5.00"})

    detail = "MUG has two different prices; an order has one line for each product."
    assert faults == [(2, detail), (3, detail)]


def test_an_order_with_too_many_lines_is_rejected(alice, mug, import_rows):
    _, faults = import_rows(*[{}] * (MAX_LINES + 1))

    assert faults == [(2, "An order has at most 2,000 lines.")]


def test_a_row_at_fault_rejects_its_whole_order_and_no_other(alice, mug, lamp, import_rows):
    import_rows({"number": "1"}, {"number": "1", "sku": "NONE"}, {"number": "2", "sku": "LAMP"})

    assert list(Order.objects.values_list("imported_number", flat=True)) == ["2"]


@pytest.mark.parametrize("batch", [1, 200])
def test_a_dry_run_writes_nothing(alice, mug, import_rows, monkeypatch, batch):
    monkeypatch.setattr(orders, "BATCH_ORDERS", batch)
    before = everything()

    tally, faults = import_rows(
        {"number": "1"},
        {"number": "2", "customer": "new"},
        {"number": "3", "customer": "new"},
        {"number": "4", "sku": "-"},
        dry_run=True,
        creates_customers=True,
    )

    assert vars(tally) == {"imported": 3, "existing": 0, "rejected": 1, "customers": 1}
    assert [line for line, _ in faults] == [5]
    assert everything() == before


def test_a_second_run_adds_nothing(alice, mug, import_rows):
    rows = [{"number": str(number), "customer": "new", "status": "RETURNED"} for number in range(3)]
    import_rows(*rows, creates_customers=True)
    before = everything()

    tally, _ = import_rows(*rows, creates_customers=True)

    assert vars(tally) == {"imported": 0, "existing": 3, "rejected": 0, "customers": 0}
    assert everything() == before
    assert list(differences()) == []


class Interrupted(Exception):
    """Somebody has pressed Ctrl+C."""


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_import_goes_on_where_it_stopped(alice, mug, file_of, monkeypatch):
    monkeypatch.setattr(orders, "BATCH_ORDERS", 2)
    path = file_of(*[{"number": str(number)} for number in range(5)])

    def interrupt(done):
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        OrderImport(takes_stock=True).run(order_files.read(path).orders, interrupt)
    stopped_at = Order.objects.count()
    tally = OrderImport(takes_stock=True).run(order_files.read(path).orders)

    assert stopped_at == 4
    assert vars(tally) == {"imported": 1, "existing": 4, "rejected": 0, "customers": 0}
    assert (Order.objects.count(), mug.refreshed().stock) == (5, 0)
    assert list(differences()) == []


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_is_not_written_at_all(alice, mug, file_of):
    before = everything()
    path = file_of({"customer": "new", "status": "RETURNED"})

    with connection.cursor() as cursor:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON products_returnline " + (
            "FOR EACH ROW EXECUTE FUNCTION products_refuse('No.')"
            if connection.vendor == "postgresql"
            else "BEGIN SELECT RAISE(ABORT, 'No.'); END"
        )
        cursor.execute(refuse)
        try:
            with pytest.raises(Exception, match=r"No\."):
                OrderImport(creates_customers=True).run(order_files.read(path).orders)
        finally:
            on = " ON products_returnline" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER refuse{on}")

    assert everything() == before


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_import_every_order_once(alice, bob, a_product, file_of):
    skus = [a_product(stock=1_000, sku=f"P{number}").sku for number in range(30)]
    path = file_of(*[{"number": str(number), "sku": sku, "customer": "new"} for number, sku in enumerate(skus)])

    tallies = side_by_side(
        *[lambda: OrderImport(creates_customers=True, takes_stock=True).run(order_files.read(path).orders)] * 2
    )

    assert sorted(tally.imported for tally in tallies) == [0, 30]
    assert sorted(tally.existing for tally in tallies) == [0, 30]
    assert Order.objects.count() == 30
    assert list(differences()) == []


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_order_that_another_import_is_writing_is_left_to_it(alice, mug, lamp, file_of):
    """With another product, so that no lock on a product keeps the imports apart."""
    first, second = (
        file_of({}, name="first.csv"),
        file_of({"sku": "LAMP"}, {"number": "2", "sku": "LAMP"}, name="second.csv"),
    )

    with transaction.atomic():
        OrderImport().run(order_files.read(first).orders)
        other = meanwhile(lambda: OrderImport().run(order_files.read(second).orders))
        waited = other.waits()

    assert waited
    assert vars(other.outcome()) == {"imported": 1, "existing": 1, "rejected": 0, "customers": 0}
    assert [line.sku for line in OrderLine.objects.filter(order__imported_number="10248")] == ["MUG"]
    assert list(differences()) == []


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_customer_that_another_import_is_making_is_made_once(mug, lamp, file_of):
    first = file_of({"customer": "new"}, name="first.csv")
    second = file_of({"customer": "new", "number": "2", "sku": "LAMP"}, name="second.csv")

    with transaction.atomic():
        OrderImport(creates_customers=True).run(order_files.read(first).orders)
        other = meanwhile(lambda: OrderImport(creates_customers=True).run(order_files.read(second).orders))
        waited = other.waits()

    assert waited
    assert other.outcome().imported == 1
    assert set(Order.objects.values_list("customer__username", flat=True)) == {"new"}
    assert User.objects.count() == 1


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_last_pieces_are_taken_once(alice, mug, file_of):
    paths = [file_of({"number": str(number), "quantity": "7"}, name=f"{number}.csv") for number in range(4)]
    runs = [lambda path=path: OrderImport(takes_stock=True).run(order_files.read(path).orders) for path in paths]

    tallies = side_by_side(*runs, lambda: Order.objects.create(customer=alice, items=[("MUG", 7)]))

    assert Order.objects.count() == 1
    assert sum(tally.imported for tally in tallies[:4]) == Order.objects.filter(imported_number__gt="").count()
    assert mug.refreshed().stock == 3
    assert list(differences()) == []


def test_a_customer_is_found_by_user_name_or_e_mail(alice, mug, import_rows):
    bob = User.objects.create_user("bob", email="Bob@Example.com")

    import_rows({"number": "1", "customer": "bob@example.COM"}, {"number": "2", "customer": "bob"}, {"number": "3"})

    assert list(Order.objects.order_by("imported_number").values_list("customer", flat=True)) == [
        bob.pk,
        bob.pk,
        alice.pk,
    ]


def test_a_user_name_comes_before_an_e_mail_address(mug, import_rows):
    User.objects.create_user("other", email="a@example.com")
    named = User.objects.create_user("a@example.com")

    import_rows({"customer": "a@example.com"})

    assert Order.objects.get().customer == named


def test_an_e_mail_address_of_several_users_names_none(mug, import_rows):
    User.objects.create_user("one", email="a@example.com")
    User.objects.create_user("two", email="A@example.com")

    _, faults = import_rows({"customer": "a@example.com"})

    assert faults == [(2, "customer: several users have the e-mail address 'a@example.com'; give a user name.")]


def test_missing_customers_are_made_once_and_cannot_log_in(mug, import_rows):
    tally, _ = import_rows(
        {"number": "1", "customer": "ALFKI"},
        {"number": "2", "customer": "Ana@example.com"},
        {"number": "3", "customer": "ana@example.com"},
        creates_customers=True,
    )

    made = User.objects.order_by("username")
    assert [(user.username, user.email) for user in made] == [("ALFKI", ""), ("Ana@example.com", "Ana@example.com")]
    assert not any(user.has_usable_password() or user.is_staff for user in made)
    assert (tally.imported, tally.customers) == (3, 2)


def test_no_customer_is_made_for_an_order_that_is_rejected(mug, import_rows):
    tally, _ = import_rows({"customer": "new", "sku": "NONE"}, creates_customers=True)

    assert (tally.customers, User.objects.count()) == (0, 0)


@pytest.mark.parametrize("name", ["two words", "n" * 151, "not@an@address"])
def test_a_name_that_no_user_can_have_is_rejected(mug, import_rows, name):
    _, [(line, reason)] = import_rows({"customer": name}, creates_customers=True)

    assert (line, reason.partition(":")[0], User.objects.count()) == (2, "customer", 0)


def test_the_number_of_another_system_is_frozen_and_set_by_an_import_only(alice, mug, import_rows):
    import_rows({})
    order = Order.objects.get()
    order.imported_number = "1"

    with pytest.raises(TypeError, match="imported_number of a placed order cannot be changed"):
        order.save()
    with pytest.raises(TypeError, match="an import its imported_number"):
        Order.objects.create(customer=alice, items=[("MUG", 1)], imported_number="1")
    assert "imported_number" in triggers.FROZEN_COLUMNS


def test_more_orders_of_a_batch_cost_no_more_statements(alice, mug, import_rows):
    """But for a placeholder each: a batch of 5 as one of 50."""
    few, many = ([{"number": f"{size}-{number}", "status": "DELIVERED"} for number in range(size)] for size in (5, 50))

    with CaptureQueriesContext(connection) as of_few:
        import_rows(*few)
    with CaptureQueriesContext(connection) as of_many:
        import_rows(*many)

    assert len(of_few) == len(of_many)
