"""Staff add, change and retire products over HTTP."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from products.models import Event, Product
from products.tests.side_by_side import side_by_side

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api, staff):
    return api(staff)


def test_staff_add_a_product(client, staff, a_category):
    answer = client.post(
        "/api/products", {"sku": "MUG", "name": "Mug", "price": "4.50", "category": a_category.slug, "description": ""}
    )

    assert answer.status_code == 201
    mug = Product.objects.get()
    assert answer["Location"] == f"http://testserver/api/products/{mug.pk}"
    assert answer["ETag"] == client.get(f"/api/products/{mug.pk}")["ETag"]
    assert (mug.sku, mug.name, mug.price, mug.stock, mug.category) == ("MUG", "Mug", Decimal("4.50"), 0, a_category)
    assert [(event.kind, event.by) for event in mug.events.all()] == [("product.created", staff)]


@pytest.mark.parametrize("price", ["4.5", 4, "0", "99999999.99", 4.5])
def test_a_price_is_a_decimal_string_or_number(client, price):
    answer = client.post("/api/products", {"sku": "MUG", "name": "Mug", "price": price}, format="json")

    assert answer.status_code == 201
    assert Decimal(answer.json()["price"]) == Decimal(str(price))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"price": "NaN"}, "/price"),
        ({"price": "sNaN"}, "/price"),
        ({"price": "Infinity"}, "/price"),
        ({"price": "1e2"}, "/price"),
        ({"price": "-1"}, "/price"),
        ({"price": "1.001"}, "/price"),
        ({"price": 1.001}, "/price"),
        ({"price": "100000000"}, "/price"),
        ({"price": "１"}, "/price"),
        ({"price": True}, "/price"),
        ({"price": None}, "/price"),
        ({"price": ""}, "/price"),
        ({"sku": ""}, "/sku"),
        ({"sku": "two\nlines"}, "/sku"),
        ({"sku": "MUG\u200b"}, "/sku"),
        ({"sku": "x" * 65}, "/sku"),
        ({"sku": 7}, "/sku"),
        ({"sku": "MUG\n"}, "/sku"),
        ({"name": " "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\x07b"}, "/name"),
        ({"description": "x" * 10_001}, "/description"),
        ({"category": "no-such"}, "/category"),
        ({"stock": 5}, "/stock"),
        ({"id": 5}, "/id"),
        ({"retired": True}, "/retired"),
    ],
)
def test_a_product_that_is_wrong_is_refused_with_the_place(client, change, pointer):
    body = {"sku": "MUG", "name": "Mug", "price": "4.50"} | change

    answer = client.post("/api/products", body, format="json")

    if change == {"sku": "MUG\n"}:  # white space around a text is not part of it
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert Product.objects.count() == 0


def test_a_sku_that_is_taken_is_a_409_that_names_the_product(client, a_product):
    mug = a_product(sku="MUG")

    answer = client.post("/api/products", {"sku": "MUG", "name": "Another", "price": "1"})

    assert answer.status_code == 409
    [error] = answer.json()["errors"]
    assert (answer.json()["code"], error["product"], error["sku"]) == ("sku_taken", mug.pk, "MUG")


def test_staff_change_a_product_with_its_current_etag(client, staff, a_product):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=3)
    path = f"/api/products/{mug.pk}"

    answer = client.patch(path, {"price": "5"}, HTTP_IF_MATCH=client.get(path)["ETag"])

    assert answer.status_code == 200
    assert (answer.json()["price"], answer.json()["name"], answer.json()["stock"]) == ("5.00", "Mug", 3)
    assert answer["ETag"] == client.get(path)["ETag"]
    changed = Event.objects.get(kind="product.changed")
    assert (changed.by, changed.facts) == (
        staff,
        {"fields": ["price"], "old": {"price": "4.50"}, "new": {"price": "5.00"}},
    )


def test_a_change_requires_if_match(client, a_product):
    mug = a_product(price="4.50")

    answer = client.patch(f"/api/products/{mug.pk}", {"price": "5"})

    assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")
    assert mug.refreshed().price == Decimal("4.50")


def test_a_change_with_an_outdated_etag_is_stale(client, a_product):
    mug = a_product(price="4.50")
    path = f"/api/products/{mug.pk}"
    seen = client.get(path)["ETag"]
    client.patch(path, {"price": "5"}, HTTP_IF_MATCH=seen)

    answer = client.patch(path, {"price": "6"}, HTTP_IF_MATCH=seen)

    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert mug.refreshed().price == Decimal("5.00")


def test_a_sale_in_between_does_not_make_a_change_stale(client, a_product):
    mug = a_product(price="4.50", stock=3)
    path = f"/api/products/{mug.pk}"
    seen = client.get(path)["ETag"]
    mug.correct(-1)

    answer = client.patch(path, {"price": "5"}, HTTP_IF_MATCH=seen)

    assert answer.status_code == 200
    assert answer.json()["stock"] == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_is_stale(api, staff, a_product):
    mug = a_product(price="4.50")
    path, clients = f"/api/products/{mug.pk}", [api(staff) for _ in range(8)]
    seen = clients[0].get(path)["ETag"]

    answers = side_by_side(
        *(
            lambda client=client, price=price: client.patch(path, {"price": str(price)}, HTTP_IF_MATCH=seen)
            for price, client in enumerate(clients, start=10)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


@pytest.mark.parametrize("retired", ["true", 1, "yes", None])
def test_whether_it_is_retired_is_true_or_false_and_nothing_like_it(client, a_product, retired):
    mug = a_product()
    etag = client.get(f"/api/products/{mug.pk}")["ETag"]

    answer = client.patch(f"/api/products/{mug.pk}", {"retired": retired}, format="json", headers={"If-Match": etag})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/retired"]
    assert mug.refreshed().retired_at is None


def test_everything_that_is_wrong_with_a_change_is_named_at_once(client, a_product):
    change = {"name": 7, "price": "cheap", "category": "nowhere", "retired": "true", "colour": "red"}

    answer = client.patch(f"/api/products/{a_product().pk}", change, format="json", HTTP_IF_MATCH="*")

    named = {error["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert named == {
        "/name": "invalid",
        "/price": "invalid",
        "/category": "unknown_category",
        "/retired": "invalid",
        "/colour": "unknown",
    }


def test_a_product_is_retired_and_brought_back(client, a_product):
    mug = a_product(stock=3)
    path = f"/api/products/{mug.pk}"

    assert client.delete(path).status_code == 204
    assert client.get("/api/products").json()["results"] == []
    assert (mug.refreshed().retired_at is None, mug.refreshed().stock) == (False, 3)

    back = client.patch(path, {"retired": False}, HTTP_IF_MATCH=client.get(path)["ETag"])
    assert (back.status_code, back.json()["retired_at"]) == (200, None)


def test_only_staff_with_the_permission_create_and_change_products(api, alice, staff, a_product):
    mug = a_product(price="4.50")
    staff.user_permissions.set(Permission.objects.filter(codename="view_product"))
    path, body = f"/api/products/{mug.pk}", {"sku": "X", "name": "X", "price": "1"}

    for who, status in ((None, 401), (alice, 403), (staff, 403)):
        client = api(who)
        answers = [
            client.post("/api/products", body),
            client.patch(path, {"price": "1"}, HTTP_IF_MATCH="*"),
            client.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [status] * 3

    assert Product.objects.get().price == Decimal("4.50")


def test_a_product_that_is_not_there_cannot_be_changed(client):
    assert client.patch("/api/products/7", {"price": "1"}, HTTP_IF_MATCH="*").status_code == 404
    assert client.delete("/api/products/7").status_code == 404
