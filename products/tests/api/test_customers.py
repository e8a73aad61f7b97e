"""Customers over HTTP, for staff, and the orders that staff place for them."""

import re

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from products.models import Address, ApiToken, Order
from products.models.customers import make_customer
from products.tests.side_by_side import meanwhile, on_postgresql

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(staff):
    """Staff who may view, add and change users too."""
    staff.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth", content_type__model="user"))
    return staff


def errors(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def names(answer):
    return [customer["username"] for customer in answer.json()["results"]]


def test_customers_are_listed_without_staff(api, clerk, alice, bob):
    User.objects.create_superuser("root")

    answer = api(clerk).get("/api/customers")

    assert names(answer) == ["bob", "alice"]
    assert {name: value for name, value in answer.json()["results"][1].items() if name != "date_joined"} == {
        "id": alice.pk,
        "username": "alice",
        "email": "",
        "first_name": "",
        "last_name": "",
        "is_active": True,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "ALI"}, ["alice"]),
        ({"search": "bob@"}, ["bob"]),
        ({"search": "lice"}, []),
        ({"is_active": "false"}, ["carol"]),
        ({"is_active": "true"}, ["bob", "alice"]),
    ],
)
def test_customers_are_found(api, clerk, alice, bob, query, found):
    User.objects.filter(pk=bob.pk).update(email="Bob@shop.example")
    User.objects.create_user("carol", is_active=False)

    assert names(api(clerk).get("/api/customers", query)) == found


def test_a_page_costs_the_same_for_one_and_for_three(api, clerk, alice, django_assert_num_queries):
    client = api(clerk)
    for more in ([], ["bob", "carol"]):
        for name in more:
            User.objects.create_user(name)
        with django_assert_num_queries(4):  # the token, two for the permissions, the customers
            answer = client.get("/api/customers")
        assert names(answer) == [*reversed(more), "alice"]


def test_a_customer_is_made_and_can_log_in(api, clerk):
    body = {"username": "carol", "email": "carol@shop.example", "password": "a rather long secret"}

    made = api(clerk).post("/api/customers", body, format="json")

    carol = User.objects.get(username="carol")
    assert (made.status_code, made["Location"]) == (201, f"http://testserver/api/customers/{carol.pk}")
    assert (carol.is_staff, carol.is_superuser, carol.email) == (False, False, "carol@shop.example")
    login = {"username": "carol", "password": "a rather long secret"}
    assert api().post("/api-token-auth", login, format="json").status_code == 200


def test_without_a_password_nobody_logs_in(api, clerk):
    api(clerk).post("/api/customers", {"username": "carol"}, format="json")

    assert not User.objects.get(username="carol").has_usable_password()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/username", "required")]),
        ({"username": "a b"}, [("/username", "invalid")]),
        ({"username": "carol", "email": "carol"}, [("/email", "invalid")]),
        ({"username": "carol", "password": "short"}, [("/password", "password_too_short")]),
        ({"username": "carol", "is_staff": True}, [("/is_staff", "unknown")]),
        ({"username": "\ufdfa" * 9}, [("/username", "invalid"), ("/username", "max_length")]),  # 18 letters in NFKC
        ({"username": "\u3164"}, [("/username", "invisible_character")]),
        ({"username": "carol", "first_name": "Ca\nrol"}, [("/first_name", "control_character")]),
        ({"username": "carol", "last_name": "\u200b"}, [("/last_name", "invisible_character")]),
        (
            {"username": "caroline-of-the-mugs", "password": "caroline-of-the-mugs"},
            [("/password", "password_too_similar")],
        ),
        (
            {"username": "carol", "email": "mugs.and.more@shop.example", "password": "mugs.and.more@shop"},
            [("/password", "password_too_similar")],
        ),
    ],
)
def test_a_customer_that_is_not_valid_is_refused(api, clerk, body, expected):
    answer = api(clerk).post("/api/customers", body, format="json")

    assert (answer.status_code, errors(answer)) == (400, expected)


def test_a_user_name_is_what_it_is_in_nfkc(api, clerk):
    client = api(clerk)

    made = client.post("/api/customers", {"username": "\uff43arol"}, format="json")
    again = client.post("/api/customers", {"username": "carol"}, format="json")

    assert (made.status_code, made.json()["username"], again.status_code) == (201, "carol", 409)


def test_the_domain_of_an_email_is_in_lower_case_however_it_is_written(api, clerk):
    client = api(clerk)

    made = client.post("/api/customers", {"username": "carol", "email": "Carol@Shop.Example"}, format="json").json()
    changed = client.patch(f"/api/customers/{made['id']}", {"email": "Caro@SHOP.example"}, format="json").json()

    assert (made["email"], changed["email"]) == ("Carol@shop.example", "Caro@shop.example")


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_a_name_is_one_line_that_can_be_seen(api, clerk, alice, name):
    answers = [
        api(clerk).patch(f"/api/customers/{alice.pk}", {name: text}, format="json")
        for text in ("A\nB", "\u200b", "A B")
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 200]


def test_only_a_taken_name_is_said_to_be_taken():
    with pytest.raises(IntegrityError), transaction.atomic():
        make_customer(username="carol", first_name=None)


@pytest.mark.django_db(transaction=True)
def test_a_password_is_hashed_before_the_transaction(monkeypatch):
    in_transaction = []

    class Watched(MD5PasswordHasher):
        def encode(self, *arguments):
            in_transaction.append(connection.in_atomic_block)
            return super().encode(*arguments)

    monkeypatch.setattr(hashers, "get_hasher", lambda algorithm="default": Watched())
    make_customer(username="carol", password="a rather long secret")

    assert in_transaction == [False]


@pytest.mark.parametrize("username", ["alice", "staff"])
def test_a_name_that_is_taken_is_said_to_be(api, clerk, alice, username):
    answer = api(clerk).post("/api/customers", {"username": username}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")
    assert errors(answer) == [("/username", "username_taken")]


def test_closing_an_account_ends_its_tokens_and_keeps_its_orders(api, clerk, alice, a_product):
    _, secret = ApiToken.objects.issue(alice)
    Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    path, client = f"/api/customers/{alice.pk}", api(clerk)

    closed = client.patch(path, {"is_active": False}, format="json")

    assert (closed.status_code, closed.json()["is_active"]) == (200, False)
    assert client.get(path).json() == closed.json()
    assert api().get("/api/orders", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 401
    assert Order.objects.of(alice).count() == 1


def test_a_change_writes_only_what_it_names(api, clerk, alice):
    client = api(clerk)
    etag = client.get(f"/api/customers/{alice.pk}")["ETag"]
    client.patch(f"/api/customers/{alice.pk}", {"email": "alice@shop.example"}, format="json")

    stale = client.patch(f"/api/customers/{alice.pk}", {"first_name": "Al"}, format="json", HTTP_IF_MATCH=etag)
    blind = client.patch(f"/api/customers/{alice.pk}", {"first_name": "Alice"}, format="json")

    assert (stale.status_code, blind.status_code) == (412, 200)
    alice.refresh_from_db()
    assert (alice.first_name, alice.email) == ("Alice", "alice@shop.example")


def test_an_account_that_is_opened_again_has_no_tokens(api, clerk, alice):
    _, secret = ApiToken.objects.issue(alice)
    client = api(clerk)

    for is_active in (False, True):
        client.patch(f"/api/customers/{alice.pk}", {"is_active": is_active}, format="json")

    assert api().get("/api/orders", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 401
    assert ApiToken.objects.of(alice).get().revoked_at is not None


def test_another_change_revokes_no_tokens(api, clerk, alice):
    token, _ = ApiToken.objects.issue(alice)

    api(clerk).patch(f"/api/customers/{alice.pk}", {"is_active": True, "first_name": "Alice"}, format="json")

    token.refresh_from_db()
    assert token.is_active()


def test_no_token_is_issued_for_an_account_that_was_closed_meanwhile(alice):
    checked = User.objects.get(pk=alice.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)

    with pytest.raises(User.DoesNotExist):
        ApiToken.objects.issue(checked)

    assert not ApiToken.objects.exists()


def test_only_what_is_named_is_written(api, clerk, alice):
    with CaptureQueriesContext(connection) as captured:
        api(clerk).patch(f"/api/customers/{alice.pk}", {"email": "alice@shop.example"}, format="json")

    [update] = [each["sql"] for each in captured if each["sql"].startswith('UPDATE "auth_user"')]
    assert re.findall(r'"(\w+)" =', update.partition(" WHERE ")[0]) == ["email"]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_changes_of_one_version_one_is_made(api, clerk, alice):
    path, clients = f"/api/customers/{alice.pk}", [api(clerk), api(clerk)]
    etag = clients[0].get(path)["ETag"]

    def change(client, name):
        return lambda: client.patch(path, {"first_name": name}, format="json", HTTP_IF_MATCH=etag)

    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=alice.pk)
        waiting = [meanwhile(change(clients[0], "Al")), meanwhile(change(clients[1], "Ali"))]
        assert [each.waits() for each in waiting] == [True, True]

    assert sorted(each.outcome().status_code for each in waiting) == [200, 412]


@pytest.mark.parametrize("of_staff", [{"is_staff": True}, {"is_superuser": True}])
def test_accounts_of_staff_are_not_reached(api, clerk, of_staff):
    colleague = User.objects.create_user("colleague", **of_staff)
    client = api(clerk)

    answers = [
        client.get(f"/api/customers/{colleague.pk}"),
        client.patch(f"/api/customers/{colleague.pk}", {"is_active": False}, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    colleague.refresh_from_db()
    assert colleague.is_active


class TestOrdersForACustomer:
    @pytest.fixture(params=["", "step_by_step"])
    def _way(self, request):
        if request.param:
            request.getfixturevalue(request.param)

    @pytest.mark.usefixtures("_way")
    def test_staff_order_for_a_customer(self, api, staff, alice, a_product):
        mug = a_product(stock=3)
        home = Address.objects.create(customer=alice, name="Alice", line1="Hauptstr. 1", city="Berlin", country="DE")
        body = {"product": mug.pk, "quantity": 2, "customer": alice.pk, "address": home.pk}

        placed = api(staff).post("/api/orders", body, HTTP_IDEMPOTENCY_KEY="phone-1")
        again = api(staff).post("/api/orders", body, HTTP_IDEMPOTENCY_KEY="phone-1")

        assert (placed.status_code, again.json()) == (201, placed.json())
        order = Order.objects.get()
        assert (order.customer, order.idempotency_key, order.ship_to["name"]) == (alice, "phone-1", "Alice")
        assert [(event.kind, event.by) for event in order.events.all()] == [("order.placed", staff)]
        assert api(alice).get(f"/api/orders/{order.pk}").status_code == 200
        assert mug.refreshed().stock == 1

    def test_a_customer_orders_for_nobody_else(self, api, alice, bob, a_product):
        mug, client = a_product(stock=3), api(alice)

        refused = client.post("/api/orders", {"product": mug.pk, "quantity": 1, "customer": bob.pk})
        own = client.post("/api/orders", {"product": mug.pk, "quantity": 1, "customer": alice.pk})

        assert (refused.status_code, refused.json()["code"], own.status_code) == (403, "permission_denied", 201)
        assert [order.customer for order in Order.objects.all()] == [alice]

    @pytest.mark.parametrize("who", ["nobody", "closed", "staff", "superuser"])
    def test_there_has_to_be_such_a_customer(self, api, staff, alice, a_product, who):
        values = {"closed": {"is_active": False}, "staff": {"is_staff": True}, "superuser": {"is_superuser": True}}
        if who in values:
            User.objects.filter(pk=alice.pk).update(**values[who])
        customer = alice.pk if who in values else 10**9

        answer = api(staff).post("/api/orders", {"product": a_product(stock=1).pk, "quantity": 1, "customer": customer})

        assert (answer.status_code, errors(answer)) == (400, [("/customer", "unknown_customer")])

    def test_an_address_is_the_customer_s(self, api, staff, alice, a_product):
        parts = {"name": "Staff", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
        mine = Address.objects.create(customer=staff, **parts)
        body = {"product": a_product(stock=1).pk, "quantity": 1, "customer": alice.pk, "address": mine.pk}

        answer = api(staff).post("/api/orders", body)

        assert (answer.status_code, errors(answer)) == (400, [("/address", "unknown_address")])

    def test_a_retry_gets_its_order_although_the_account_was_closed(self, api, staff, alice, a_product):
        body, client = {"product": a_product(stock=3).pk, "quantity": 1, "customer": alice.pk}, api(staff)
        placed = client.post("/api/orders", body, HTTP_IDEMPOTENCY_KEY="phone-1")
        User.objects.filter(pk=alice.pk).update(is_active=False)

        again = client.post("/api/orders", body, HTTP_IDEMPOTENCY_KEY="phone-1")
        other = client.post("/api/orders", body | {"quantity": 2}, HTTP_IDEMPOTENCY_KEY="phone-1")
        new = client.post("/api/orders", body, HTTP_IDEMPOTENCY_KEY="phone-2")

        assert (again.status_code, again.json()) == (201, placed.json())
        assert (other.status_code, new.status_code, errors(new)) == (422, 400, [("/customer", "unknown_customer")])

    def test_what_would_be_acceptable_is_for_the_same_customer(self, api, staff, alice, a_product):
        body, client = {"product": a_product(stock=1).pk, "quantity": 2, "customer": alice.pk}, api(staff)

        refused = client.post("/api/orders", body)
        accepted = client.post("/api/orders", refused.json()["acceptable"], format="json")

        assert (refused.status_code, refused.json()["acceptable"]["customer"]) == (409, alice.pk)
        assert (accepted.status_code, accepted.json()["customer"]) == (201, alice.pk)

    @pytest.mark.parametrize("lacks", ["add_order", "view_order"])
    @pytest.mark.parametrize("path", ["/api/orders", "/api/orders/quote"])
    def test_staff_order_for_others_only_if_they_may_also_see_the_orders(
        self, api, staff, alice, a_product, lacks, path
    ):
        staff.user_permissions.remove(Permission.objects.get(codename=lacks))
        client, line = api(staff), {"product": a_product(stock=3).pk, "quantity": 1}

        refused = [client.post(path, {**line, "customer": pk}) for pk in (alice.pk, 10**9)]
        own = client.post(path, {**line, "customer": staff.pk})

        assert [answer.status_code for answer in refused] == [403, 403]
        assert own.status_code in (200, 201)
