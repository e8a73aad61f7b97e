"""Deliveries: every event at least once, signed, those of one order in order, and no endpoint in another's way."""

import logging
import os
import signal
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

import shop.settings
from products.feed.sequencer import number_all_events
from products.models import FeedEntry, FeedState, Order, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side
from products.webhooks import deliveries, sender
from products.webhooks.deliveries import lease, make_deliveries, pause_after, redeliver, redeliver_after
from products.webhooks.endpoints import change_endpoint, rotate
from products.webhooks.posting import Answer
from products.webhooks.sender import Sender

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(sku="MUG", stock=500)


@pytest.fixture
def order_of(alice, mug):
    def order(quantity=1):
        return Order.objects.create(customer=alice, items=[(mug, quantity)])

    return order


@pytest.fixture(autouse=True)
def _quick_retries(settings):
    settings.WEBHOOK_TIMEOUT = 2
    settings.WEBHOOK_RETRIES = [0, 0, 0]


def send(threads=8):
    worker = Sender(threads)
    worker.run(once=True)
    return worker


def told(receiver, secret):
    """The type and order, or product, of each post, verified."""
    payloads = receiver.verified(secret)
    return [(each["type"], each["data"].get("order") or each["data"]["product"]) for each in payloads]


def states(endpoint):
    return list(endpoint.deliveries.order_by("entry").values_list("state", "attempts"))


def wait_over():
    """Have every pause be over."""
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.pending().update(next_attempt_at=past)
    WebhookEndpoint.objects.filter(paused_until__isnull=False).update(paused_until=past)


def test_what_happens_is_posted_signed_with_the_payload_of_the_feed(receiver, an_endpoint, order_of, mug):
    endpoint, secret = an_endpoint(receiver)
    order = order_of(2)

    worker = send()

    [placed, sold] = sorted(receiver.verified(secret), key=lambda each: each["position"])
    assert (placed["type"], placed["data"]["order"], placed["data"]["total"]) == ("order.placed", str(order.pk), "2.00")
    assert (sold["type"], sold["data"]["product"], sold["data"]["stock"]) == ("stock.sold", mug.pk, 498)
    assert {headers["webhook-id"] for _, headers, _ in receiver.posts} == {
        f"evt_{placed['position']}",
        f"evt_{sold['position']}",
    }
    assert (worker.delivered, worker.failed) == (2, 0)
    assert states(endpoint) == [("DELIVERED", 1), ("DELIVERED", 1)]
    assert list(WebhookAttempt.objects.values_list("code", "answer", "error")) == [(204, "", ""), (204, "", "")]


def test_only_the_types_that_are_asked_for_are_posted(receiver, an_endpoint, order_of):
    endpoint, secret = an_endpoint(receiver, types=["order.paid"])
    order = order_of()
    order.pay()

    send()
    send()

    assert told(receiver, secret) == [("order.paid", str(order.pk))]
    assert endpoint.deliveries.count() == 1
    endpoint.refresh_from_db()
    assert endpoint.position == FeedState.objects.get().position


def test_an_endpoint_may_begin_at_a_position(receiver, an_endpoint, order_of):
    first, second = order_of(), order_of()
    number_all_events()
    position = FeedEntry.objects.get(order=first).position

    _, secret = an_endpoint(receiver, types=["order.placed"], after=position)
    send()

    assert told(receiver, secret) == [("order.placed", str(second.pk))]


def test_each_endpoint_gets_everything(receiver, another_receiver, an_endpoint, order_of):
    first, second = an_endpoint(receiver)[1], an_endpoint(another_receiver)[1]
    order_of()

    send()

    assert sorted(told(receiver, first)) == sorted(told(another_receiver, second))
    assert len(receiver.posts) == 2


def test_the_events_of_an_order_wait_for_a_failed_one(receiver, an_endpoint, order_of, settings):
    settings.WEBHOOK_RETRIES = [60, 60]
    endpoint, secret = an_endpoint(receiver, types=["order.placed", "order.paid", "order.shipped"])
    first, second = order_of(), order_of()
    for order in (first, second):
        order.pay()
        order.ship()
    receiver.answers = [500]

    send(threads=1)
    failed, *others = told(receiver, secret)
    wait_over()
    send(threads=1)

    assert failed == ("order.placed", str(first.pk))
    assert others == [(f"order.{what}", str(second.pk)) for what in ("placed", "paid", "shipped")]
    assert told(receiver, secret)[4:] == [(f"order.{what}", str(first.pk)) for what in ("placed", "paid", "shipped")]
    assert set(states(endpoint)) == {("DELIVERED", 2), ("DELIVERED", 1)}


def test_what_fails_for_three_days_is_given_up_and_those_after_it_are_delivered(receiver, an_endpoint, order_of):
    endpoint, secret = an_endpoint(receiver, types=["order.placed", "order.paid"])
    order_of().pay()
    receiver.answers = [500] * 4

    for _ in range(6):
        wait_over()
        send()

    assert states(endpoint) == [("GIVEN_UP", 4), ("DELIVERED", 1)]
    assert [type for type, _ in told(receiver, secret)] == ["order.placed"] * 4 + ["order.paid"]
    assert list(WebhookAttempt.objects.values_list("code", flat=True)) == [500] * 4 + [204]


def test_pauses_grow_to_three_days_and_differ_a_little():
    pauses = [pause_after(attempts, Answer(0, code=500)).total_seconds() for attempts in range(1, 4)]

    assert pauses == [0, 0, 0]
    assert pause_after(4, Answer(0, code=500)) is None


def test_pauses_are_drawn_around_those_of_the_setting(settings):
    settings.WEBHOOK_RETRIES = [100]

    pauses = {pause_after(1, Answer(0, code=500)).total_seconds() for _ in range(50)}

    assert len(pauses) > 1
    assert all(80 <= pause <= 120 for pause in pauses)


def test_the_default_pauses_are_three_days_together():
    assert timedelta(seconds=sum(shop.settings.WEBHOOK_RETRIES)) / timedelta(days=1) == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("code", "asked", "seconds"), [(429, 50, 50), (503, 50, 50), (500, 50, 0), (429, 10**9, 86_400)]
)
def test_a_receiver_that_asks_to_wait_is_left_alone_for_so_long(code, asked, seconds):
    assert pause_after(1, Answer(0, code=code, retry_after=asked)) == timedelta(seconds=seconds)


def test_an_endpoint_that_asks_to_wait_gets_nothing_else_meanwhile(receiver, an_endpoint, order_of):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    order_of(), order_of(), order_of()
    receiver.answers = [(429, {"Retry-After": "100"}, b"")]

    send(threads=1)

    endpoint.refresh_from_db()
    assert len(receiver.posts) == 1
    assert endpoint.paused_until > timezone.now() + timedelta(seconds=90)


def test_410_switches_an_endpoint_off_and_what_is_left_is_delivered_when_it_is_on_again(
    receiver, an_endpoint, order_of, staff
):
    endpoint, secret = an_endpoint(receiver, types=["order.placed"])
    first, second = order_of(), order_of()
    receiver.answers = [410]

    send(threads=1)
    endpoint.refresh_from_db()
    off = (endpoint.is_active, endpoint.off_reason, len(receiver.posts))
    change_endpoint(endpoint, {"is_active": True}, by=staff)
    send(threads=1)

    assert off == (False, "The receiver answered 410 Gone.", 1)
    assert told(receiver, secret)[1:] == [("order.placed", str(first.pk)), ("order.placed", str(second.pk))]


def test_an_endpoint_that_keeps_failing_is_tried_now_and_then_and_switched_off_after_days(
    receiver, an_endpoint, order_of, settings
):
    settings.WEBHOOK_RETRIES = [100] * 9
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    for _ in range(9):
        order_of()
    receiver.answers = [500] * 99

    send(threads=1)
    tried = len(receiver.posts)
    endpoint.refresh_from_db()
    paused = endpoint.paused_until
    wait_over()
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=6))
    send(threads=1)

    endpoint.refresh_from_db()
    assert (tried, len(receiver.posts)) == (5, 6)
    assert paused > timezone.now() + timedelta(seconds=90)
    assert (endpoint.is_active, endpoint.off_reason) == (False, "Every attempt has failed for 5 days.")


def test_what_a_doubtful_endpoint_misses_waits_in_the_feed(receiver, an_endpoint, order_of):
    _, secret = an_endpoint(receiver, types=["order.placed"])
    WebhookEndpoint.objects.update(failures=5, failing_since=timezone.now())
    order = order_of()
    number_all_events()

    assert make_deliveries() == 0

    WebhookEndpoint.objects.update(failures=0, failing_since=None)
    send()
    assert told(receiver, secret) == [("order.placed", str(order.pk))]


def test_a_delivery_that_a_killed_worker_had_leased_is_taken_over_when_the_lease_ends(receiver, an_endpoint, order_of):
    endpoint, secret = an_endpoint(receiver, types=["order.placed", "order.paid"])
    order_of().pay()
    number_all_events()
    make_deliveries()
    killed = lease(endpoint.pk, runs=9, worker=uuid4(), until=timezone.now() + timedelta(seconds=60))
    send()
    before = list(receiver.posts)
    WebhookDelivery.objects.update(lease_until=timezone.now())

    send()

    assert [len(run) for run in killed] == [2]
    assert before == []
    assert [type for type, _ in told(receiver, secret)] == ["order.placed", "order.paid"]


def test_a_worker_whose_lease_has_been_taken_over_changes_nothing(receiver, an_endpoint, order_of):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    order_of()
    number_all_events()
    make_deliveries()
    late, other = uuid4(), uuid4()
    lease(endpoint.pk, runs=1, worker=late, until=timezone.now())
    [[leased]] = lease(endpoint.pk, runs=1, worker=other, until=timezone.now() + timedelta(seconds=60))

    deliveries.record([deliveries.Outcome(leased.delivery, endpoint.pk, 0, Answer(0, code=500))], late)

    delivery = endpoint.deliveries.get()
    assert (delivery.lease, delivery.attempts, delivery.state) == (other, 0, "PENDING")
    assert delivery.log.get().code == 500


def test_a_long_run_is_given_back_when_its_lease_is_about_to_end(receiver, an_endpoint, mug, monkeypatch):
    endpoint, _ = an_endpoint(receiver, types=["stock.received"])
    for _ in range(3):
        mug.receive(1)
    monkeypatch.setattr(sender, "LEASE", 1)  # so that no time is left for a post
    number_all_events()
    make_deliveries()
    worker = Sender()
    stop = threading.Timer(0.5, worker.stop.set)
    stop.start()

    worker.run()

    assert receiver.posts == []
    assert endpoint.deliveries.filter(lease=None).count() == 3


def test_one_secret_after_the_other_signs_while_they_are_rotated(receiver, an_endpoint, order_of):
    endpoint, former = an_endpoint(receiver, types=["order.placed"])
    latter = rotate(endpoint)
    order_of()

    send()

    assert former != latter
    assert len(receiver.verified(former, latter)) == 2
    assert receiver.posts[0][1]["webhook-signature"].count("v1,") == 2


def test_the_previous_secret_signs_no_longer_than_it_may(receiver, an_endpoint, order_of):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    latter = rotate(endpoint)
    WebhookEndpoint.objects.update(previous_until=timezone.now())
    order_of()

    send()

    assert len(receiver.verified(latter)) == 1
    assert receiver.posts[0][1]["webhook-signature"].count("v1,") == 1


def test_a_secret_outlives_the_secret_key_as_long_as_that_is_among_the_fallbacks(
    receiver, an_endpoint, order_of, settings
):
    _, secret = an_endpoint(receiver, types=["order.placed"])
    order_of()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key " * 5
    send()
    settings.SECRET_KEY_FALLBACKS = []
    order_of()
    send()

    assert len(receiver.verified(secret)) == 1
    failed = WebhookAttempt.objects.order_by("-pk")[0]
    assert failed.error.startswith("The secret was made under a SECRET_KEY that the shop no longer has")


def test_secrets_are_neither_stored_nor_logged(receiver, an_endpoint, order_of, caplog, settings):
    caplog.set_level(logging.DEBUG)
    endpoint, secret = an_endpoint(receiver)
    latter = rotate(endpoint)
    order_of()
    receiver.answers = [500]

    send()

    columns = " ".join(str(value) for value in WebhookEndpoint.objects.values_list().get())
    for written in (secret, latter):
        assert written.removeprefix("whsec_")[:20] not in caplog.text + columns
    assert receiver.address not in caplog.text


def test_one_delivery_can_be_repeated(receiver, an_endpoint, order_of):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    order_of()
    send()

    redeliver(endpoint.deliveries.get())
    send()

    first, second = receiver.posts
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]
    assert endpoint.deliveries.get().log.count() == 2


def test_all_from_a_position_on_can_be_repeated_in_order_even_what_was_purged(receiver, an_endpoint, order_of):
    endpoint, secret = an_endpoint(receiver, types=["order.placed", "order.paid"])
    first, second = order_of(), order_of()
    second.pay()
    send()
    before = len(receiver.posts)
    endpoint.deliveries.order_by("-entry")[0].delete()
    position = FeedEntry.objects.get(order=first).position

    redeliver_after(endpoint, position)
    send()

    assert told(receiver, secret)[before:] == [("order.placed", str(second.pk)), ("order.paid", str(second.pk))]


def test_a_slow_endpoint_has_one_thread_and_the_others_go_on(receiver, another_receiver, an_endpoint, order_of):
    an_endpoint(receiver, types=["order.placed"])
    _, quick = an_endpoint(another_receiver, types=["order.placed"])
    receiver.answers = [lambda handler: time.sleep(3)] * 9
    for _ in range(6):
        order_of()
    worker = Sender(2)
    thread_done = threading.Event()

    def watch():
        end = time.monotonic() + 5
        while len(another_receiver.posts) < 6 and time.monotonic() < end:
            time.sleep(0.01)
        thread_done.at = time.monotonic()
        worker.stop.set()

    start = time.monotonic()
    threading.Thread(target=watch).start()
    worker.run()

    assert len(told(another_receiver, quick)) == 6
    assert thread_done.at - start < 1.9  # before the slow one's time is up
    assert len(receiver.posts) == 1


def test_an_endpoint_has_one_post_at_a_time_until_it_has_answered_quickly(receiver, an_endpoint, order_of):
    an_endpoint(receiver, types=["order.placed"])
    for _ in range(6):
        order_of()
    receiver.answers = [lambda handler: time.sleep(1)] * 6
    worker = Sender(4)
    threading.Timer(0.5, worker.stop.set).start()

    worker.run()

    assert len(receiver.posts) == 1


def test_a_worker_that_is_stopped_finishes_what_it_is_posting_and_gives_back_the_rest(receiver, an_endpoint, mug):
    endpoint, _ = an_endpoint(receiver, types=["stock.received"])
    for _ in range(3):
        mug.receive(1)
    worker = Sender()

    def stop(handler):
        worker.stop.set()
        time.sleep(0.2)
        handler.send_response(200)
        handler.end_headers()

    receiver.answers = [stop]
    worker.run()

    assert states(endpoint) == [("DELIVERED", 1), ("PENDING", 0), ("PENDING", 0)]
    assert endpoint.deliveries.filter(lease=None).count() == 3


def test_the_command_delivers_what_is_due_and_ends(receiver, an_endpoint, order_of, capsys):
    an_endpoint(receiver)
    order_of()
    receiver.answers = [500]

    call_command("send_webhooks", "--once", "--threads=2")

    assert capsys.readouterr().out == "Delivered: 2. Failed attempts: 1.\n"


def test_the_command_stops_when_it_is_told_to(receiver, an_endpoint, order_of, capsys):
    an_endpoint(receiver)
    order_of()

    def terminate(handler):
        os.kill(os.getpid(), signal.SIGTERM)
        handler.send_response(204)
        handler.end_headers()

    receiver.answers = [204, terminate]

    call_command("send_webhooks")

    assert capsys.readouterr().out == "Delivered: 2. Failed attempts: 0.\n"


@contextmanager
def no_database(times, since=lambda: True):
    """Fail so many statements, as if nobody answered."""
    left = iter(range(times))

    def fail(execute, *arguments):
        if since() and next(left, None) is not None:
            raise OperationalError("nobody answers\n")
        return execute(*arguments)

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_waited_for(receiver, an_endpoint, order_of, monkeypatch, caplog):
    monkeypatch.setattr(sender, "PAUSE", 0.01)
    an_endpoint(receiver)
    order_of()

    with no_database(times=2):
        worker = send()

    assert caplog.messages.count("The database does not answer: nobody answers") == 2
    assert (worker.delivered, len(receiver.posts)) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_stopped_does_not_wait_for_the_database_and_its_post_is_repeated(
    receiver, an_endpoint, order_of
):
    an_endpoint(receiver)
    order_of()
    worker = Sender(1)

    def stop(handler):
        worker.stop.set()
        handler.send_response(204)
        handler.end_headers()

    receiver.answers = [stop]

    with no_database(times=10, since=worker.stop.is_set):
        worker.run()

    assert (len(receiver.posts), worker.delivered) == (1, 0)
    assert WebhookDelivery.objects.pending().count() == 2


@pytest.mark.parametrize("threads", ["0", "257"])
def test_the_command_refuses_a_number_of_threads_that_it_does_not_start(threads):
    with pytest.raises(CommandError, match="Write --threads as a number from 1 to 256"):
        call_command("send_webhooks", "--once", f"--threads={threads}")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_another_worker_has_at_hand_is_left_to_it(receiver, an_endpoint, order_of):
    an_endpoint(receiver)
    order_of()
    number_all_events()

    with transaction.atomic():
        WebhookEndpoint.objects.select_for_update().get()
        made_meanwhile = meanwhile(make_deliveries).outcome()

    assert (made_meanwhile, make_deliveries()) == (0, 2)


def test_leasing_and_writing_take_as_many_statements_for_many_as_for_one(
    receiver, an_endpoint, order_of, django_assert_num_queries
):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    for _ in range(5):
        order_of()
    number_all_events()
    make_deliveries()
    worker = uuid4()

    with django_assert_num_queries(10):
        runs = lease(endpoint.pk, runs=5, worker=worker, until=timezone.now() + timedelta(seconds=60))
    outcomes = [deliveries.Outcome(each.delivery, endpoint.pk, 0, Answer(0, code=200)) for [each] in runs]
    with django_assert_num_queries(6):
        deliveries.record(outcomes, worker)

    assert len(runs) == 5


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_deliver_every_event_once_and_each_order_in_order(receiver, an_endpoint, order_of):
    endpoint, secret = an_endpoint(receiver, types=["order.placed", "order.paid", "order.shipped"])
    for _ in range(20):
        order = order_of()
        order.pay()
        order.ship()
    number_all_events()
    make_deliveries()

    side_by_side(*[lambda: Sender(4).run(once=True)] * 3)

    by_order = {}
    for payload in receiver.verified(secret):
        by_order.setdefault(payload["data"]["order"], []).append(payload["type"])
    assert list(by_order.values()) == [["order.placed", "order.paid", "order.shipped"]] * 20
    assert states(endpoint) == [("DELIVERED", 1)] * 60
