"""The pages of a product's past: its ledger, what made the stock of a moment, and its one history."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from products.admin import product_history, product_ledger
from products.models import Category, Event, Order


def page(product, name, **query):
    return f"/admin/products/product/{product.pk}/{name}/", query


def balances(answer):
    return [(row.movement.delta, row.balance) for row in answer.context["rows"]]


@pytest.fixture
def mug(alice, staff, a_product):
    mug = a_product(sku="MUG", name="Mug", price="4.50")
    mug.receive(20, by=staff, note="Delivery 17")
    Order.objects.create(customer=alice, items=[(mug, 3)])
    mug.correct(-2, by=staff, note="broken")
    return mug


def test_the_ledger_shows_the_stock_after_each_movement(staff, client_of, mug):
    answer = client_of(staff).get(*page(mug, "ledger"))

    assert balances(answer) == [(-2, 15), (-3, 17), (20, 20)]
    html = answer.content.decode()
    assert all(shown in html for shown in ["Delivery 17", "broken", "staff", "In stock now: <strong>15</strong>"])
    assert f"/admin/products/order/{Order.objects.get().pk}/change/" in html
    assert "<svg" in html


def test_the_ledger_is_read_in_pages_with_the_right_stock_on_each(staff, client_of, mug, monkeypatch):
    monkeypatch.setattr(product_ledger, "PAGE", 2)
    browser = client_of(staff)

    first = browser.get(*page(mug, "ledger"))
    second = browser.get(*page(mug, "ledger", before=first.context["older"]))

    assert (balances(first), balances(second)) == ([(-2, 15), (-3, 17)], [(20, 20)])
    assert second.context["older"] is None


def test_a_number_is_explained_as_the_api_says_it(staff, client_of, api, mug):
    sale = mug.movements.get(reason="SOLD")
    local = timezone.localtime(sale.at).strftime("%Y-%m-%dT%H:%M:%S.%f")

    answer = client_of(staff).get(*page(mug, "ledger", at=local))

    at = sale.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert answer.context["stock"] == api(staff).get(f"/api/products/{mug.pk}/stock?at={at}").json()["stock"] == 17
    assert answer.context["sums"] == [("received", 1, 20), ("sold", 1, -3)]
    assert balances(answer) == [(-3, 17), (20, 20)]
    assert f"?at={local}" in client_of(staff).get(*page(mug, "ledger")).content.decode()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"at": "yesterday"}, "Write a date and a time, such as 2026-01-31T12:00."),
        ({"before": "x"}, "Enter a whole number."),
        ({"before": 2**63}, "Ensure this value is less than or equal to 999999999999999999."),
    ],
)
def test_a_ledger_from_nowhere_says_so_and_shows_the_newest(staff, client_of, mug, query, sentence):
    answer = client_of(staff).get(*page(mug, "ledger", **query))

    assert sentence in answer.content.decode()
    assert len(balances(answer)) == 3


def test_before_its_first_movement_a_ledger_is_empty(staff, client_of, mug):
    answer = client_of(staff).get(*page(mug, "ledger", before=mug.movements.earliest("pk").pk))

    assert (answer.status_code, balances(answer), answer.context["older"]) == (200, [], None)


def test_the_chart_has_a_step_for_each_day_on_which_the_stock_moved(mug):
    now = timezone.now()

    points = product_ledger.stock_by_day(mug.refreshed(), now)
    later = product_ledger.stock_by_day(mug.refreshed(), now + timedelta(days=200))

    assert [stock for _, stock in points] == [0, 15, 15]
    assert [stock for _, stock in later] == [15, 15]
    assert points[-1][0] - points[0][0] == timedelta(days=product_ledger.CHART_DAYS)


def told(answer):
    return [(entry.what, str(entry.by or ""), entry.note, [*entry.changes]) for entry in answer.context["entries"]]


def test_the_history_tells_who_did_what_from_events_ledger_and_log(staff, client_of, alice, mug):
    cups = Category.objects.create(slug="cups", name="Cups")
    mug.name, mug.category = "Cup", cups
    mug.save(by=staff)
    mug.retire(by=alice)
    LogEntry.objects.create(user=alice, content_type_id=_kind(), object_id=mug.pk, action_flag=2, change_message="Old.")

    answer = client_of(staff).get(*page(mug, "history"))

    change = product_history.Change
    changes = [change("category", "nothing", "Cups"), change("name", "Mug", "Cup")]
    assert told(answer)[-6:] == [
        ("Retired", "alice", "", []),
        ("Changed", "staff", "", changes),
        ("Stock -2, corrected", "staff", "broken", []),
        ("Stock -3, sold", "", "", []),
        ("Stock +20, received", "staff", "Delivery 17", []),
        ("Created", "", "Price: 4.50", []),
    ]
    assert "Category: nothing → Cups" in answer.content.decode()
    assert f"/admin/products/order/{Order.objects.get().pk}/change/" in answer.content.decode()


def test_a_change_of_which_no_values_were_kept_is_told_all_the_same(staff, client_of, mug):
    Event.objects.create(kind="product.changed", product=mug, by=staff, facts={"fields": ["price"]})

    answer = client_of(staff).get(*page(mug, "history"))

    assert told(answer)[0] == ("Changed", "staff", "", [product_history.Change("price", "not kept", "not kept")])


def _kind():
    return product_history.ContentType.objects.get_for_model(product_history.Product).pk


def test_the_log_tells_what_nothing_else_tells(staff, client_of, alice, mug):
    browser = client_of(staff)
    browser.post(f"/admin/products/product/{mug.pk}/receive/", {"quantity": 5, "key": "k"})
    old = LogEntry.objects.create(
        user=staff,
        content_type_id=_kind(),
        object_id=mug.pk,
        action_flag=2,
        change_message="Changed long ago.",
        action_time=timezone.now() - timedelta(days=900),
    )

    answer = browser.get(*page(mug, "history"))

    assert LogEntry.objects.count() == 2
    assert (told(answer)[0][0], told(answer)[-1][0]) == ("Stock +5, received", old.change_message)
    assert len(told(answer)) == 6


def test_the_history_is_read_in_pages_and_nothing_is_skipped_or_told_twice(staff, client_of, mug, monkeypatch):
    browser = client_of(staff)
    for quantity in range(1, 6):
        browser.post(f"/admin/products/product/{mug.pk}/receive/", {"quantity": quantity, "key": quantity})
    whole = told(browser.get(*page(mug, "history")))

    monkeypatch.setattr(product_history, "PAGE", 2)
    pages, before = [], ""
    for _ in range(9):
        answer = browser.get(*page(mug, "history", before=before))
        pages += told(answer)
        if (before := answer.context["older"]) is None:
            break

    assert pages == whole
    assert len(whole) == 9


def test_a_history_from_nowhere_says_so(staff, client_of, mug):
    answer = client_of(staff).get(*page(mug, "history", before="1.2"))

    assert "The beginning of the page is not the one of a history." in answer.content.decode()
    assert len(told(answer)) == 4


def test_what_two_people_did_at_the_same_time_is_told_of_both(staff, client_of, bob, mug):
    mug.receive(1, by=staff)
    LogEntry.objects.create(user=bob, content_type_id=_kind(), object_id=mug.pk, action_flag=2, change_message="Mine.")

    told_by_log, received, *_ = told(client_of(staff).get(*page(mug, "history")))

    assert (told_by_log[:2], received[:2]) == (("Mine.", "bob"), ("Stock +1, received", "staff"))


@pytest.mark.parametrize("name", ["ledger", "history"])
def test_markup_is_escaped(staff, client_of, a_product, name):
    evil = "<script>alert(1)</script>"
    mug = a_product(name=evil)
    mug.receive(1, note=evil)
    mug.name = f"{evil}!"
    mug.save()

    assert evil not in client_of(staff).get(*page(mug, name)).content.decode()


def test_the_ledger_needs_its_permission_and_the_history_shows_as_much_as_one_may_see(client_of, staff_with, mug):
    browser = client_of(staff_with("view_product"))

    answer = browser.get(*page(mug, "history"))

    assert browser.get(*page(mug, "ledger")).status_code == 403
    assert [what for what, *_ in told(answer)] == ["Created"]
    assert "ledger" not in browser.get(*page(mug, "change")).content.decode()


def test_whoever_may_not_see_orders_gets_no_link_to_one(client_of, staff_with, mug):
    browser = client_of(staff_with("view_product", "view_stockmovement"))

    for name in ("ledger", "history"):
        assert "/admin/products/order/" not in browser.get(*page(mug, name)).content.decode()
    assert f"/product/{mug.pk}/ledger/" in browser.get(*page(mug, "change")).content.decode()


@pytest.mark.parametrize("name", ["ledger", "history"])
def test_a_product_that_is_not_there_has_no_past(staff, client_of, name):
    assert client_of(staff).get(f"/admin/products/product/99999999999999999999/{name}/").status_code == 404


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize(
    ("name", "query", "queries"), [("ledger", {}, 8), ("ledger", {"at": "2099-01-01T00:00"}, 7), ("history", {}, 8)]
)
def test_a_page_takes_the_same_queries_for_one_row_and_for_twenty(
    staff, client_of, alice, a_product, django_assert_num_queries, rows, name, query, queries
):
    mug = a_product(stock=100)
    for _ in range(rows):
        Order.objects.create(customer=alice, items=[(mug, 1)])
        mug.receive(1, by=staff)
    browser = client_of(staff)
    browser.get(*page(mug, name))

    with django_assert_num_queries(queries):
        browser.get(*page(mug, name, **query))
