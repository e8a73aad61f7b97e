"""The transitions of an order: cancel, pay, ship, deliver, return."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import Order, Product, Status
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side
from products.tests.statements import verbs

pytestmark = pytest.mark.django_db

TRANSITIONS = ["cancel", "pay", "ship", "deliver", "return"]
WAY_TO = {
    Status.PLACED: [],
    Status.PAID: ["pay"],
    Status.SHIPPED: ["pay", "ship"],
    Status.DELIVERED: ["pay", "ship", "deliver"],
    Status.CANCELLED: ["cancel"],
    Status.RETURNED: ["pay", "ship", "return_goods"],
}
ALLOWED = {
    Status.PLACED: ["PAID", "CANCELLED", "EXPIRED"],
    Status.PAID: ["SHIPPED", "CANCELLED"],
    Status.SHIPPED: ["DELIVERED", "RETURNED"],
    Status.DELIVERED: ["RETURNED"],
    Status.CANCELLED: [],
    Status.RETURNED: [],
}
COMES_TO = dict(zip(TRANSITIONS, ["CANCELLED", "PAID", "SHIPPED", "DELIVERED", "RETURNED"], strict=True))


@pytest.fixture
def mug(a_product):
    return a_product(stock=3)


@pytest.fixture
def an_order(alice, mug):
    """Place an order of alice's, 2 mugs, and bring it to a status."""

    def place(status=Status.PLACED, **values):
        order = Order.objects.create(customer=alice, items=[(mug, 2)], **values)
        for verb in WAY_TO[status]:
            getattr(order, verb)()
        return order

    return place


@pytest.fixture
def clerk(db):
    """Create a member of staff with exactly these permissions."""

    def hire(*codenames):
        clerk = User.objects.create_user("clerk", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return clerk

    return hire


def path(order, move=None):
    return f"/api/orders/{order.pk}" + (f"/{move}" if move else "")


def test_an_order_can_be_paid_shipped_and_delivered(api, staff, an_order, mug):
    order, client = an_order(), api(staff)

    paid = client.post(path(order, "pay"), {"reference": "INV-7"})
    shipped = client.post(path(order, "ship"), {"carrier": "DHL", "tracking_number": "00340"})
    delivered = client.post(path(order, "deliver"))

    assert [answer.status_code for answer in (paid, shipped, delivered)] == [200, 200, 200]
    assert [answer.json()["status"] for answer in (paid, shipped, delivered)] == ["PAID", "SHIPPED", "DELIVERED"]
    body = delivered.json()
    assert (body["payment_reference"], body["carrier"], body["tracking_number"]) == ("INV-7", "DHL", "00340")
    assert body == client.get(path(order)).json()
    assert [(event.kind, event.by) for event in order.events.order_by("id")] == [
        ("order.placed", order.customer),
        ("order.paid", staff),
        ("order.shipped", staff),
        ("order.delivered", staff),
    ]
    assert mug.refreshed().stock == 1


def test_a_customer_cancels_an_order_and_the_stock_is_back(api, alice, an_order, mug):
    order = an_order()

    answer = api(alice).post(path(order, "cancel"))

    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    assert answer.json()["lines"] == api(alice).get(path(order)).json()["lines"] != []
    assert mug.refreshed().stock == 3
    assert [(event.kind, event.by) for event in order.events.order_by("id")][1:] == [("order.cancelled", alice)]


def test_what_comes_back_goes_back_on_the_shelf(api, staff, an_order, mug):
    order = an_order(Status.DELIVERED)

    answer = api(staff).post(path(order, "return"), {})

    assert (answer.status_code, answer.json()["status"]) == (200, "RETURNED")
    assert mug.refreshed().stock == 3
    assert not Product.objects.out_of_balance().exists()


@pytest.mark.parametrize("status", WAY_TO)
@pytest.mark.parametrize("move", TRANSITIONS)
def test_a_move_is_made_where_it_is_allowed_and_refused_where_not(api, staff, an_order, mug, status, move):
    order = an_order(status)
    stock = mug.refreshed().stock

    answer = api(staff).post(path(order, move))

    to = COMES_TO[move]
    if to in ALLOWED[status]:
        assert (answer.status_code, answer.json()["status"]) == (200, to)
        return
    assert answer.status_code == 409
    body = answer.json()
    assert (body["code"], body["allowed"]) == ("forbidden_move", ALLOWED[status])
    detail = f"An order that is {status} cannot become {to}."
    assert body["errors"] == [
        {"pointer": "", "code": "forbidden_move", "detail": detail, "from": status.value, "to": to}
    ]
    assert Order.objects.get().status == status
    assert mug.refreshed().stock == stock


def test_the_second_of_two_cancellations_is_rejected(api, alice, an_order, mug):
    order, client = an_order(), api(alice)

    answers = [client.post(path(order, "cancel")) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert mug.refreshed().stock == 3


def test_a_payment_after_the_deadline_is_rejected(api, staff, an_order):
    order = an_order(pay_by=timezone.now() - timedelta(seconds=1))

    answer = api(staff).post(path(order, "pay"), {"reference": "INV-7"})

    assert (answer.status_code, answer.json()["code"]) == (409, "payment_overdue")
    assert Order.objects.get().payment_reference == ""


# Who may


@pytest.mark.parametrize("status", [Status.PLACED, Status.PAID])
def test_customers_cancel_their_own_orders_until_they_are_shipped(api, alice, an_order, status):
    assert api(alice).post(path(an_order(status), "cancel")).status_code == 200


def test_customers_cannot_cancel_a_shipped_order(api, alice, an_order):
    answer = api(alice).post(path(an_order(Status.SHIPPED), "cancel"))

    assert (answer.status_code, answer.json()["allowed"]) == (409, ["DELIVERED", "RETURNED"])


@pytest.mark.parametrize("move", ["pay", "ship", "deliver", "return"])
def test_customers_make_no_other_move(api, alice, an_order, move):
    answer = api(alice).post(path(an_order(), move))

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert Order.objects.get().status == Status.PLACED


@pytest.mark.parametrize("move", TRANSITIONS)
def test_to_others_there_is_no_such_order(api, bob, an_order, move):
    order = an_order()

    theirs, nobodys = (api(bob).post(f"/api/orders/{pk}/{move}") for pk in (order.pk, UUID(int=7)))

    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert {**theirs.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}
    assert Order.objects.get().status == Status.PLACED


@pytest.mark.parametrize("move", TRANSITIONS)
def test_staff_who_may_only_view_orders_cannot_change_their_status(api, clerk, an_order, move):
    answer = api(clerk("view_order")).post(path(an_order(), move))

    assert answer.status_code == 403
    assert Order.objects.get().status == Status.PLACED


@pytest.mark.parametrize("move", TRANSITIONS)
def test_staff_who_may_not_view_orders_get_a_404(api, clerk, an_order, move):
    assert api(clerk("change_order")).post(path(an_order(), move)).status_code == 404


@pytest.mark.parametrize("move", ["pay", "ship", "deliver", "return"])
def test_permissions_are_worth_nothing_without_being_staff(api, clerk, an_order, mug, move):
    customer = clerk("view_order", "change_order")
    customer.is_staff = False
    customer.save()
    own = Order.objects.create(customer=customer, items=[(mug, 1)])
    client = api(customer)

    assert client.post(path(an_order(), move)).status_code == 404
    assert client.post(path(own, move)).status_code == 403


def test_staff_cancel_for_a_customer(api, clerk, an_order):
    boss = clerk("view_order", "change_order")

    answer = api(boss).post(path(an_order(), "cancel"))

    assert answer.status_code == 200
    assert Order.objects.get().events.last().by == boss


def test_staff_can_cancel_their_own_orders(api, clerk, mug):
    clerk = clerk()
    order = Order.objects.create(customer=clerk, items=[(mug, 1)])

    assert api(clerk).post(path(order, "pay")).status_code == 403
    assert api(clerk).post(path(order, "cancel")).status_code == 200


@pytest.mark.parametrize("move", TRANSITIONS)
def test_a_transition_needs_a_token(api, an_order, move):
    assert api().post(path(an_order(), move)).status_code == 401


@pytest.mark.parametrize("move", TRANSITIONS)
def test_a_cart_is_not_moved(api, staff, alice, move):
    cart = Order.objects.cart_of(alice)

    assert api(staff).post(path(cart, move)).status_code == 404


# What is said


@pytest.mark.parametrize(
    ("move", "body", "expected"),
    [
        ("pay", {"amount": "9.00"}, [("/amount", "unknown")]),
        ("pay", {"reference": 7}, [("/reference", "invalid")]),
        ("pay", {"reference": None}, [("/reference", "null")]),
        ("pay", {"reference": ["INV-7"]}, [("/reference", "invalid")]),
        ("pay", {"reference": "x" * 201}, [("/reference", "max_length")]),
        (
            "ship",
            {"carrier": "x" * 101, "tracking_number": "x" * 101},
            [("/carrier", "max_length"), ("/tracking_number", "max_length")],
        ),
        ("ship", {"status": "SHIPPED"}, [("/status", "unknown")]),
        ("deliver", {"carrier": "DHL"}, [("/carrier", "unknown")]),
        ("cancel", {"why": "too late"}, [("/why", "unknown")]),
        ("return", [], [("", "invalid")]),
        ("cancel", "x", [("", "invalid")]),
        ("cancel", 7, [("", "invalid")]),
    ],
)
def test_a_body_of_another_shape_moves_nothing(api, staff, an_order, move, body, expected):
    order = an_order(Status.PAID if move in ("ship", "cancel") else Status.SHIPPED if move != "pay" else Status.PLACED)
    as_it_was = order.status

    answer = api(staff).post(path(order, move), body, format="json")

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == expected
    assert Order.objects.get().status == as_it_was


def test_a_body_is_read_before_the_order_is_locked(api, alice, an_order, django_assert_num_queries):
    order, client = an_order(), api(alice)
    client.get(path(order))

    # Behind the lock, whoever sends a body slowly would keep others waiting.
    with django_assert_num_queries(1):  # the token
        answer = client.generic("POST", path(order, "cancel"), "{", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_nothing_need_be_said(api, staff, an_order):
    order, client = an_order(), api(staff)

    assert client.post(path(order, "pay"), {}).json()["payment_reference"] == ""
    assert client.post(path(order, "ship"), {"carrier": ""}).json()["carrier"] == ""


def test_parameters_are_refused(api, alice, an_order):
    answer = api(alice).post(path(an_order(), "cancel") + "?force=true")

    assert answer.status_code == 400
    assert Order.objects.get().status == Status.PLACED


@pytest.mark.parametrize("move", TRANSITIONS)
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_move_is_posted(api, staff, an_order, move, method):
    assert getattr(api(staff), method)(path(an_order(), move)).status_code == 405


# What was seen


def test_a_transition_with_the_current_etag_is_made(api, staff, an_order):
    order, client = an_order(), api(staff)
    seen = client.get(path(order))["ETag"]

    answer = client.post(path(order, "pay"), HTTP_IF_MATCH=seen)
    shipped = client.post(path(order, "ship"), HTTP_IF_MATCH=answer["ETag"])

    assert (answer.status_code, shipped.status_code) == (200, 200)
    assert len({seen, answer["ETag"], shipped["ETag"]}) == 3
    assert client.get(path(order))["ETag"] == shipped["ETag"]


def test_a_move_of_something_that_has_changed_since_is_refused(api, staff, alice, an_order, mug):
    order = an_order()
    seen = api(alice).get(path(order))["ETag"]
    order.pay(reference="INV-7")

    answer = api(alice).post(path(order, "cancel"), HTTP_IF_MATCH=seen)

    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert Order.objects.get().status == Status.PAID
    assert mug.refreshed().stock == 1


def test_what_may_not_be_moved_is_refused_whatever_was_seen(api, alice, bob, an_order):
    order = an_order()

    assert api(alice).post(path(order, "pay"), HTTP_IF_MATCH='"x"').status_code == 403
    assert api(bob).post(path(order, "pay"), HTTP_IF_MATCH='"x"').status_code == 404


# Races


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_a_cancel_and_a_ship_at_once_that_saw_the_same_one_wins(api, alice, staff, an_order, mug):
    for _ in range(10):
        mug.receive(2)
        order = an_order(Status.PAID)
        seen = api(alice).get(path(order))["ETag"]

        cancelled, shipped = side_by_side(
            lambda order=order, seen=seen: api(alice).post(path(order, "cancel"), HTTP_IF_MATCH=seen),
            lambda order=order, seen=seen: api(staff).post(path(order, "ship"), HTTP_IF_MATCH=seen),
        )

        assert sorted([cancelled.status_code, shipped.status_code]) == [200, 412]
        order.refresh_from_db()
        assert order.status == ("CANCELLED" if cancelled.status_code == 200 else "SHIPPED")
        assert order.events.count() == 3
    assert not Product.objects.out_of_balance().exists()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_if_match_is_compared_under_the_lock(api, alice, an_order):
    order, client = an_order(Status.PAID), api(alice)
    seen = client.get(path(order))["ETag"]

    with transaction.atomic():
        order.ship()
        cancelling = meanwhile(lambda: client.post(path(order, "cancel"), HTTP_IF_MATCH=seen))
        assert cancelling.waits()

    # Compared before the lock, it would have matched, and be a 409.
    assert cancelling.outcome().status_code == 412


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_order_costs_so_many_statements(api, alice, an_order):
    order, client = an_order(), api(alice)
    client.get(path(order))

    with CaptureQueriesContext(connection) as captured:
        client.post(path(order, "cancel"))

    assert verbs(captured) == [
        "SELECT",  # the token and its user
        "BEGIN",
        "SELECT",  # the order, locked
        "SELECT",  # its lines, for the tag
        "SAVEPOINT",
        "SELECT",  # the order, which the verb looks at again
        "SELECT",  # its lines
        "SELECT",  # what they have taken
        "SELECT",  # the number of the cancellation
        "UPDATE",  # the counters of the lines
        "SELECT",  # the products, locked
        "UPDATE",  # the order
        "UPDATE",  # the stock
        "INSERT",  # the ledger
        "INSERT",  # the cancellation
        "INSERT",  # its lines
        "INSERT",  # the event
        "RELEASE",
        "COMMIT",
    ]
