"""The history of an order over HTTP."""

from uuid import UUID

import pytest

from products.api.schemas.orders import FACTS_OF_PARTS, EventResponse
from products.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def a_delivered_order(alice, staff, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    order.pay(reference="INV-7", by=staff)
    order.ship(by=staff)
    order.deliver()
    return order


def history(client, order, **query):
    return client.get(f"/api/orders/{order.pk}/events", query)


def test_the_history_lists_every_event_oldest_first(api, staff, alice, a_delivered_order):
    answer = history(api(staff), a_delivered_order)

    assert answer.status_code == 200
    events = list(a_delivered_order.events.order_by("id"))
    body = answer.json()
    moments = [each.pop("at") for each in body["results"]]
    assert moments == sorted(moments)
    assert all(moment.endswith("Z") for moment in moments)
    steps = [
        ("order.placed", alice.pk, None, "PLACED"),
        ("order.paid", staff.pk, "PLACED", "PAID"),
        ("order.shipped", staff.pk, "PAID", "SHIPPED"),
        ("order.delivered", None, "SHIPPED", "DELIVERED"),
    ]
    [line] = a_delivered_order.lines.all()
    parts = [{"line": str(line.pk), "product": line.product_id, "quantity": 1}]
    more = {"order.shipped": {"lines": parts, "shipment": 1}}
    results = [
        {"id": event.pk, "kind": kind, "by": by, "facts": {"from": before, "to": to} | more.get(kind, {})}
        for event, (kind, by, before, to) in zip(events, steps, strict=True)
    ]
    assert body == {"next": None, "previous": None, "next_cursor": None, "results": results}


def test_the_schema_has_exactly_the_fields_of_the_response(api, alice, a_delivered_order):
    [event] = history(api(alice), a_delivered_order, limit=1).json()["results"]

    assert list(event) == list(EventResponse().fields)
    facts = EventResponse().fields["facts"].fields
    assert list(event["facts"]) == [name for name, field in facts.items() if field.required]
    assert {name for name, field in facts.items() if not field.required} == {*FACTS_OF_PARTS}


def test_a_customer_does_not_see_which_member_of_staff_caused_an_event(api, alice, a_delivered_order):
    answer = history(api(alice), a_delivered_order)

    assert [each["by"] for each in answer.json()["results"]] == [alice.pk, None, None, None]


def test_staff_without_the_permission_to_view_orders_see_the_same_as_a_customer(api, staff, bob, a_product):
    bob.is_staff = True
    bob.save()
    order = Order.objects.create(customer=bob, items=[(a_product(stock=1), 1)])
    order.cancel(by=staff)

    assert [each["by"] for each in history(api(bob), order).json()["results"]] == [bob.pk, None]


def test_the_history_has_pages(api, alice, a_delivered_order):
    client = api(alice)
    first = history(client, a_delivered_order, limit=3, count="true").json()
    second = client.get(first["next"]).json()

    assert first["count"] == 4
    assert [each["kind"] for each in first["results"]] == ["order.placed", "order.paid", "order.shipped"]
    assert [each["kind"] for each in second["results"]] == ["order.delivered"]
    assert client.get(second["previous"]).json()["results"] == first["results"]


def test_the_history_of_one_order_has_nothing_of_another(api, alice, a_delivered_order, a_product):
    other = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert [each["kind"] for each in history(api(alice), other).json()["results"]] == ["order.placed"]


def test_the_history_of_another_customers_order_is_not_found(api, bob, alice, a_delivered_order):
    cart = Order.objects.cart_of(alice)

    assert history(api(bob), a_delivered_order).status_code == 404
    assert history(api(alice), cart).status_code == 404
    assert history(api(alice), Order(pk=UUID(int=7))).status_code == 404
    assert history(api(), a_delivered_order).status_code == 401


@pytest.mark.parametrize("query", [{"kind": "order.paid"}, {"limit": 0}, {"cursor": "x"}])
def test_parameters_that_are_not_known_or_wrong_are_refused(api, alice, a_delivered_order, query):
    assert history(api(alice), a_delivered_order, **query).status_code == 400


def test_a_history_that_has_not_changed_is_not_sent_again(api, alice, a_delivered_order):
    client = api(alice)
    seen = history(client, a_delivered_order)["ETag"]

    path = f"/api/orders/{a_delivered_order.pk}/events"
    assert client.get(path, HTTP_IF_NONE_MATCH=seen).status_code == 304
    a_delivered_order.return_goods()
    assert client.get(path, HTTP_IF_NONE_MATCH=seen).status_code == 200


def test_a_history_costs_the_same_however_long_it_is(
    api, alice, a_product, a_delivered_order, django_assert_num_queries
):
    short, client = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)]), api(alice)
    history(client, short)

    for order, length in ((short, 1), (a_delivered_order, 4)):
        with django_assert_num_queries(3):  # the token, the order, its events
            assert len(history(client, order).json()["results"]) == length
