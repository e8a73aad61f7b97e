"""GET /api/events: the feed from a position on, by type, and with a wait for what comes."""

import json
import threading
import time

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection

from products.api.views import events as views
from products.feed.reading import read_page
from products.feed.types import TYPES
from products.models import Order
from products.tests.side_by_side import side_by_side

pytestmark = pytest.mark.django_db


@pytest.fixture
def follower():
    """Somebody of the staff who may read events, and nothing else."""
    follower = User.objects.create_user("follower", is_staff=True)
    follower.user_permissions.add(Permission.objects.get(codename="view_event"))
    return follower


@pytest.fixture
def orders(alice, a_product):
    mug = a_product(sku="MUG", stock=9)
    return [Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(3)]


def types_of(page):
    return [entry["type"] for entry in page["results"]]


def test_a_reader_continues_after_the_position_of_the_page_before(api, follower, orders):
    client = api(follower)

    pages, position = [], 0
    while True:
        page = client.get(f"/api/events?after={position}&limit=3").json()
        pages.append(page)
        position = page["position"]
        if not page["has_more"]:
            break

    entries = [entry for page in pages for entry in page["results"]]
    assert [entry["position"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["type"] for entry in entries[-6:]] == ["order.placed", "stock.sold"] * 3
    assert client.get(f"/api/events?after={position}").json() == {
        "position": position,
        "has_more": False,
        "results": [],
    }


def test_types_can_be_chosen_and_the_others_are_passed(api, follower, orders):
    client = api(follower)

    page = client.get("/api/events?type=order.placed,order.paid").json()

    assert types_of(page) == ["order.placed"] * 3
    assert page["position"] == client.get("/api/events").json()["position"]


def test_the_body_is_the_one_that_the_command_prints(api, follower, orders, capsys):
    results = api(follower).get("/api/events").json()["results"]
    call_command("follow_events", "--once")

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == results


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--type", "order.lost"], "There is no type order.lost. The types are: "), (["--after", "-1"], "not negative")],
)
def test_the_command_refuses_what_the_feed_cannot_have(orders, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("follow_events", *options)


def test_the_command_goes_on_until_it_is_interrupted_and_says_where(orders, monkeypatch, capsys):
    newest = read_page(0, 100).position
    naps = iter([None, None])

    def nap(seconds):
        if next(naps, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt

    monkeypatch.setattr("products.management.commands.follow_events.time.sleep", nap)
    call_command("follow_events", "--type", "order.placed")

    output = capsys.readouterr()
    assert [json.loads(line)["type"] for line in output.out.splitlines()] == ["order.placed"] * 3
    assert output.err == f"Stopped after position {newest}.\n"


def test_every_type_has_an_example_and_a_schema(api, follower):
    results = api(follower).get("/api/events/types").json()["results"]

    assert [each["type"] for each in results] == list(TYPES)
    assert all(each["schema"]["title"] == each["type"] == each["example"]["type"] for each in results)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=-1", "invalid"),
        ("after=9223372036854775808", "out_of_range"),
        ("after=first", "invalid"),
        ("limit=101", "out_of_range"),
        ("wait=26", "out_of_range"),
        ("type=order.lost", "unknown_type"),
        ("type=", "blank"),
        ("since=3", "unknown"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api, follower, query, code):
    answer = api(follower).get(f"/api/events?{query}")

    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_a_position_that_the_feed_has_not_reached_is_refused(api, follower, orders):
    """Whoever has one knows more than a restored database, and would miss what it is told next."""
    newest = api(follower).get("/api/events").json()["position"]

    answer = api(follower).get(f"/api/events?after={newest + 1}")

    assert answer.status_code == 400
    assert [(error["parameter"], error["code"], error["detail"]) for error in answer.json()["errors"]] == [
        ("after", "ahead_of_feed", f"The newest position is {newest}. Was the database restored from a backup?")
    ]
    with pytest.raises(CommandError, match=f"The newest position is {newest}"):
        call_command("follow_events", "--once", "--after", str(newest + 1))


def test_without_the_permission_nothing_is_told(api, alice, staff):
    staff.user_permissions.clear()

    assert [api(each).get("/api/events").status_code for each in (alice, staff)] == [403, 403]


# Waiting


@pytest.mark.django_db(transaction=True)
def test_a_reader_can_wait_for_the_next_event_and_holds_no_connection_meanwhile(api, follower, orders, monkeypatch):
    client = api(follower)
    position = client.get("/api/events").json()["position"]
    open_connections = []

    def sleep(seconds):
        open_connections.append(connection.connection is not None)
        orders[0].pay()
        connection.close()

    monkeypatch.setattr(views.time, "sleep", sleep)

    page = client.get(f"/api/events?after={position}&wait=5").json()

    assert types_of(page) == ["order.paid"]
    assert open_connections == [False]


@pytest.mark.django_db(transaction=True)
def test_a_wait_ends_when_its_time_is_over(api, follower, orders):
    client = api(follower)
    position = client.get("/api/events").json()["position"]

    start = time.monotonic()
    page = client.get(f"/api/events?after={position}&wait=1").json()

    assert page["results"] == []
    assert time.monotonic() - start >= 1


@pytest.mark.django_db(transaction=True)
def test_one_too_many_does_not_wait(api, follower, orders, monkeypatch):
    monkeypatch.setattr(views, "_waiting", threading.Semaphore(0))
    client = api(follower)
    position = client.get("/api/events").json()["position"]

    start = time.monotonic()
    page = client.get(f"/api/events?after={position}&wait=25").json()

    assert page["results"] == []
    assert time.monotonic() - start < 5


@pytest.mark.django_db(transaction=True)
def test_readers_at_the_same_time_number_every_event_once(api, follower, orders):
    clients = [api(follower) for _ in range(3)]

    pages = side_by_side(*(lambda client=client: client.get("/api/events").json()["results"] for client in clients))

    everything = clients[0].get("/api/events").json()["results"]
    assert len({entry["position"] for entry in everything}) == len(everything)
    assert all(page == everything[: len(page)] for page in pages)
