"""Which requests read from the replica. `make replica-drill` looks at a real one."""

import json

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import DataError, OperationalError, connection, connections, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from products.db.replica import REPLICA, Reads, offer_replica, reads_of_request
from products.models import ApiToken, Order, Product
from products.tests.side_by_side import on_postgresql
from shop.db.replica import Replica, ReplicaRouter
from shop.middleware import ReplicaMiddleware

pytestmark = pytest.mark.django_db(transaction=True)

REPLAYED = 1_000


@pytest.fixture(autouse=True)
def replica(settings):
    """A second connection to the test's database, in the replica's place."""
    settings.DATABASE_ROUTERS = ["shop.db.replica.ReplicaRouter"]
    settings.REPLICA_MAX_LAG = 10
    connections[REPLICA] = connection.copy(alias=REPLICA)
    yield connections[REPLICA]
    connections[REPLICA].close()
    del connections[REPLICA]


@pytest.fixture
def standby():
    return Replica(lambda: (True, REPLAYED, 0.0))


class Caller:
    """A client with a token, in front of the middleware. `outcome` is what became of its last read."""

    def __init__(self, user, standby):
        self.token, self.secret = ApiToken.objects.issue(user)
        self.token.touch()
        self.middleware = ReplicaMiddleware(WSGIHandler().get_response, standby)

    def __call__(self, path, method="GET", body=None):
        headers = {"Authorization": f"Bearer {self.secret}"}
        content = "" if body is None else json.dumps(body)
        return self.middleware(
            RequestFactory().generic(method, path, content, content_type="application/json", headers=headers)
        )

    def has_written_up_to(self, position):
        ApiToken.objects.filter(pk=self.token.pk).update(last_write=position)

    @property
    def last_write(self):
        return ApiToken.objects.get(pk=self.token.pk).last_write


@pytest.fixture
def call(staff, standby):
    return Caller(staff, standby)


@pytest.fixture
def reading(replica):
    """Return the statements that a call sends to the replica, and its status."""

    def read(call, path, method="GET"):
        with CaptureQueriesContext(replica) as statements:
            status = call(path, method).status_code
        return [each["sql"] for each in statements], status

    return read


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("position", "is_there"), [(None, True), (REPLAYED, True), (REPLAYED + 1, False)])
def test_a_token_reads_from_a_replica_that_has_all_that_it_wrote(call, reading, a_product, position, is_there, method):
    product = a_product()
    call.has_written_up_to(position)

    statements, status = reading(call, f"/api/products/{product.pk}", method)

    assert (status, len(statements)) == (200, int(is_there))


@pytest.mark.parametrize(
    "state",
    [(True, REPLAYED, 10.1), (True, REPLAYED, None), (False, REPLAYED, 0.0)],
    ids=["late", "unknown", "primary"],
)
def test_a_replica_that_is_late_or_no_standby_is_not_read_from(staff, reading, state):
    call = Caller(staff, Replica(lambda: state))

    assert reading(call, "/api/products") == ([], 200)


def test_what_may_have_been_revoked_is_looked_up_on_the_primary(call, reading, a_product):
    statements, status = reading(call, "/api/orders")

    assert status == 200
    assert len(statements) == 1
    assert not any(table in statements[0] for table in ("apitoken", "auth_user_", "auth_permission"))


@pytest.mark.parametrize(
    "path",
    [
        "/api/events",
        "/api/tokens",
        "/api/products?changed_since=2026-01-01T00:00:00Z",
        "/api/orders?changed_since=2026-01-01T00:00:00Z",
    ],
)
def test_what_has_to_be_complete_or_revoked_at_once_is_read_from_the_primary(call, reading, path):
    assert reading(call, path) == ([], 200)


def test_the_next_page_of_a_list_of_changes_is_read_from_the_primary_too(call, reading, a_product):
    a_product(), a_product()
    first = json.loads(call("/api/products?changed_since=2026-01-01T00:00:00Z&limit=1").content)

    following = first["next"].removeprefix("http://testserver")

    assert reading(call, following) == ([], 200)


def test_a_replica_that_fails_in_the_middle_costs_no_request(call, reading, replica, a_product, logged):
    product = a_product()

    def fail(execute, sql, params, many, context):
        raise OperationalError("server closed the connection unexpectedly")

    with replica.execute_wrapper(fail):
        response = call(f"/api/products/{product.pk}")
        afterwards = reading(call, f"/api/products/{product.pk}")

    assert (response.status_code, json.loads(response.content)["sku"]) == (200, product.sku)
    assert afterwards == ([], 200)
    assert [line["event"] for line in logged("shop.db.replica")] == ["replica.unavailable"]


def test_a_replica_that_does_not_answer_is_left_alone_for_a_while_and_logged_once(staff, logged):
    asked = []

    def ask():
        asked.append(1)
        raise OperationalError("could not connect to server")

    call = Caller(staff, Replica(ask))

    assert [call("/api/products").status_code for _ in range(3)] == [200] * 3
    assert len(asked) == len(logged("shop.db.replica")) == 1


def test_an_error_that_the_primary_would_make_as_well_is_not_asked_of_it():
    timeout, lost = OperationalError("canceling statement"), OperationalError("server closed the connection")
    timeout.__cause__ = type("QueryCanceled", (Exception,), {"pgcode": "57014"})()

    def to_blame(error):
        reads = Reads(lambda: REPLAYED)
        reads.needed = 0
        assert reads.alias == REPLICA
        return reads.fail(error)

    assert [to_blame(error) for error in (lost, timeout, DataError("out of range"), ValueError("a bug"))] == [
        True,
        False,
        False,
        False,
    ]


def test_a_request_reads_from_one_database_and_inside_a_transaction_from_the_primary():
    positions = iter([REPLAYED])
    router = ReplicaRouter()

    with reads_of_request(Reads(lambda: next(positions))):
        before = router.db_for_read(Product)
        offer_replica(REPLAYED)
        with transaction.atomic():
            inside = router.db_for_read(Product)
        chosen = [router.db_for_read(Product), router.db_for_read(Order)]
        written = router.db_for_write(Product)
    outside = router.db_for_read(Product)

    assert (before, inside, chosen, written, outside) == ("default", "default", [REPLICA] * 2, "default", "default")
    assert [router.allow_migrate(alias, "products") for alias in ("default", REPLICA)] == [True, False]


@on_postgresql
def test_after_a_write_its_position_is_known_to_every_server_and_grows(call, a_product):
    product = a_product(stock=10)
    order = {"product": product.pk, "quantity": 1}

    positions = []
    for body in (order, order, {"product": product.pk, "quantity": 100}):
        call("/api/orders", "POST", body)
        positions.append(call.last_write)

    assert None not in positions
    assert positions == sorted(set(positions))  # A refusal tells of the stock, so it counts as well.


@on_postgresql
def test_neither_a_read_nor_a_request_that_is_malformed_leaves_a_position(call):
    call("/api/products")
    call("/api/orders", "POST", {"nonsense": 1})

    assert call.last_write is None
