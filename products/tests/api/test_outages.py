"""An unavailable database is a 503 with `Retry-After`, wherever it is noticed; a bug is a 500."""

import pytest
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from products.db.errors import cause_of, is_unavailable, was_rolled_back
from products.models import ApiToken, BulkJob, Order, Status
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

LOST = "The database is temporarily unavailable, and it is unknown whether the change was made."
UNCHANGED = "The database is temporarily unavailable; nothing was changed."


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def customer(alice):
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiToken.objects.issue(alice)[1]}")
    return client


def failing(words, error):
    """Make every statement that contains `words` fail."""

    def fail(execute, sql, params, many, context):
        if words in sql:
            raise error
        return execute(sql, params, many, context)

    return connection.execute_wrapper(fail)


def raised_by(statement):
    """Return Django's exception for the error that the database raises."""
    with pytest.raises(DatabaseError) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return raised.value


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection already closed")])
@pytest.mark.parametrize("debug", [False, True])
def test_it_is_a_503_in_authentication(customer, settings, error, debug):
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, ["testserver"]

    with failing("", error):  # and the first one is the token's
        answer = customer.get("/api/orders")

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["detail"]) == ("unavailable", UNCHANGED)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/?next=/admin/"])
def test_it_is_a_page_of_503_in_the_sessions_of_the_admin(client, staff, path):
    client.force_login(staff)

    with failing("django_session", OperationalError("gone")):
        answer = client.get(path)

    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "1", "no-store")
    assert "Temporarily unavailable" in answer.content.decode()


def test_it_is_a_page_of_503_in_a_template_of_the_admin(client, staff):
    client.force_login(staff)

    with failing("products_product", OperationalError("gone")):
        answer = client.get("/admin/products/product/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


def test_a_token_whose_use_cannot_be_noted_is_no_reason_to_fail(customer):
    with failing('UPDATE "products_apitoken"', OperationalError("gone")):
        answer = customer.get("/api/orders")

    assert answer.status_code == 200


def test_a_bug_is_no_outage_on_any_page(client, staff):
    client.force_login(staff)

    with failing("products_product", InternalError("a bug")):
        answer = client.get("/admin/products/product/")

    assert answer.status_code == 500


@on_postgresql
@pytest.mark.parametrize("code", ["57014", "25006", "53100", "40001", "40P01", "55P03"])
def test_an_error_of_postgresql_that_rolled_back_is_a_503_with_nothing_changed(code):
    error = raised_by(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")

    assert (is_unavailable(error), was_rolled_back(error)) == (True, True)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "repair", "name"),
    [
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "SQLITE_READONLY"),
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 4294967294", "SQLITE_FULL"),
    ],
)
def test_an_error_of_sqlite_that_rolled_back_is_a_503_with_nothing_changed(fault, repair, name):
    run("VACUUM")  # so that no page is free
    run(fault)
    error = raised_by("CREATE TABLE more AS SELECT zeroblob(100000)")
    run(repair)

    assert cause_of(error).code == name
    assert (is_unavailable(error), was_rolled_back(error)) == (True, True)


@on_postgresql
@pytest.mark.parametrize("code", ["57P01", "57P02", "57P03", "53300", "25P03", "58030", "08006"])
def test_an_error_of_postgresql_with_an_unknown_outcome_is_a_503(code):
    error = raised_by(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")

    assert (is_unavailable(error), was_rolled_back(error)) == (True, False)


@pytest.fixture
def trigger():
    """Run some PL/pgSQL whenever an event is written; `at_commit`, when it is about to be committed."""

    def create(action, *, at_commit=False, when="true"):
        timing = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
        run(f"""
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action}; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON products_event {timing}
            FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fault();
        """)

    yield create
    connection.close()  # which may be broken
    run("DROP TRIGGER IF EXISTS fault ON products_event; DROP FUNCTION IF EXISTS fault")


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


TERMINATE = "PERFORM pg_terminate_backend(pg_backend_pid())"
CANCEL = "RAISE EXCEPTION 'canceling statement' USING ERRCODE = '57014'"


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("step_by_step")
def test_a_connection_that_breaks_before_the_commit_has_changed_nothing(customer, a_product, trigger):
    mug = a_product(stock=3)
    trigger(TERMINATE)

    answer = customer.post("/api/orders", {"product": mug.pk, "quantity": 1})

    assert (answer.status_code, answer.json()["detail"]) == (503, UNCHANGED)
    assert not Order.objects.exists()


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("step_by_step")
def test_a_connection_that_breaks_in_the_commit_may_have_changed_something(customer, a_product, trigger):
    mug = a_product(stock=3)
    trigger(TERMINATE, at_commit=True)

    answer = customer.post("/api/orders", {"product": mug.pk, "quantity": 1})

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["detail"].startswith(LOST)


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_commit", [False, True])
def test_a_connection_that_breaks_in_a_statement_that_is_its_own_transaction_may_have_changed_something(
    customer, a_product, trigger, at_commit
):
    mug = a_product(stock=3)
    trigger(TERMINATE, at_commit=at_commit)

    answer = customer.post("/api/orders", {"product": mug.pk, "quantity": 1})

    assert answer.status_code == 503
    assert answer.json()["detail"].startswith(LOST)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_outage_in_one_of_several_rows_changes_nothing_and_says_so(api, staff, a_product, trigger):
    mug, lamp = a_product(), a_product()
    trigger(CANCEL, when=f"NEW.product_id = {lamp.pk}")
    rows = [{"product": product.pk, "delta": 1, "reason": "RECEIVED"} for product in (mug, lamp)]

    both = api(staff).post("/api/stock", {"rows": rows})
    one = api(staff).post("/api/stock", {"rows": rows[1:]})

    assert (both.status_code, one.status_code) == (503, 503)
    assert [answer.json()["detail"] for answer in (both, one)] == [UNCHANGED, UNCHANGED]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 0)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_page_says_whether_it_is_certain_that_nothing_was_changed(client, staff, alice, a_product, trigger):
    orders = [Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)]) for _ in range(2)]
    client.force_login(staff)
    trigger(CANCEL, when=f"NEW.order_id = '{orders[1].pk}'")

    def pay(*orders):
        job = BulkJob.objects.draw_up("pay", Order.objects.filter(pk__in=[order.pk for order in orders]), by=staff)
        client.post(reverse("admin:products_bulkjob_start", args=[job.pk]))
        return client.post(reverse("admin:products_bulkjob_batch", args=[job.pk]))

    one, both = pay(orders[1]), pay(*orders)

    assert (one.status_code, both.status_code) == (503, 503)
    assert f"{UNCHANGED} Try again." in one.content.decode()
    assert "it is unknown whether your last change was saved" in both.content.decode()
    assert set(Order.objects.values_list("status", flat=True)) == {Status.PLACED, Status.PAID}


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_write_where_only_reading_is_allowed_is_a_503(customer, a_product):
    mug = a_product(stock=3)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        answer = customer.post("/api/orders", {"product": mug.pk, "quantity": 1})
        cursor.execute("SET default_transaction_read_only = off")

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["detail"] == UNCHANGED
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "statement", ["SELECT nonsense FROM nowhere", "SELECT FROM WHERE", "INSERT INTO products_product (id) VALUES (1)"]
)
def test_a_mistake_of_ours_is_no_outage(statement):
    error = raised_by(statement)

    assert not is_unavailable(error)
    assert not was_rolled_back(error)


def test_an_outage_is_recognized_in_the_cause_of_another_exception():
    def make_a_page():
        try:
            raise OperationalError("gone")
        except OperationalError as error:
            raise RuntimeError("the page could not be made") from error

    with pytest.raises(RuntimeError) as raised:
        make_a_page()

    assert is_unavailable(raised.value)
    assert not is_unavailable(RuntimeError("a bug"))
    assert not is_unavailable(None)
