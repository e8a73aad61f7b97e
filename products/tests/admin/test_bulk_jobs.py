"""Bulk jobs: one verb for many orders, done in batches, of which it is always known what was done."""

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from products.db.retry import atomic_with_retry
from products.models import BulkJob, Order, Product
from products.models.bulk_jobs import Progress
from products.order_numbers import format_number
from products.tests.side_by_side import on_postgresql, side_by_side
from tests_http.server import url_of_the_test_database

ORDERS, JOBS = "/admin/products/order/", "/admin/products/bulkjob/"


def drawn_up(browser, action, orders, **further):
    """Select these orders in the list, choose the action, and return the answer and the job."""
    answer = browser.post(ORDERS, {"action": action, "_selected_action": [order.pk for order in orders], **further})
    return answer, BulkJob.objects.latest("pk")


def done_by(browser, job, **arguments):
    """Start the job and do its batches; return it."""
    browser.post(f"{JOBS}{job.pk}/start/", arguments)
    for _ in range(20):
        answer = browser.post(f"{JOBS}{job.pk}/batch/", headers={"Accept": "application/json"}).json()
        if answer["finished"]:
            break
    job.refresh_from_db()
    return job


def statuses(orders):
    return [Order.objects.get(pk=order.pk).status for order in orders]


@pytest.fixture
def some_orders(an_order, a_product):
    """Two placed orders, a paid and a cancelled one."""
    mug = a_product(stock=50)
    orders = [an_order(mug) for _ in range(4)]
    orders[2].pay(reference="TRANSFER-17")
    orders[3].cancel()
    return orders


def test_a_job_says_what_it_will_do_before_it_is_started(staff, client_of, some_orders):
    browser = client_of(staff)

    answer, job = drawn_up(browser, "pay_selected", some_orders)
    page = browser.get(answer.url)

    assert answer.url == f"{JOBS}{job.pk}/change/"
    assert page.context["possible"] == 2
    assert page.context["forecast"] == {
        "An order that is PAID cannot become PAID.": 1,
        "An order that is CANCELLED cannot become PAID.": 1,
    }
    assert statuses(some_orders) == ["PLACED", "PLACED", "PAID", "CANCELLED"]


def test_a_job_pays_what_it_can_and_groups_what_it_could_not(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "pay_selected", some_orders)

    done_by(browser, job, reference="STATEMENT-9")

    page = browser.get(f"{JOBS}{job.pk}/change/")
    assert job.finished_at is not None
    assert page.context["progress"] == Progress(waiting=0, done=2, refused=2)
    assert sorted(page.context["reasons"]) == [
        ("forbidden_move", "An order that is CANCELLED cannot become PAID.", 1),
        ("forbidden_move", "An order that is PAID cannot become PAID.", 1),
    ]
    assert statuses(some_orders) == ["PAID", "PAID", "PAID", "CANCELLED"]
    paid = Order.objects.get(pk=some_orders[0].pk)
    assert (paid.payment_reference, paid.events.latest("id").by) == ("STATEMENT-9", staff)


def test_the_refused_orders_are_a_file(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "deliver_selected", some_orders[3:])
    done_by(browser, job)

    answer = browser.get(f"{JOBS}{job.pk}/refusals/")

    number = format_number(some_orders[3].number)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="refused-{job.pk}.csv"'
    assert answer.content.decode().splitlines() == [
        "\ufeffnumber,status,code,reason",
        f"{number},CANCELLED,forbidden_move,An order that is CANCELLED cannot become DELIVERED.",
    ]


def test_orders_are_shipped_in_bulk_each_with_its_tracking_number(staff, client_of, an_order, a_product):
    mug, browser = a_product(stock=9), client_of(staff)
    first, second = an_order(mug), an_order(mug)
    for order in (first, second):
        order.pay()
    _, job = drawn_up(browser, "ship_selected", [first, second])
    lines = f"{format_number(first.number).lower()} ; 00340 1\n\n{second.number}\t=00341\r\n"

    done_by(browser, job, carrier="DHL", tracking=lines)

    assert [
        (each.status, each.carrier, each.tracking_number) for each in Order.objects.filter(pk__in=[first.pk, second.pk])
    ] == [("SHIPPED", "DHL", "=00341"), ("SHIPPED", "DHL", "00340 1")]


@pytest.mark.parametrize(("most", "is_prefilled"), [(2, True), (1, False)])
def test_the_numbers_of_a_few_orders_are_there_to_be_completed(
    staff, client_of, some_orders, monkeypatch, most, is_prefilled
):
    monkeypatch.setattr("products.admin.bulk_jobs.MAX_PREFILLED", most)
    browser = client_of(staff)
    orders = some_orders[:2]

    answer, _ = drawn_up(browser, "ship_selected", orders)
    form = browser.get(answer.url).context["form"]

    lines = {f"{format_number(order.number)} " for order in orders} if is_prefilled else set()
    assert set((form["tracking"].value() or "").splitlines()) == lines


def test_every_wrong_line_of_tracking_numbers_is_named_and_nothing_starts(staff, client_of, an_order):
    order, other, browser = an_order(), an_order(), client_of(staff)
    order.pay()
    _, job = drawn_up(browser, "ship_selected", [order])
    number = format_number(order.number)
    lines = [f"{number} 1", f"{number} 2", f"{other.number} 3", "?", f"{number} {'x' * 101}", f"{number} a\x07b"]

    answer = browser.post(f"{JOBS}{job.pk}/start/", {"tracking": "\n".join(lines)})

    assert answer.context["form"].errors["tracking"] == [
        "Line 2: This order is named before.",
        "Line 3: It does not begin with the number of an order of this job.",
        "Line 4: It does not begin with the number of an order of this job.",
        "Line 5: A tracking number has at most 100 characters.",
        "Line 6: Control characters cannot be printed; remove U+0007 (control character).",
    ]
    job.refresh_from_db()
    assert job.started_at is None


def test_cancelling_in_bulk_needs_a_reason(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "cancel_selected", some_orders[:1])

    refused = browser.post(f"{JOBS}{job.pk}/start/", {"reason": ""})
    done_by(browser, job, reason="Out of production")

    assert list(refused.context["form"].errors) == ["reason"]
    assert statuses(some_orders[:1]) == ["CANCELLED"]
    assert some_orders[0].cancellations.get().reason == "Out of production"


def test_a_job_that_was_not_started_does_nothing(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "pay_selected", some_orders)

    answer = browser.post(f"{JOBS}{job.pk}/batch/", headers={"Accept": "application/json"})

    assert answer.json() == {"waiting": 4, "done": 0, "refused": 0, "total": 4, "finished": False}
    assert statuses(some_orders[:2]) == ["PLACED", "PLACED"]


def test_a_second_start_does_not_change_the_arguments(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "pay_selected", some_orders)
    browser.post(f"{JOBS}{job.pk}/start/", {"reference": "FIRST"})

    browser.post(f"{JOBS}{job.pk}/start/", {"reference": "SECOND"})

    job.refresh_from_db()
    assert job.reference == "FIRST"
    assert job.start(tracking_numbers={}, reference="THIRD") is False


def test_without_a_script_the_button_does_one_batch(staff, client_of, some_orders):
    browser = client_of(staff)
    _, job = drawn_up(browser, "pay_selected", some_orders)
    browser.post(f"{JOBS}{job.pk}/start/", {"reference": ""})

    shown = browser.get(f"{JOBS}{job.pk}/change/").content.decode()
    answer = browser.post(f"{JOBS}{job.pk}/batch/")

    assert 'value="Continue"' in shown
    assert (answer.status_code, answer.url) == (302, f"{JOBS}{job.pk}/change/")
    assert statuses(some_orders[:2]) == ["PAID", "PAID"]


def test_all_orders_of_the_list_can_be_selected(staff, client_of, many_products, alice):
    [mug] = many_products(1, stock=500)
    for _ in range(120):  # more than a page of the list
        Order.objects.create(customer=alice, items=[(mug, 1)])
    browser = client_of(staff)

    _, job = drawn_up(browser, "pay_selected", Order.objects.all()[:1], select_across="1")

    assert job.progress() == Progress(waiting=120, done=0, refused=0)


def test_carts_are_left_out_and_a_job_without_orders_is_refused(staff, client_of, messages_of, alice):
    cart = Order.objects.cart_of(alice)

    answer = client_of(staff).post(ORDERS, {"action": "pay_selected", "_selected_action": [cart.pk]})

    assert messages_of(answer) == ["None of them was placed."]
    assert not BulkJob.objects.exists()


def test_too_many_orders_are_refused(staff, client_of, messages_of, some_orders, monkeypatch):
    monkeypatch.setattr("products.admin.bulk_jobs.MAX_ORDERS", 3)

    answer = client_of(staff).post(
        ORDERS, {"action": "pay_selected", "_selected_action": [order.pk for order in some_orders]}
    )

    assert messages_of(answer) == ["A job has at most 3 orders, not 4."]


def test_only_whoever_drew_a_job_up_goes_on_with_it(staff, client_of, staff_with, some_orders):
    _, job = drawn_up(client_of(staff), "pay_selected", some_orders)
    colleague = client_of(staff_with("view_order", "change_order"))

    answers = [
        colleague.get(f"{JOBS}{job.pk}/change/"),
        colleague.get(f"{JOBS}{job.pk}/refusals/"),
        colleague.post(f"{JOBS}{job.pk}/start/", {}),
        colleague.post(f"{JOBS}{job.pk}/batch/"),
        client_of(staff).get(f"{JOBS}{job.pk}/batch/"),
        client_of(staff).get(f"{JOBS}{job.pk}/start/"),
        client_of(staff).get(f"{JOBS}00000000-0000-7000-8000-000000000000/change/"),
        client_of(staff).get(f"{JOBS}x/change/"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 403, 403, 405, 405, 404, 404]
    assert statuses(some_orders[:2]) == ["PLACED", "PLACED"]


@pytest.mark.parametrize("page", ["", "{}/change/", "{}/refusals/", "{}/start/", "{}/batch/"])
def test_jobs_need_the_permission_to_change_orders(staff, client_of, staff_with, some_orders, page):
    _, job = drawn_up(client_of(staff), "pay_selected", some_orders)
    viewer = client_of(staff_with("view_order"))

    assert viewer.get(f"{JOBS}{page.format(job.pk)}").status_code == 403


def test_an_overdue_order_is_forecast_and_refused_without_its_moment(staff, client_of, an_order):
    order = an_order()
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(minutes=1))
    browser = client_of(staff)
    answer, job = drawn_up(browser, "pay_selected", [order])

    forecast = browser.get(answer.url).context["forecast"]
    done_by(browser, job)

    assert forecast == {"The payment deadline has passed.": 1}
    assert job.refusals() == [("payment_overdue", "The payment deadline has passed.", 1)]


def test_four_hundred_orders_are_paid(staff, alice, many_products):
    [mug] = many_products(1, stock=500)
    for _ in range(400):
        Order.objects.create(customer=alice, items=[(mug, 1)])
    job = BulkJob.objects.draw_up("pay", Order.objects.all(), by=staff)
    job.start(tracking_numbers={})

    batches = 0
    while job.finished_at is None:
        job.run_batch(by=staff, seconds=0.5)
        batches += 1

    assert job.progress() == Progress(waiting=0, done=400, refused=0)
    assert batches > 1
    assert Order.objects.filter(status="PAID").count() == 400


# Stops and races


def test_what_an_error_stops_is_known_exactly_and_continued(staff, alice, many_products):
    [mug] = many_products(1, stock=9)
    orders = [Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(5)]
    job = BulkJob.objects.draw_up("pay", Order.objects.all(), by=staff)
    job.start(tracking_numbers={})
    third = {"writes": 0}

    def fail_at_the_third(execute, sql, params, many, context):
        if sql.startswith('UPDATE "products_order" '):
            third["writes"] += 1
            if third["writes"] == 3:
                raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_at_the_third), pytest.raises(OperationalError):
        job.run_batch(by=staff)

    assert job.progress() == Progress(waiting=3, done=2, refused=0)
    assert statuses(orders) == ["PAID", "PAID", "PLACED", "PLACED", "PLACED"]
    job.run_batch(by=staff)
    assert job.progress() == Progress(waiting=0, done=5, refused=0)
    assert [order.events.filter(kind="order.paid").count() for order in orders] == [1] * 5


RUN = """
import django
django.setup()
from products.models import BulkJob
job = BulkJob.objects.get()
job.run_batch(by=job.by, seconds=60)
"""


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_has_done_is_known_exactly(staff, alice, many_products):
    [mug] = many_products(1, stock=500)
    orders = [Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(300)]
    job = BulkJob.objects.draw_up("cancel", Order.objects.all(), by=staff)
    job.start(tracking_numbers={}, reason="Recall")
    environment = os.environ | {"DATABASE_URL": url_of_the_test_database(), "DJANGO_SETTINGS_MODULE": "shop.settings"}

    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment, cwd=settings.BASE_DIR)
    while job.progress().done < 20:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    process.kill()
    process.wait(30)

    progress = job.progress()
    cancelled = Order.objects.filter(status="CANCELLED")
    assert 0 < progress.waiting < len(orders)
    assert {item.order_id for item in job.items.filter(state="DONE")} == {order.pk for order in cancelled}
    assert Product.objects.get(pk=mug.pk).stock == 200 + progress.done
    job.run_batch(by=staff, seconds=60)
    assert job.progress() == Progress(waiting=0, done=300, refused=0)
    assert Product.objects.get(pk=mug.pk).stock == 500


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_tabs_never_do_an_order_twice(staff, alice, many_products, capsys):
    [mug] = many_products(1, stock=500)
    for _ in range(60):
        Order.objects.create(customer=alice, items=[(mug, 1)])
    job = BulkJob.objects.draw_up("cancel", Order.objects.all(), by=staff)
    job.start(tracking_numbers={}, reason="Recall")
    tabs = [BulkJob.objects.get(pk=job.pk) for _ in range(3)]

    outcomes = side_by_side(*[lambda tab=tab: tab.run_batch(by=staff) for tab in tabs])

    assert outcomes == [None, None, None]
    assert job.progress() == Progress(waiting=0, done=60, refused=0)
    assert Product.objects.get(pk=mug.pk).stock == 500
    call_command("check_stock")
    job.refresh_from_db()
    assert job.finished_at is not None


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_order_that_somebody_holds_stays_waiting(staff, alice, many_products):
    [mug] = many_products(1, stock=9)
    held, free = (Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(2))
    job = BulkJob.objects.draw_up("pay", Order.objects.all(), by=staff)
    job.start(tracking_numbers={})
    locked, done = threading.Event(), threading.Event()

    def hold():
        def until_done():
            Order.objects.locked().get(pk=held.pk)
            locked.set()
            done.wait(30)

        atomic_with_retry(until_done)

    def pay_meanwhile():
        locked.wait(30)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        try:
            job.run_batch(by=staff)
        finally:
            done.set()

    assert side_by_side(hold, pay_meanwhile) == [None, None]
    assert job.progress() == Progress(waiting=1, done=1, refused=0)
    assert statuses([held, free]) == ["PLACED", "PAID"]
    assert job.finished_at is None


def test_old_jobs_are_purged_with_their_outcomes(staff, an_order, monkeypatch, capsys):
    monkeypatch.setattr(settings, "BULK_JOB_RETENTION", timedelta(days=90))
    an_order()
    old, new = (BulkJob.objects.draw_up("pay", Order.objects.all(), by=staff) for _ in range(2))
    BulkJob.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))

    call_command("purge")

    assert list(BulkJob.objects.all()) == [new]
    assert "1 bulk jobs" in capsys.readouterr().out
    assert User.objects.filter(pk=staff.pk).exists()
