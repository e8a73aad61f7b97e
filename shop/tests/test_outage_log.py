"""The log line that says why a request was answered with 503: one for each, with the request's id."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

from products.models import Order, Product
from products.tests.side_by_side import on_postgresql

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite")

REQUEST_ID = "a-request-of-a-test"
READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
}
CAUSE_OF_READ_ONLY = {
    "sqlite": {
        "error": "OperationalError",
        "code": "SQLITE_READONLY",
        "message": "attempt to write a readonly database",
    },
    "postgresql": {
        "error": "ReadOnlySqlTransaction",
        "code": "25006",
        "message": "cannot execute SELECT FOR NO KEY UPDATE in a read-only transaction",
    },
}


@pytest.fixture
def causes(logged):
    """Return the lines about one request that say why it failed: all but its own line."""

    def lines():
        about_it = [line for line in logged() if line["request_id"] == REQUEST_ID]
        return [line for line in about_it if line["logger"] != "shop.requests"]

    return lines


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def read_only(transactional_db):
    on, off = READ_ONLY[connection.vendor]

    yield lambda: run(on)

    run(off)


@pytest.fixture
def full_disk(transactional_db):
    yield lambda: run("VACUUM", "PRAGMA max_page_count = 1")  # which SQLite raises to the size that the file has
    run("PRAGMA max_page_count = 4294967294")


def facts(line):
    return {name: line[name] for name in ("level", "event", "error", "code", "message", "nothing_changed")}


def place(client, product, quantity=1):
    return client.post("/api/orders", {"product": product.pk, "quantity": quantity}, HTTP_X_REQUEST_ID=REQUEST_ID)


def receive(client, product):
    page = f"/admin/products/product/{product.pk}/receive/"
    body = {"quantity": 1, "key": "k"}
    return client.post(page, body, HTTP_X_REQUEST_ID=REQUEST_ID)


def test_a_database_that_only_reads_is_the_cause_of_an_orders_503(api, alice, a_product, read_only, causes):
    client, mug = api(alice), a_product(stock=3)
    read_only()

    answer = place(client, mug)

    [line] = causes()
    cause = CAUSE_OF_READ_ONLY[connection.vendor]
    assert answer.status_code == 503
    assert answer.json()["detail"].endswith("nothing was changed.")
    assert line["event"] == "database.unavailable"
    assert facts(line) == {"level": "WARNING", "event": "database.unavailable", **cause, "nothing_changed": True}


def test_a_database_that_only_reads_is_the_cause_of_a_503_in_the_admin(staff, a_product, read_only, causes):
    client, mug = Client(raise_request_exception=False), a_product()
    client.force_login(staff)
    read_only()

    answer = receive(client, mug)

    [line] = causes()
    assert answer.status_code == 503
    assert "nothing was changed. Try again." in answer.content.decode()
    assert (line["code"], line["nothing_changed"]) == (CAUSE_OF_READ_ONLY[connection.vendor]["code"], True)


@on_sqlite
def test_a_full_disk_is_the_cause_of_a_503(api, alice, a_product, full_disk, causes):
    client, products = api(alice), [a_product(stock=9) for _ in range(40)]
    lines = [{"product": product.pk, "quantity": 1} for product in products]
    full_disk()

    answer = client.post("/api/orders", {"lines": lines}, HTTP_X_REQUEST_ID=REQUEST_ID)

    [line] = causes()
    assert answer.status_code == 503
    assert answer.json()["detail"].endswith("nothing was changed.")
    assert facts(line) == {
        "level": "WARNING",
        "event": "database.unavailable",
        "error": "OperationalError",
        "code": "SQLITE_FULL",
        "message": "database or disk is full",
        "nothing_changed": True,
    }
    assert not Order.objects.exists()


@on_postgresql
def test_of_several_lines_only_the_first_is_logged_because_the_others_quote_values(
    api, staff, transactional_db, causes
):
    run("""
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'canceling statement' USING ERRCODE = '57014', DETAIL = 'The name is ' || NEW.name;
        END $$;
        CREATE TRIGGER fault BEFORE INSERT ON products_product FOR EACH ROW EXECUTE FUNCTION fault();
    """)

    answer = api(staff).post(
        "/api/products", {"sku": "MUG", "name": "a secret", "price": "1.00"}, HTTP_X_REQUEST_ID=REQUEST_ID
    )
    run("DROP TRIGGER fault ON products_product; DROP FUNCTION fault")

    [line] = causes()
    assert answer.status_code == 503
    assert (line["error"], line["message"]) == ("QueryCanceled", "canceling statement")
    assert "a secret" not in str(line)
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_an_outage_outside_of_the_views_is_logged_once_and_without_a_traceback(settings, causes):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.outage_outside_of_views"]

    Client(raise_request_exception=False).get("/admin/", HTTP_X_REQUEST_ID=REQUEST_ID)

    [line] = causes()
    assert (line["error"], line["code"], line["message"]) == ("OperationalError", None, "no connection")
    assert "exception" not in line


def outage_outside_of_views(get_response):
    def middleware(request):
        raise OperationalError("no connection")

    return middleware


def test_a_503_is_logged_as_text_on_a_laptop_too(api, alice, a_product, read_only, caplog):
    client, mug = api(alice), a_product(stock=3)
    read_only()

    place(client, mug)

    cause = CAUSE_OF_READ_ONLY[connection.vendor]
    assert caplog.messages[0] == (
        f"database.unavailable: {cause['error']}, code {cause['code']}, nothing changed True: {cause['message']}"
    )
