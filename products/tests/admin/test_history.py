import pytest

from products.models import Event, Order, StockMovement

MOVEMENTS, EVENTS = "/admin/products/stockmovement/", "/admin/products/event/"


@pytest.fixture
def a_sale(alice, staff, a_product):
    """Receive a product as staff and sell some of it to alice."""
    mug = a_product(sku="MUG", name="Mug")
    mug.receive(5, by=staff, note="Delivery 17")
    return Order.objects.create(customer=alice, items=[(mug, 2)])


def rows(answer):
    return list(answer.context["cl"].result_list)


def test_the_ledger_shows_product_delta_note_and_order(staff, client_of, a_sale):
    html = client_of(staff).get(MOVEMENTS).content.decode()

    assert all(f">{shown}</td>" in html for shown in ["MUG", "5", "-2", "Delivery 17", a_sale.pk])
    assert [movement.delta for movement in rows(client_of(staff).get(MOVEMENTS))] == [-2, 5]


def test_the_ledger_is_searched_by_product_and_filtered_by_reason(staff, client_of, a_sale):
    browser = client_of(staff)

    assert [m.delta for m in rows(browser.get(MOVEMENTS, {"q": "mug"}))] == [-2, 5]
    assert [m.delta for m in rows(browser.get(MOVEMENTS, {"reason__exact": "SOLD"}))] == [-2]
    assert rows(browser.get(MOVEMENTS, {"q": "lamp"})) == []


def test_events_are_filtered_and_searched_by_order_or_product(staff, client_of, a_sale):
    browser = client_of(staff)

    assert [e.kind for e in rows(browser.get(EVENTS))] == ["order.placed", "product.stock_moved", "product.created"]
    assert [e.kind for e in rows(browser.get(EVENTS, {"about": "order"}))] == ["order.placed"]
    assert [e.kind for e in rows(browser.get(EVENTS, {"about": "product"}))] == [
        "product.stock_moved",
        "product.created",
    ]
    assert [e.kind for e in rows(browser.get(EVENTS, {"q": str(a_sale.pk)}))] == ["order.placed"]
    assert [e.kind for e in rows(browser.get(EVENTS, {"q": "product.created"}))] == ["product.created"]


@pytest.mark.parametrize(("address", "model"), [(MOVEMENTS, StockMovement), (EVENTS, Event)])
def test_history_is_read_only(staff, client_of, a_sale, address, model):
    staff.is_superuser = True
    staff.save()
    browser, before = client_of(staff), list(model.objects.order_by("pk").values())
    one = f"{address}{before[0]['id']}/"

    answers = [
        browser.get(f"{one}change/"),
        browser.get(f"{address}add/"),
        browser.post(f"{address}add/", {"delta": 1}),
        browser.post(f"{one}change/", {"delta": 1, "kind": "x"}),
        browser.post(f"{one}delete/", {"post": "yes"}),
        browser.post(address, {"action": "delete_selected", "_selected_action": [before[0]["id"]], "post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 403, 403, 403, 403, 200]
    assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("address", [MOVEMENTS, EVENTS])
def test_history_needs_its_view_permission(client_of, staff_with, address):
    assert client_of(staff_with("view_product")).get(address).status_code == 403
