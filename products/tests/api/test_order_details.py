"""An order's number, reference, note, e-mail, phone and address over HTTP."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from products.models import Address, Cart, Order
from products.tests.side_by_side import just_before, meanwhile, on_postgresql

pytestmark = pytest.mark.django_db

AT_HOME = {"name": "Alice", "line1": "Hauptstr. 1", "postal_code": "10827", "city": "Berlin", "country": "DE"}
WHOLE = {"company": "", "line2": "", "region": ""} | AT_HOME
DETAILS = {"reference": "PO 4711", "note": "Ring twice.\nThank you.", "email": "alice@shop.example", "phone": "030 123"}


def errors(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def shown(body):
    return {name: body[name] for name in (*DETAILS, "ship_to")}


@pytest.mark.parametrize("form", ["one line", "lines"])
def test_an_order_is_placed_with_its_details(api, alice, a_product, form):
    line = {"product": a_product(stock=1).pk, "quantity": 1}
    body = line if form == "one line" else {"lines": [line]}

    answer = api(alice).post("/api/orders", {**body, **DETAILS, "ship_to": AT_HOME}, format="json")

    assert answer.status_code == 201
    assert shown(answer.json()) == {**DETAILS, "ship_to": WHOLE}
    order = Order.objects.get()
    assert answer.json()["number"] == f"{order.number[:4]}-{order.number[4:]}"
    for path in (f"/api/orders/{order.pk}", "/api/orders"):
        body = api(alice).get(path).json()
        assert body.get("results", [body]) == [answer.json()]


def test_an_order_is_shipped_to_an_address_that_the_customer_keeps(api, alice, bob, a_product):
    mine = Address.objects.create(customer=alice, **AT_HOME)
    other = Address.objects.create(customer=bob, **AT_HOME)
    mug, client = a_product(stock=3), api(alice)

    placed = client.post("/api/orders", {"product": mug.pk, "quantity": 1, "address": mine.pk})
    refused = [
        client.post("/api/orders", {"product": mug.pk, "quantity": 1, "address": pk}) for pk in (other.pk, 2**62)
    ]

    assert (placed.status_code, placed.json()["ship_to"]) == (201, WHOLE)
    assert [(answer.status_code, errors(answer)) for answer in refused] == [
        (400, [("/address", "unknown_address")])
    ] * 2
    assert mug.refreshed().stock == 2


class TestRetries:
    @pytest.fixture
    def home(self, alice):
        return Address.objects.create(customer=alice, **AT_HOME)

    @pytest.fixture
    def order(self, api, alice, a_product, home):
        """`order(…)`: send alice's order to her address with the key `k`, with other members if they are given."""
        mug, client = a_product(stock=5), api(alice)
        body = {"product": mug.pk, "quantity": 1, "address": home.pk, **DETAILS}
        return lambda **change: client.post("/api/orders", body | change, format="json", HTTP_IDEMPOTENCY_KEY="k")

    @pytest.mark.parametrize("fate", ["changed", "deleted"])
    def test_a_retry_gets_its_order_whatever_has_become_of_the_address(self, order, home, fate):
        first = order()
        if fate == "changed":
            home.city = "Hamburg"
            home.save()
        else:
            home.delete()

        again = order()

        assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
        assert again.json() == first.json()
        assert again.json()["ship_to"] == WHOLE
        assert Order.objects.count() == 1

    @pytest.mark.parametrize("change", [{"quantity": 2}, {"note": "Ring once."}, {"address": 2**40}])
    def test_another_request_with_the_key_is_refused(self, order, home, change):
        order()
        home.delete()

        assert order(**change).status_code == 422

    def test_an_address_written_out_is_another_request_than_its_id(self, api, alice, order, home):
        first = order().json()
        line = {"product": first["lines"][0]["product"], "quantity": 1}

        answer = api(alice).post(
            "/api/orders", {**line, **DETAILS, "ship_to": AT_HOME}, format="json", HTTP_IDEMPOTENCY_KEY="k"
        )

        assert answer.status_code == 422

    def test_a_refused_request_leaves_its_key_free(self, order, home):
        refused = order(address=home.pk + 1)
        placed = order()

        assert (refused.status_code, errors(refused)) == (400, [("/address", "unknown_address")])
        assert (placed.status_code, "Idempotency-Replayed" in placed) == (201, False)

    def test_only_an_order_that_refers_to_something_is_looked_up_first(
        self, api, alice, a_product, home, django_assert_num_queries, step_by_step
    ):
        mug, client = a_product(stock=5), api(alice)

        def queries(key, **details):
            with CaptureQueriesContext(connection) as captured:
                body = {"product": mug.pk, "quantity": 1, **details}
                assert client.post("/api/orders", body, format="json", HTTP_IDEMPOTENCY_KEY=key).status_code == 201
            return len(captured)

        plain = queries("a")

        assert queries("b", note="Ring twice.") == plain
        assert queries("c", address=home.pk) == plain + 2  # the key, and the address


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"email": "alice"}, [("/email", "invalid")]),
        ({"phone": "call me"}, [("/phone", "invalid_phone")]),
        ({"reference": "x" * 101}, [("/reference", "max_length")]),
        ({"note": 7}, [("/note", "invalid")]),
        ({"ship_to": "at home"}, [("/ship_to", "invalid")]),
        (
            {"ship_to": {}},
            [("/ship_to/line1", "required"), ("/ship_to/city", "required"), ("/ship_to/country", "required")],
        ),
        ({"ship_to": AT_HOME | {"country": "XX"}}, [("/ship_to/country", "unknown_country")]),
        ({"ship_to": AT_HOME | {"name": ""}}, [("/ship_to/name", "incomplete_address")]),
        ({"ship_to": AT_HOME | {"street": "x"}}, [("/ship_to/street", "unknown")]),
        ({"ship_to": AT_HOME, "address": 1}, [("", "ship_to_or_address")]),
        ({"total": "0.01"}, [("/total", "unknown")]),
        ({"number": "AAAAAAAA"}, [("/number", "unknown")]),
    ],
)
@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/quote", "/api/cart"])
def test_a_detail_that_is_not_valid_is_named(api, alice, a_product, path, details, expected):
    line = {} if path == "/api/cart" else {"product": a_product(stock=1).pk, "quantity": 1}
    client = api(alice)

    answer = getattr(client, "post" if line else "patch")(path, {**line, **details}, format="json")

    assert (answer.status_code, errors(answer)) == (400, expected)
    assert not Order.objects.exists()


def test_what_the_shop_requires_is_named_with_all_else(api, alice, settings):
    settings.ORDER_REQUIRES = ["email", "ship_to"]

    answer = api(alice).post("/api/orders", {"sku": "NOTHING", "quantity": 1, "phone": "030 123"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_order")
    assert errors(answer) == [("/email", "required"), ("/ship_to", "required"), ("/sku", "unknown_product")]


def test_a_quote_names_what_the_shop_requires(api, alice, a_product, settings):
    settings.ORDER_REQUIRES = ["email"]
    line, client = {"product": a_product(stock=1).pk, "quantity": 1}, api(alice)

    without = client.post("/api/orders/quote", line).json()
    complete = client.post("/api/orders/quote", {**line, "email": "alice@shop.example"}).json()

    assert (without["acceptable"], [each["pointer"] for each in without["problems"]]) == (False, ["/email"])
    assert (complete["acceptable"], complete["problems"]) == (True, [])


def test_what_would_be_acceptable_has_the_details_too(api, alice, a_product, settings):
    settings.ORDER_REQUIRES = ["email"]
    mug, client = a_product(stock=1), api(alice)
    wish = {"product": mug.pk, "quantity": 2, "email": "alice@shop.example", "ship_to": AT_HOME}

    refused = client.post("/api/orders", wish, format="json")
    accepted = client.post("/api/orders", refused.json()["acceptable"], format="json")

    assert (refused.status_code, accepted.status_code) == (409, 201)
    assert (accepted.json()["email"], accepted.json()["ship_to"]) == ("alice@shop.example", WHOLE)


def test_what_would_be_acceptable_instead_of_a_cart_has_its_details(api, alice, a_product):
    mug, client = a_product(stock=1), api(alice)
    client.put(f"/api/cart/lines/{mug.pk}", {"quantity": 2})
    client.patch("/api/cart", {**DETAILS, "ship_to": AT_HOME}, format="json")

    refused = client.post("/api/cart/checkout")
    accepted = client.post("/api/orders", refused.json()["acceptable"], format="json")

    assert refused.json()["acceptable"] == {
        "lines": [{"product": mug.pk, "quantity": 1}],
        **DETAILS,
        "ship_to": AT_HOME,
    }
    assert (refused.status_code, accepted.status_code) == (409, 201)
    assert shown(accepted.json()) == {**DETAILS, "ship_to": WHOLE}


def test_what_would_be_acceptable_instead_of_a_plain_cart_has_no_details(api, alice, a_product):
    mug, client = a_product(stock=1), api(alice)
    client.put(f"/api/cart/lines/{mug.pk}", {"quantity": 2})

    refused = client.post("/api/cart/checkout")

    assert refused.json()["acceptable"] == {"lines": [{"product": mug.pk, "quantity": 1}]}


def test_an_emptied_cart_has_no_details_either(api, alice, a_product):
    client = api(alice)
    client.put(f"/api/cart/lines/{a_product(stock=1).pk}", {"quantity": 1})
    client.patch("/api/cart", {**DETAILS, "ship_to": AT_HOME}, format="json")

    client.delete("/api/cart")

    cart = client.get("/api/cart").json()
    assert (cart["lines"], shown(cart)) == ([], dict.fromkeys(DETAILS, "") | {"ship_to": None})


def test_a_note_is_kept_with_its_spaces(api, alice, a_product):
    note = "  Ring twice,\n  then wait.\n"
    body = {"product": a_product(stock=1).pk, "quantity": 1, "note": note, "reference": " PO 1 "}

    placed = api(alice).post("/api/orders", body, format="json").json()

    assert (placed["note"], placed["reference"]) == (note, "PO 1")


def test_a_cart_is_described_and_ordered(api, alice, a_product):
    address, client = Address.objects.create(customer=alice, **AT_HOME), api(alice)
    client.put(f"/api/cart/lines/{a_product(stock=1).pk}", {"quantity": 1})

    client.patch("/api/cart", {**DETAILS, "ship_to": AT_HOME | {"city": "Hamburg"}}, format="json")
    answer = client.patch("/api/cart", {"note": "", "address": address.pk}, format="json")

    assert shown(answer.json()) == DETAILS | {"note": "", "ship_to": WHOLE}
    assert client.get("/api/cart").json() == answer.json()
    placed = client.post("/api/cart/checkout")
    assert shown(placed.json()) == DETAILS | {"note": "", "ship_to": WHOLE}
    assert shown(client.get("/api/cart").json()) == dict.fromkeys(DETAILS, "") | {"ship_to": None}


def test_a_cart_forgets_its_address_by_null(api, alice):
    client = api(alice)
    client.patch("/api/cart", {"ship_to": AT_HOME}, format="json")

    assert client.patch("/api/cart", {"ship_to": None}, format="json").json()["ship_to"] is None


@pytest.mark.parametrize("written", ["{0}-{1}", "{0}{1}", "{0} {1}"])
def test_an_order_is_found_by_its_number_and_its_reference(api, alice, bob, a_product, written):
    mug, client = a_product(stock=9), api(alice)
    for customer in (alice, alice, bob):
        api(customer).post("/api/orders", {"product": mug.pk, "quantity": 1, "reference": f"PO {customer.pk}"})
    mine, hers = Order.objects.of(alice).first(), Order.objects.of(bob).get()

    def found(**query):
        return [order["id"] for order in client.get("/api/orders", query).json()["results"]]

    as_written = written.format(mine.number[:4].lower(), mine.number[4:])
    assert found(number=as_written) == [str(mine.pk)]
    assert found(number=hers.number) == []
    assert len(found(reference=f"PO {alice.pk}")) == 2
    assert found(reference=f"PO {bob.pk}") == []


class TestAddresses:
    def test_an_address_is_kept_changed_and_removed(self, api, alice):
        client = api(alice)

        kept = client.post("/api/addresses", AT_HOME, format="json")
        body = kept.json()
        assert (kept.status_code, kept["Location"]) == (201, f"http://testserver/api/addresses/{body['id']}")
        assert body.pop("created_at").endswith("Z")
        assert body == WHOLE | {"id": Address.objects.get().pk, "is_default": True}

        path = f"/api/addresses/{body['id']}"
        changed = client.patch(path, {"city": "Hamburg", "name": "", "company": "Mugs Ltd"}, format="json")
        assert (changed.status_code, changed.json()["city"], changed.json()["company"]) == (200, "Hamburg", "Mugs Ltd")
        assert client.get(path).json() == changed.json()
        assert client.get("/api/addresses").json()["results"] == [changed.json()]

        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404

    def test_a_change_that_leaves_it_incomplete_is_refused(self, api, alice):
        address = Address.objects.create(customer=alice, **AT_HOME)

        answer = api(alice).patch(f"/api/addresses/{address.pk}", {"name": ""}, format="json")

        assert (answer.status_code, errors(answer)) == (400, [("/name", "incomplete_address")])

    def test_a_change_of_another_version_is_refused(self, api, alice):
        address, client = Address.objects.create(customer=alice, **AT_HOME), api(alice)
        path = f"/api/addresses/{address.pk}"
        etag = client.get(path)["ETag"]

        first = client.patch(path, {"city": "Hamburg"}, format="json", HTTP_IF_MATCH=etag)
        second = client.patch(path, {"city": "Bremen"}, format="json", HTTP_IF_MATCH=etag)
        third = client.delete(path, HTTP_IF_MATCH=etag)

        assert [answer.status_code for answer in (first, second, third)] == [200, 412, 412]
        assert client.get(path).json()["city"] == "Hamburg"

    def test_a_new_default_takes_the_place_of_the_former(self, api, alice):
        client = api(alice)
        first, second = [client.post("/api/addresses", AT_HOME, format="json").json() for _ in range(2)]

        client.patch(f"/api/addresses/{second['id']}", {"is_default": True}, format="json")

        kept = client.get("/api/addresses").json()["results"]
        assert [(address["id"], address["is_default"]) for address in kept] == [
            (first["id"], False),
            (second["id"], True),
        ]

    def test_the_fifty_first_is_refused(self, api, alice):
        for _ in range(50):
            Address.objects.create(customer=alice, **AT_HOME)

        answer = api(alice).post("/api/addresses", AT_HOME, format="json")

        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_addresses")

    def test_a_page_costs_the_same_for_one_and_for_three(self, api, alice, django_assert_num_queries):
        client = api(alice)
        for number in (1, 2):
            for _ in range(number):
                Address.objects.create(customer=alice, **AT_HOME)
            with django_assert_num_queries(2):  # the token, the addresses
                answer = client.get("/api/addresses")
            assert len(answer.json()["results"]) == Address.objects.count()

    def test_to_a_customer_who_is_deleted_meanwhile_the_token_is_invalid(self, api, alice):
        client = api(alice)

        with just_before('FROM "auth_user"', lambda: User.objects.filter(pk=alice.pk).delete()):
            answer = client.post("/api/addresses", AT_HOME, format="json")

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer["WWW-Authenticate"].startswith("Bearer")


@on_postgresql
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_changes_of_one_version_of_an_address_one_is_made(self, api, alice):
        address = Address.objects.create(customer=alice, **AT_HOME)
        path, clients = f"/api/addresses/{address.pk}", [api(alice), api(alice)]
        etag = clients[0].get(path)["ETag"]

        def change(client, city):
            return lambda: client.patch(path, {"city": city}, format="json", HTTP_IF_MATCH=etag)

        with transaction.atomic():
            Address.objects.lock_all_of(alice.pk)
            changes = [change(clients[0], "Hamburg"), change(clients[1], "Bremen")]
            waiting = [meanwhile(each) for each in changes]
            assert [each.waits() for each in waiting] == [True, True]
        answers = [each.outcome().status_code for each in waiting]

        assert sorted(answers) == [200, 412]

    def test_two_descriptions_of_a_cart_are_both_kept(self, alice):
        cart = Order.objects.cart_of(alice)

        with transaction.atomic():
            locked = Order.objects.locked().get(pk=cart.pk)
            other = meanwhile(lambda: Cart(alice).describe(note="Ring twice."))
            assert other.waits()
            locked.reference = "PO 4711"
            locked.save()
        other.outcome()

        cart.refresh_from_db()
        assert (cart.reference, cart.note) == ("PO 4711", "Ring twice.")
