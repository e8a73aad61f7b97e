"""Prices over HTTP: those of an order's own, and what a product has cost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from products.models import Order, Product
from products.tests.rewriting import rewrite

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def taxed(settings):
    settings.TAX_RATES = {"standard": Decimal("19.000"), "reduced": Decimal("7.000")}
    settings.SHIPPING_FEE = Decimal("4.90")
    return settings


def errors(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


# Orders


def test_quote_cart_and_order_show_the_same_figures(taxed, api, alice, a_product):
    mug, book = a_product(stock=9, price="4.50"), a_product(stock=9, price="20.00", tax_class="reduced")
    client = api(alice)
    for product, quantity in ((mug, 2), (book, 1)):
        client.put(f"/api/cart/lines/{product.pk}", {"quantity": quantity})
    items = {"lines": [{"product": mug.pk, "quantity": 2}, {"product": book.pk, "quantity": 1}]}

    quote, cart = client.post("/api/orders/quote", items).json(), client.get("/api/cart").json()
    order = client.post("/api/cart/checkout").json()

    figures = ("discount", "shipping", "tax", "prices_include_tax", "taxes", "total", "currency")
    of_line = ("product", "unit_price", "discount", "discount_share", "amount", "tax_rate", "tax")
    expected = {
        "discount": "0.00",
        "shipping": "4.90",
        "tax": "3.53",
        "prices_include_tax": True,
        "taxes": [
            {"rate": "7.000", "net": "18.69", "tax": "1.31", "gross": "20.00"},
            {"rate": "19.000", "net": "11.68", "tax": "2.22", "gross": "13.90"},
        ],
        "total": "33.90",
        "currency": "EUR",
    }
    for body in (quote, cart, order, client.get("/api/orders").json()["results"][0]):
        assert {name: body[name] for name in figures} == expected
        assert [{name: line[name] for name in of_line} for line in body["lines"]] == [
            {name: line[name] for name in of_line} for line in order["lines"]
        ]


def test_staff_set_prices_discounts_and_shipping(api, staff, bob, a_product):
    mug = a_product(stock=9, price="4.50")
    a_product(stock=9, sku="LAMP", price="30.00")
    body = {
        "customer": bob.pk,
        "lines": [
            {"product": mug.pk, "quantity": 3, "unit_price": "3.3333"},
            {"sku": "LAMP", "quantity": 1, "discount": "3.00"},
        ],
        "discount": "1.00",
        "shipping": "7.50",
    }

    answers = [api(staff).post(path, body) for path in ("/api/orders/quote", "/api/orders")]

    assert [answer.status_code for answer in answers] == [200, 201]
    for answer in answers:
        shown = answer.json()
        assert [(line["unit_price"], line["amount"]) for line in shown["lines"]] == [
            ("3.3333", "9.73"),
            ("30.00", "26.27"),
        ]
        assert (shown["discount"], shown["shipping"], shown["total"]) == ("1.00", "7.50", "43.50")


def test_an_order_of_one_line_can_have_a_price_of_its_own(api, staff, a_product):
    mug = a_product(stock=9, price="4.50")

    answer = api(staff).post("/api/orders", {"product": mug.pk, "quantity": 2, "unit_price": "4", "discount": "0.50"})

    [line] = answer.json()["lines"]
    assert (line["unit_price"], line["discount_share"], answer.json()["total"]) == ("4.00", "0.50", "7.50")


@pytest.mark.parametrize(
    "terms",
    [
        {"discount": "0.01"},
        {"shipping": "0.00"},
        {"unit_price": "0.01"},
        {"lines": [{"quantity": 1, "unit_price": "4.50"}]},
        {"lines": [{"quantity": 1, "discount": "0.00"}]},
    ],
)
@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/quote"])
def test_a_customer_never_sets_a_price(api, alice, staff, a_product, path, terms):
    mug = a_product(stock=9, price="4.50")
    staff.user_permissions.remove(Permission.objects.get(codename="set_prices"))
    body = {"product": mug.pk, "quantity": 1, **terms}
    if "lines" in terms:
        body = {"lines": [{"product": mug.pk, **line} for line in terms["lines"]]}

    for user in (alice, staff):
        answer = api(user).post(path, body)

        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert (Order.objects.count(), mug.refreshed().stock) == (0, 9)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"discount": "5.00"}, [("/discount", "discount_too_large")]),
        ({"discount": "0.001"}, [("/discount", "invalid_amount")]),
        ({"shipping": "0.001"}, [("/shipping", "invalid_amount")]),
        ({"discount": "-1"}, [("/discount", "invalid")]),
        ({"unit_price": "0.00001"}, [("/unit_price", "invalid")]),
        ({"unit_price": None}, [("/unit_price", "null")]),
        ({"lines": [{"discount": "5.00"}]}, [("/lines/0/discount", "discount_too_large")]),
        ({"lines": [{"discount": "0.001"}]}, [("/lines/0/discount", "invalid_amount")]),
        (
            {"lines": [{"unit_price": "1"}, {"unit_price": "2"}]},
            [(f"/lines/{n}/unit_price", "different_prices") for n in (0, 1)],
        ),
        ({"lines": [{}], "unit_price": "1"}, [("", "lines_or_one_line")]),
    ],
)
def test_terms_that_cannot_be_are_named(api, staff, a_product, body, expected):
    line = {"product": a_product(stock=9, price="4.50").pk, "quantity": 1}
    body = {**line, **body} if "lines" not in body else {**body, "lines": [{**line, **each} for each in body["lines"]]}

    answer = api(staff).post("/api/orders", body)

    assert (answer.status_code, errors(answer)) == (400, expected)
    assert Order.objects.count() == 0


def test_what_is_acceptable_can_be_sent_back_with_its_prices(api, staff, bob, a_product):
    mug, lamp = a_product(stock=1, price="4.50"), a_product(stock=0)
    body = {
        "customer": bob.pk,
        "lines": [
            {"product": mug.pk, "quantity": 2, "unit_price": "4.00", "discount": "5.00"},
            {"product": lamp.pk, "quantity": 1},
        ],
        "discount": "1.00",
        "shipping": "2.00",
    }

    refused = api(staff).post("/api/orders", body)
    accepted = api(staff).post("/api/orders", refused.json()["acceptable"])

    assert refused.status_code == 409
    assert refused.json()["acceptable"] == {
        "customer": bob.pk,
        "lines": [{"product": mug.pk, "quantity": 1, "unit_price": "4.00", "discount": "4.00"}],
        "discount": "0.00",
        "shipping": "2.00",
    }
    assert (accepted.status_code, accepted.json()["total"]) == (201, "2.00")


def test_what_is_acceptable_is_free_where_the_line_was(api, staff, a_product):
    mug = a_product(stock=1, price="4.50")

    refused = api(staff).post("/api/orders", {"product": mug.pk, "quantity": 2, "unit_price": "0.00"})
    accepted = api(staff).post("/api/orders", refused.json()["acceptable"])

    assert refused.json()["acceptable"] == {"lines": [{"product": mug.pk, "quantity": 1, "unit_price": "0.00"}]}
    assert (accepted.status_code, accepted.json()["total"]) == (201, "0.00")


def test_amounts_are_shown_with_their_decimals_however_they_were_sent(api, staff, a_product):
    body = {"product": a_product(stock=1, price="4.50").pk, "quantity": 1, "discount": "1", "shipping": 0}

    quote, order = (api(staff).post(path, body).json() for path in ("/api/orders/quote", "/api/orders"))

    for shown in (quote, order, api(staff).get(f"/api/orders/{order['id']}").json()):
        assert (shown["discount"], shown["shipping"], shown["total"]) == ("1.00", "0.00", "3.50")


@pytest.mark.parametrize("body", [{"lines": []}, {"quantity": 1, "discount": "9.00"}])
def test_a_quote_that_cannot_be_priced_says_whether_prices_include_tax(taxed, api, staff, a_product, body):
    taxed.PRICES_INCLUDE_TAX = False
    if "quantity" in body:
        body = {**body, "product": a_product(stock=1, price="4.50").pk}

    quote = api(staff).post("/api/orders/quote", body).json()

    assert (quote["acceptable"], quote["prices_include_tax"]) == (False, False)


# Changes of orders


@pytest.mark.parametrize(
    "change",
    [
        lambda order, staff: order.pay(by=staff),
        lambda order, staff: order.cancel(by=staff),
        lambda order, staff: Order.objects.filter(pk=order.pk).update(tracking_number="JJD 1"),
        lambda order, staff: Order.objects.bulk_update([with_carrier(order)], ["carrier"]),
        lambda order, staff: with_carrier(order).save(),
        lambda order, staff: with_carrier(order).save(update_fields=["carrier"]),
    ],
)
def test_every_way_of_changing_an_order_counts_as_a_change(api, staff, alice, a_product, change):
    mug = a_product(stock=9)
    old, order = (Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(2))
    since = timezone.now()
    before = api(staff).get("/api/orders", {"changed_since": since.isoformat()}).json()

    change(order, staff)

    after = api(staff).get("/api/orders", {"changed_since": since.isoformat()}).json()
    assert (before["results"], [each["id"] for each in after["results"]]) == ([], [str(order.pk)])
    assert after["results"][0]["updated_at"] > api(staff).get(f"/api/orders/{old.pk}").json()["updated_at"]
    assert {"complete_until"} <= after.keys()


def with_carrier(order):
    order.carrier = "Post"
    return order


# What a product has cost


@pytest.fixture
def mug(a_product):
    """A mug that is 100 days old and costs 4.50."""
    return aged(a_product(price="4.50"), 100)


def aged(product, days):
    rewrite(product, created_at=timezone.now() - days * DAY)
    return product.refreshed()


def repriced(mug, price, *, moment):
    """Change the price at a moment of the past."""
    mug.price = price
    mug.save()
    rewrite(mug.events.order_by("-id").first(), at=moment)


def history(api, user, mug, **query):
    answer = api(user).get(f"/api/products/{mug.pk}/prices", query)
    assert answer.status_code == 200
    return answer.json()


def test_the_prices_of_the_last_days_with_the_lowest(api, alice, mug):
    for price, days in [("3.00", 50), ("5.00", 20), ("4.00", 10)]:
        repriced(mug, price, moment=timezone.now() - days * DAY)

    body = history(api, alice, mug)

    assert (body["days"], body["currency"], body["lowest"]) == (30, "EUR", "3.00")
    assert [period["price"] for period in body["prices"]] == ["3.00", "5.00", "4.00"]
    assert [period["until"] for period in body["prices"]] == [*(each["start"] for each in body["prices"][1:]), None]


@pytest.mark.parametrize(("seconds", "lowest"), [(-60, "4.50"), (60, "3.00")])
def test_the_price_in_force_when_the_period_begins_counts(api, alice, mug, seconds, lowest):
    repriced(mug, "3.00", moment=timezone.now() - 40 * DAY)
    repriced(mug, "4.50", moment=timezone.now() - 30 * DAY + timedelta(seconds=seconds))

    assert history(api, alice, mug, days=30)["lowest"] == lowest


def test_a_price_that_changes_in_the_very_moment_is_no_longer_in_force(mug):
    moment = timezone.now() - 30 * DAY
    repriced(mug, "3.00", moment=moment)
    repriced(mug, "5.00", moment=timezone.now() - 5 * DAY)

    assert [str(period.price) for period in mug.price_history(moment)] == ["3.00", "5.00"]
    assert [str(period.price) for period in mug.price_history(moment - timedelta(microseconds=1))] == [
        "4.50",
        "3.00",
        "5.00",
    ]


def test_the_history_begins_after_a_change_that_kept_no_price(mug):
    repriced(mug, "3.00", moment=timezone.now() - 20 * DAY)
    repriced(mug, "5.00", moment=timezone.now() - 10 * DAY)
    since = mug.events.last().at
    rewrite(mug.events.last(), facts={"fields": ["price"]})  # as releases wrote it before

    [period] = mug.price_history(timezone.now() - 30 * DAY)

    assert (str(period.price), period.start, period.until) == ("5.00", since, None)


def test_a_change_since_the_product_was_loaded_is_in_the_history(mug):
    stale = mug.refreshed()
    mug.price = "3.00"
    mug.save()

    assert [str(period.price) for period in stale.price_history(mug.created_at)] == ["4.50", "3.00"]


def test_the_history_of_a_new_product_begins_with_it(api, alice, a_product):
    mug = a_product(price="4.50")

    body = history(api, alice, mug, days=365)

    assert [(each["price"], each["until"]) for each in body["prices"]] == [("4.50", None)]
    assert body["prices"][0]["start"] == api(alice).get(f"/api/products/{mug.pk}").json()["created_at"]


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: Product.objects.filter(pk=mug.pk).update(price="3.00"),
        lambda mug: Product.objects.bulk_update([cheaper(mug)], ["price"]),
        lambda mug: Product.objects.bulk_create(
            [cheaper(mug)], update_conflicts=True, unique_fields=["sku"], update_fields=["price"]
        ),
        lambda mug: cheaper(mug).save(),
        lambda mug: cheaper(mug).save(update_fields=["price"]),
    ],
)
def test_every_way_of_changing_a_price_is_in_the_history(mug, write):
    write(mug)

    assert [str(period.price) for period in mug.refreshed().price_history(mug.created_at)] == ["4.50", "3.00"]
    event = mug.events.last()
    assert (event.kind, event.facts["old"]["price"], event.facts["new"]["price"]) == ("product.changed", "4.50", "3.00")


def cheaper(mug):
    mug.price = Decimal("3.00")
    return mug


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: Product.objects.update(price="4.50"),
        lambda mug: Product.objects.update(category=None),
    ],
)
def test_what_changes_no_price_is_not_in_the_history(mug, write):
    write(mug)

    assert [event.kind for event in mug.events.all()] == ["product.created"]


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=x", "days=-1", "days=", "day=3"])
def test_a_period_that_cannot_be_is_an_error(api, alice, mug, query):
    answer = api(alice).get(f"/api/products/{mug.pk}/prices?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_period_is_as_long_as_changes_are_kept_at_most(settings, api, alice, mug):
    settings.EVENT_RETENTION = 30 * DAY

    answers = [api(alice).get(f"/api/products/{mug.pk}/prices", {"days": days}) for days in (30, 31)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert "30 days" in answers[1].json()["errors"][0]["detail"]


@pytest.mark.parametrize("pk", [2**31, 2**63 - 1, 2**63, 10**20])
def test_a_product_that_is_not_there_has_no_prices(api, alice, pk):
    assert api(alice).get(f"/api/products/{pk}/prices").status_code == 404


# The list price


def test_staff_show_a_price_beside_the_list_price(api, staff, a_product):
    mug = a_product(price="4.50")
    etag = api(staff).get(f"/api/products/{mug.pk}")["ETag"]

    body = {"list_price": "6.00", "price": "4.00"}
    answer = api(staff).patch(f"/api/products/{mug.pk}", body, headers={"If-Match": etag})

    assert (answer.status_code, answer.json()["list_price"], answer.json()["price"]) == (200, "6.00", "4.00")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"list_price": "4.49"}, [("/list_price", "list_price_too_low")]),
        ({"list_price": "6.001"}, [("/list_price", "too_many_decimals")]),
        ({"price": "4.505"}, [("/price", "too_many_decimals")]),
        ({"tax_class": "luxury"}, [("/tax_class", "unknown_tax_class")]),
    ],
)
def test_prices_that_cannot_be_are_named(taxed, api, staff, a_product, body, expected):
    mug = a_product(price="4.50")
    etag = api(staff).get(f"/api/products/{mug.pk}")["ETag"]

    answer = api(staff).patch(f"/api/products/{mug.pk}", body, headers={"If-Match": etag})

    assert (answer.status_code, errors(answer)) == (400, expected)
