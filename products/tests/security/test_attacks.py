"""What an attacker would try, beside what the tests of each part try already."""

import importlib
import pkgutil
import re
import time

import pytest
from django.contrib.auth import authenticate, hashers
from django.contrib.auth.models import Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

import products
import shop
from products.models import ApiToken, Order, Product
from products.tests.statements import verbs

pytestmark = pytest.mark.django_db

# Passwords and tokens


@pytest.mark.parametrize("name", ["alice", "nobody", "gone", "passwordless"])
def test_who_there_is_cannot_be_told_by_how_long_a_login_takes(name, alice, settings, monkeypatch):
    settings.LOGINS_PER_NAME = 0
    alice.set_password("correct horse battery")
    alice.save()
    User.objects.create_user("gone", password="correct horse battery", is_active=False)
    User.objects.create_user("passwordless").set_unusable_password()
    hasher, checked = hashers.get_hasher(), []
    monkeypatch.setattr(type(hasher), "encode", lambda *given: checked.append(given) or "md5$salt$no")

    authenticate(username=name, password="a guess")

    assert len(checked) == 1


@pytest.mark.parametrize(
    "word", ["fourteen chars", "123456789012345678", "1q2w3e4r5t6y7u8i9o0p", "alice-liddell-of-1862", ""], ids=repr
)
def test_a_password_that_is_easily_guessed_is_not_taken(word):
    with pytest.raises(ValidationError):
        validate_password(word, User(username="alice-liddell-of-1862"))


@pytest.mark.parametrize(
    "word", ["fifteen letters", "äöü ß 漢字 ✓ no rules", " spaces around it ", "x" * 63 + "y" * 65], ids=repr
)
def test_any_other_password_of_fifteen_characters_is_taken_and_kept_as_it_is(word, alice):
    validate_password(word, alice)
    alice.set_password(word)
    alice.save()

    assert authenticate(username="alice", password=word) == alice
    assert authenticate(username="alice", password=word.strip() + "!") is None
    assert authenticate(username="alice", password=word.swapcase()) is None or word.swapcase() == word


def test_what_a_right_loses_is_lost_to_its_tokens_at_once(api, staff):
    client, view = api(staff), Permission.objects.get(codename="view_stockmovement")
    product = Product.objects.create(sku="MUG", name="Mug", price="1.00")
    address = f"/api/products/{product.pk}/stock"

    before = client.get(address).status_code
    staff.user_permissions.remove(view)
    without_the_right = client.get(address).status_code
    User.objects.filter(pk=staff.pk).update(is_active=False)
    without_the_person = client.get(address).status_code

    assert (before, without_the_right, without_the_person) == (200, 403, 401)


# Other people's things


def test_somebody_elses_key_and_cursor_open_nothing_of_theirs(api, alice, bob, a_product):
    mug = a_product(stock=9)
    for number in range(3):
        headers = {"HTTP_IDEMPOTENCY_KEY": f"key-{number}"}
        assert api(alice).post("/api/orders", {"product": mug.pk, "quantity": 1}, **headers).status_code == 201
    cursor = api(alice).get("/api/orders?limit=1").json()["next"].partition("cursor=")[2].partition("&")[0]

    placed = api(bob).post("/api/orders", {"product": mug.pk, "quantity": 1}, HTTP_IDEMPOTENCY_KEY="key-0")
    by_cursor = api(bob).get(f"/api/orders?limit=1&cursor={cursor}").json()["results"]
    by_key = api(bob).get("/api/orders?key=key-1").json()["results"]

    assert placed.status_code == 201
    assert "Idempotency-Replayed" not in placed
    assert Order.objects.get(pk=placed.json()["id"]).customer == bob
    assert by_cursor == []
    assert by_key == []


MEMBERS = {
    # A `customer` and prices are for staff: test_customers.py and test_prices.py.
    "POST /api/orders": ["status", "number", "placed_by", "total", "tax", "price", "placed_at", "pay_by", "id"],
    "PATCH /api/cart": ["status", "customer", "number", "total", "currency", "placed_at"],
    "POST /api/addresses": ["customer", "id", "created_at"],
    "POST /api/products": ["stock", "id", "created_at", "updated_at", "retired_at", "search_text"],
    "PATCH /api/products/{product}": ["stock", "id", "created_at", "updated_at", "retired_at", "search_text"],
    "POST /api/products/{product}/stock": ["stock", "by", "at", "order", "line"],
    "POST /api-token-auth": ["user", "user_id", "expires_at", "digest", "is_staff", "lifetime"],
    "PUT /api/cart/lines/{product}": ["unit_price", "price", "customer", "order"],
    "POST /api/orders/{order}/pay": ["status", "customer", "total", "paid_at"],
}
RIGHT = {
    "POST /api/orders": {"sku": "MUG", "quantity": 1},
    "PATCH /api/cart": {"note": "Ring twice."},
    "POST /api/addresses": {"name": "Alice", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"},
    "POST /api/products": {"sku": "NEW", "name": "New", "price": "1.00"},
    "PATCH /api/products/{product}": {"name": "Another"},
    "POST /api/products/{product}/stock": {"delta": 1},
    "POST /api-token-auth": {"username": "staff", "password": "correct horse battery"},
    "PUT /api/cart/lines/{product}": {"quantity": 1},
    "POST /api/orders/{order}/pay": {},
}


@pytest.mark.parametrize(
    ("request_", "member"), [(each, member) for each, names in MEMBERS.items() for member in names]
)
def test_nothing_is_written_by_naming_it(request_, member, api, staff, a_product):
    staff.set_password("correct horse battery")
    staff.save()
    mug = a_product(sku="MUG", stock=5)
    order = Order.objects.create(customer=staff, items=[(mug, 1)])
    method, path = request_.format(product=mug.pk, order=order.pk).split()
    client, body = api(staff), RIGHT[request_] | {member: 1}
    tokens = ApiToken.objects.count()

    answer = getattr(client, method.lower())(path, body, HTTP_IF_MATCH="*")

    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "pointer": f"/{member}",
        "code": "unknown",
        "detail": "Unknown field.",
    }
    assert (mug.refreshed().stock, mug.refreshed().name, Order.objects.count()) == (4, mug.name, 1)
    assert ApiToken.objects.count() == tokens
    assert Order.objects.get().status == "PLACED"


# The protocol


@pytest.mark.parametrize("path", ["/api/orders", "/api-token-auth", "/api/products/1", "/api/docs", "/api/nothing"])
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "LINK", "GETS"])
def test_a_method_that_nothing_has_does_nothing(method, path, api, staff):
    answer = api(staff).generic(method, path)

    assert answer.status_code in (404, 405)


def test_reading_writes_nothing(api, staff, a_product):
    mug = a_product(stock=5)
    order = Order.objects.create(customer=staff, items=[(mug, 1)])
    client = api(staff)
    paths = ["products", f"products/{mug.pk}", f"products/{mug.pk}/stock", "orders", f"orders/{order.pk}", "tokens"]
    paths += [f"orders/{order.pk}/events", "cart", "schema", "docs"]

    with CaptureQueriesContext(connection) as queries:
        statuses = [client.get(f"/api/{path}").status_code for path in paths]

    assert statuses == [200] * len(paths)
    assert set(verbs(queries)) == {"SELECT"}


@pytest.mark.parametrize("path", ["/api/orders", "/api-token-auth", "/api/products"])
def test_no_other_site_is_let_in_by_cors(path, api, alice):
    asked = {"HTTP_ORIGIN": "https://evil.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}

    answers = [api(alice).options(path, **asked), api(alice).get(path, HTTP_ORIGIN="https://evil.example")]

    assert not [name for answer in answers for name in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_login_of_the_admin_leads_to_no_other_site(place, client, staff):
    staff.set_password("correct horse battery")
    staff.save()

    form = {"username": "staff", "password": "correct horse battery", "next": place}
    answer = client.post("/admin/login/", form)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_logging_in_to_the_admin_makes_a_new_session_and_logging_out_ends_it(client, staff):
    staff.set_password("correct horse battery")
    staff.save()
    client.cookies["sessionid"] = "chosen-by-an-attacker-000000000"

    client.post("/admin/login/", {"username": "staff", "password": "correct horse battery"})
    session = client.cookies["sessionid"].value
    inside = client.get("/admin/").status_code
    client.post("/admin/logout/")
    client.cookies["sessionid"] = session
    afterwards = client.get("/admin/").status_code

    assert session != "chosen-by-an-attacker-000000000"
    assert (inside, afterwards) == (200, 302)


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "\\", '"; DROP TABLE products_product; --', "%%", "{0}"])
def test_what_is_searched_for_is_text_and_no_pattern_and_no_sql(text, api, alice, a_product):
    a_product(name="Mug")
    found = a_product(name=f"The {text}")

    answer = api(alice).get("/api/products", {"search": text})

    assert [product["id"] for product in answer.json()["results"]] == [found.pk]


# Unbounded work

ADVERSARIAL = [
    "a" * 8190,
    "0" * 8190,
    "[" * 8190,
    "%" * 8190,
    "bearer" + " " * 8180,
    "1." * 4000,
    "A-" * 4000 + "!",
    '"' * 8190,
]


def patterns():
    for package in (products, shop):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".tests" in module.name or ".migrations" in module.name:
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value


def test_no_pattern_takes_long_whatever_it_is_given():
    found = dict(patterns())

    began = time.process_time()
    for pattern in found.values():
        for text in ADVERSARIAL:
            given = text.encode() if isinstance(pattern.pattern, bytes) else text
            pattern.fullmatch(given), pattern.search(given)

    assert len(found) >= 4
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "header",
    ["HTTP_AUTHORIZATION", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_ACCEPT", "HTTP_IDEMPOTENCY_KEY", "HTTP_COOKIE"],
)
@pytest.mark.parametrize("text", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_no_header_takes_long_whatever_it_says(header, text, api, alice, a_product):
    client, mug = api(alice), a_product()

    began = time.process_time()
    answer = client.get(f"/api/products/{mug.pk}", **{header: text})

    assert answer.status_code in (200, 401, 406, 412)
    assert time.process_time() - began < 1
