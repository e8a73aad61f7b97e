"""Stock over HTTP."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone

from products.api.schemas.stock import MovementResponse, StockResponse
from products.models import Order, Product, StockMovement
from products.tests.side_by_side import side_by_side

pytestmark = pytest.mark.django_db

STATEMENTS = {"postgresql": 9, "sqlite": 10}[connection.vendor]
"""Of a bulk request: token, two for the permissions, products, keys, stock and events (together on PostgreSQL), ledger,
and the savepoint around them."""


@pytest.fixture
def client(api, staff):
    return api(staff)


def path_of(product: Product) -> str:
    return f"/api/products/{product.pk}/stock"


def keyed(key: str) -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": key}


def deltas(product: Product) -> list[int]:
    return list(product.movements.order_by("pk").values_list("delta", flat=True))


def test_staff_receive_goods(client, staff, a_product):
    mug = a_product(sku="MUG", stock=3)

    answer = client.post(path_of(mug), {"delta": 200, "reason": "RECEIVED", "note": "Pallet 7"})

    assert answer.status_code == 201
    body = answer.json()
    movement = mug.movements.latest("pk")
    assert body["movement"].pop("at").endswith("Z")
    assert body == {
        "product": mug.pk,
        "sku": "MUG",
        "stock": 203,
        "movement": {
            "id": movement.pk,
            "delta": 200,
            "reason": "RECEIVED",
            "order": None,
            "by": staff.pk,
            "note": "Pallet 7",
        },
    }
    assert mug.refreshed().stock == 203


def test_the_schema_has_exactly_the_fields_of_the_response(client, a_product):
    body = client.post(path_of(a_product()), {"delta": 1}).json()

    assert (list(body), list(body["movement"])) == (list(StockResponse().fields), list(MovementResponse().fields))


@pytest.mark.parametrize(
    ("change", "stock", "delta", "reason"),
    [
        ({"delta": -2}, 3, -2, "CORRECTED"),
        ({"delta": "-2"}, 3, -2, "CORRECTED"),
        ({"delta": 2, "reason": "CORRECTED"}, 7, 2, "CORRECTED"),
        ({"set": 41}, 41, 36, "COUNTED"),
        ({"set": 0}, 0, -5, "COUNTED"),
        ({"set": 4, "expected": 5}, 4, -1, "COUNTED"),
    ],
)
def test_staff_correct_and_count(client, a_product, change, stock, delta, reason):
    mug = a_product(stock=5)

    answer = client.post(path_of(mug), change)

    assert answer.status_code == 201
    assert (answer.json()["stock"], answer.json()["movement"]["delta"]) == (stock, delta)
    assert answer.json()["movement"]["reason"] == reason
    assert mug.refreshed().stock == stock


def test_a_count_that_agrees_moves_nothing(client, a_product):
    mug = a_product(stock=5)

    answer = client.post(path_of(mug), {"set": 5})

    assert (answer.status_code, answer.json()["stock"], answer.json()["movement"]) == (200, 5, None)
    assert deltas(mug) == [5]


def test_a_count_of_a_stock_that_has_moved_gets_the_present_stock(client, a_product):
    mug = a_product(stock=5)

    answer = client.post(path_of(mug), {"set": 4, "expected": 6})

    assert answer.status_code == 412
    [error] = answer.json()["errors"]
    assert (error["code"], error["expected"], error["stock"]) == ("stock_has_moved", 6, 5)
    assert deltas(mug) == [5]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"delta": -6}, 409, "insufficient_stock"),
        ({"delta": 0}, 400, "nothing_moves"),
        ({"delta": -1, "reason": "RECEIVED"}, 400, "quantity_out_of_range"),
        ({"delta": 10**10}, 400, "quantity_out_of_range"),
        ({"set": 10**10}, 400, "quantity_out_of_range"),
        ({"set": -1}, 400, "quantity_out_of_range"),
        ({}, 400, "delta_or_set"),
        ({"delta": 1, "set": 1}, 400, "delta_or_set"),
        ({"set": 1, "reason": "CORRECTED"}, 400, "not_for_a_count"),
        ({"delta": 1, "expected": 5}, 400, "not_for_a_delta"),
        ({"delta": 1, "reason": "SOLD"}, 400, "invalid_choice"),
        ({"delta": 1.5}, 400, "invalid"),
        ({"delta": "--1"}, 400, "invalid"),
        ({"delta": 1, "note": "x" * 201}, 400, "max_length"),
        ({"delta": 1, "stock": 9}, 400, "unknown"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_moves_nothing(client, a_product, change, status, code):
    mug = a_product(stock=5)

    answer = client.post(path_of(mug), change, format="json")

    assert answer.status_code == status
    assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert deltas(mug) == [5]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"note": 7}, [("/note", "invalid"), ("", "delta_or_set")]),
        ({"delta": "x", "expected": "y"}, [("/delta", "invalid"), ("/expected", "not_for_a_delta")]),
        ({"set": "", "reason": "CORRECTED"}, [("/set", "invalid"), ("/reason", "not_for_a_count")]),
        ({"colour": 1}, [("/colour", "unknown"), ("", "delta_or_set")]),
    ],
)
def test_everything_that_is_wrong_with_a_change_is_named_at_once(client, a_product, change, expected):
    answer = client.post(path_of(a_product()), change, format="json")

    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == expected


def test_a_retried_change_is_made_once(client, a_product):
    mug = a_product()

    first = client.post(path_of(mug), {"delta": 5, "reason": "RECEIVED"}, **keyed("pallet-7"))
    mug.correct(-1)
    retry = client.post(path_of(mug), {"delta": 5, "reason": "RECEIVED"}, **keyed("pallet-7"))

    assert (first.status_code, retry.status_code) == (201, 201)
    assert retry.json() == first.json()
    assert (retry["Idempotency-Replayed"], "Idempotency-Replayed" in first) == ("true", False)
    assert deltas(mug) == [5, -1]


def test_a_retried_count_is_made_once(client, a_product):
    mug = a_product(stock=3)

    first = client.post(path_of(mug), {"set": 5}, **keyed("count-7"))
    mug.correct(-1)
    retry = client.post(path_of(mug), {"set": 5}, **keyed("count-7"))

    assert retry.json() == first.json()
    assert deltas(mug) == [3, 2, -1]


@pytest.mark.parametrize(
    "other", [{"delta": 6}, {"delta": 5, "note": "x"}, {"set": 5}, {"delta": 5, "reason": "RECEIVED"}]
)
def test_the_same_key_for_another_change_is_refused(client, a_product, other):
    mug = a_product(stock=1)
    client.post(path_of(mug), {"delta": 5}, **keyed("pallet-7"))

    answer = client.post(path_of(mug), other, **keyed("pallet-7"))

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert deltas(mug) == [1, 5]


@pytest.mark.django_db(transaction=True)
def test_a_change_sent_eight_times_at_once_is_made_once(api, staff, a_product):
    mug = a_product()
    clients = [api(staff) for _ in range(8)]

    answers = side_by_side(
        *(lambda each=each: each.post(path_of(mug), {"delta": 5}, **keyed("pallet-7")) for each in clients)
    )

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["movement"]["id"] for answer in answers}) == 1
    assert deltas(mug) == [5]


@pytest.mark.django_db(transaction=True)
def test_one_key_for_two_products_at_once_moves_one_of_them(api, staff, a_product):
    products = [a_product() for _ in range(8)]
    clients = [api(staff) for _ in products]

    answers = side_by_side(
        *(
            lambda each=each, product=product: each.post(path_of(product), {"delta": 5}, **keyed("pallet-7"))
            for each, product in zip(clients, products, strict=True)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    assert StockMovement.objects.count() == 1


# Many at once


def test_each_row_of_a_bulk_request_has_its_own_result(client, a_product):
    mug, lamp = a_product(sku="MUG", stock=5), a_product(sku="LAMP", stock=1)

    answer = client.post(
        "/api/stock",
        {
            "rows": [
                {"product": mug.pk, "delta": 2, "reason": "RECEIVED"},
                {"sku": "LAMP", "delta": -2},
                {"sku": "NO-SUCH", "delta": 1},
                {"sku": "LAMP", "set": 1},
                {"sku": "LAMP", "set": 3, "expected": 9},
            ]
        },
    )

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 409, 404, 200, 412]
    assert results[0]["result"]["stock"] == 7
    assert [results[index]["problem"]["code"] for index in (1, 2, 4)] == [
        "insufficient_stock",
        "not_found",
        "stock_has_moved",
    ]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (7, 1)


def test_an_invalid_row_does_not_affect_the_others(client, a_product):
    mug, lamp = a_product(sku="MUG", stock=5), a_product(sku="LAMP", stock=1)
    rows = [
        {"sku": "MUG", "set": ""},  # a blank cell of a table
        {"sku": "MUG", "delta": 1, "note": "x" * 201},
        {"sku": "MUG"},
        {"delta": 1.5, "colour": "red"},
        5,
        None,
        {"sku": "LAMP", "set": 4},
    ]

    answer = client.post("/api/stock", {"rows": rows}, format="json")

    assert answer.status_code == 200
    *invalid, last = answer.json()["results"]
    assert [
        (result["status"], [(error["pointer"], error["code"]) for error in result["problem"]["errors"]])
        for result in invalid
    ] == [
        (400, [("/set", "invalid")]),
        (400, [("/note", "max_length")]),
        (400, [("", "delta_or_set")]),
        (400, [("/delta", "invalid"), ("/colour", "unknown"), ("", "product_or_sku")]),
        (400, [("", "invalid")]),
        (400, [("", "null")]),
    ]
    assert (last["status"], last["result"]["stock"]) == (201, 4)
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (5, 4)


def test_an_invalid_row_keeps_the_keys_of_the_others_in_place(client, a_product):
    mug = a_product(sku="MUG")
    invalid, valid = {"sku": "MUG", "set": ""}, {"sku": "MUG", "delta": 2}
    client.post("/api/stock", {"rows": [invalid, valid]}, format="json", **keyed("monday"))

    mended = client.post("/api/stock", {"rows": [valid, valid]}, format="json", **keyed("monday"))

    assert [result["status"] for result in mended.json()["results"]] == [201, 201]
    assert deltas(mug) == [2, 2]


def test_a_retry_of_many_makes_none_of_them_twice(client, a_product):
    mug, lamp = a_product(stock=5), a_product(stock=0)
    rows = {"rows": [{"product": mug.pk, "delta": 2}, {"product": lamp.pk, "delta": -1}]}
    client.post("/api/stock", rows, **keyed("monday"))
    lamp.receive(1)

    retry = client.post("/api/stock", rows, **keyed("monday"))

    assert [result["status"] for result in retry.json()["results"]] == [201, 201]
    assert (deltas(mug), deltas(lamp)) == ([5, 2], [1, -1])


def test_rows_for_one_product_follow_each_other(client, a_product):
    mug = a_product(sku="MUG", stock=5)
    rows = [
        {"sku": "mug", "delta": -5},
        {"product": mug.pk, "delta": -1},
        {"sku": "MUG", "set": 3, "expected": 0},
        {"sku": "MUG", "set": 3},
        {"sku": "MUG", "delta": 2, "reason": "RECEIVED"},
    ]

    results = client.post("/api/stock", {"rows": rows}).json()["results"]

    assert [result["status"] for result in results] == [201, 409, 201, 200, 201]
    assert [result["result"]["stock"] for result in results if "result" in result] == [0, 3, 3, 5]
    assert (mug.refreshed().stock, deltas(mug)) == (5, [5, -5, 3, 2])
    moved = [result["result"]["movement"]["id"] for result in results if (result.get("result") or {}).get("movement")]
    assert moved == list(mug.movements.order_by("pk").values_list("pk", flat=True))[1:]
    assert mug.events.filter(kind="product.stock_moved").count() == 4


@pytest.mark.parametrize("number", [100, 1_000])
def test_any_number_of_rows_costs_the_same_few_statements(client, many_products, django_assert_max_num_queries, number):
    products = many_products(number, stock=3)
    rows = {"rows": [{"sku": each.sku, "set": 5, "expected": 3} for each in products]}

    with django_assert_max_num_queries(10) as made:
        answer = client.post("/api/stock", rows, **keyed("monday"))

    assert [result["status"] for result in answer.json()["results"]] == [201] * number
    assert len(made) == STATEMENTS
    assert not Product.objects.out_of_balance().exists()
    with django_assert_max_num_queries(10):
        retry = client.post("/api/stock", rows, **keyed("monday"))
    assert retry.json() == answer.json()


@pytest.mark.django_db(transaction=True)
def test_one_key_for_other_rows_at_once_makes_one_of_the_requests(api, staff, a_product):
    products = [a_product() for _ in range(6)]
    clients = [api(staff) for _ in products]

    answers = side_by_side(
        *(
            lambda each=each, product=product: each.post(
                "/api/stock", {"rows": [{"product": product.pk, "delta": 5}]}, **keyed("pallet-7")
            )
            for each, product in zip(clients, products, strict=True)
        )
    )

    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(answer.json()["results"][0]["status"] for answer in answers) == [201] + [422] * 5
    assert StockMovement.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/rows"),
        ({"rows": []}, "/rows"),
        ({"rows": [{"sku": "MUG", "delta": 1}] * 1_001}, "/rows"),
        ({"rows": {"sku": "MUG", "delta": 1}}, "/rows"),
        ({"rows": [{"sku": "MUG", "delta": 1}], "note": "Monday"}, "/note"),
    ],
)
def test_a_request_without_a_list_of_rows_is_refused_whole(client, a_product, body, pointer):
    mug = a_product(sku="MUG")

    answer = client.post("/api/stock", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert deltas(mug) == []


# The ledger


def test_the_ledger_lists_every_movement_newest_first(client, alice, staff, a_product):
    mug = a_product(stock=5)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])
    order.cancel()
    mug.correct(-1, by=staff, note="broken")

    answer = client.get(path_of(mug))

    lines = [(line["delta"], line["reason"], line["order"], line["by"]) for line in answer.json()["results"]]
    assert lines == [
        (-1, "CORRECTED", None, staff.pk),
        (2, "CANCELLED", str(order.pk), None),
        (-2, "SOLD", str(order.pk), None),
        (5, "RECEIVED", None, None),
    ]


def test_the_ledger_has_pages_that_cost_the_same(client, a_product, django_assert_num_queries):
    mug = a_product()
    for _ in range(7):
        mug.receive(1)

    with django_assert_num_queries(5):  # the token, two for the permissions, the product, the page
        page = client.get(f"{path_of(mug)}?limit=5").json()

    assert [len(page["results"]), len(client.get(page["next"]).json()["results"])] == [5, 2]


def test_the_stock_at_a_moment_is_what_had_moved_by_then(client, a_product):
    mug = a_product(stock=5)
    then = timezone.now()
    mug.receive(2)

    asked = [client.get(path_of(mug), {"at": moment.isoformat()}) for moment in (then - timedelta(days=1), then)]

    assert [answer.json()["stock"] for answer in asked] == [0, 5]
    assert client.get(path_of(mug), {"at": timezone.now().isoformat()}).json()["stock"] == 7


# Who


def test_an_integration_may_move_stock_and_nothing_else(api, bob, a_product):
    mug = a_product()
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename="add_stockmovement"))
    client = api(bob)

    assert client.post(path_of(mug), {"delta": 5}).status_code == 201
    assert client.post("/api/stock", {"rows": [{"product": mug.pk, "delta": 5}]}).status_code == 200
    assert client.get(path_of(mug)).status_code == 403
    assert client.patch(f"/api/products/{mug.pk}", {"price": "1"}, HTTP_IF_MATCH="*").status_code == 403
    assert client.post("/api/products", {"sku": "X", "name": "X", "price": "1"}).status_code == 403


def test_other_users_get_a_403(api, alice, a_product):
    mug = a_product()

    for who, status in ((None, 401), (alice, 403)):
        client = api(who)
        assert client.post(path_of(mug), {"delta": 5}).status_code == status
        assert client.post("/api/stock", {"rows": []}).status_code == status
        assert client.get(path_of(mug)).status_code == status


def test_the_stock_of_no_product_is_not_found(client):
    assert client.post("/api/products/7/stock", {"delta": 1}).status_code == 404
    assert client.get("/api/products/7/stock").status_code == 404
