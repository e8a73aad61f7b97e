"""Asking for what changed: a client that polls ends up with what the database has, however late a change commits."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event as Signal

import pytest
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from products.api.views.products import PRODUCTS
from products.db import visibility
from products.db.compiled_queries import CompiledQuery
from products.models import Category, Order, Product
from products.ordering.cart import Cart
from products.tests.side_by_side import PATIENCE, meanwhile, on_postgresql, side_by_side

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def short_allowance(monkeypatch):
    """An allowance that is shorter than the transactions of these tests are open."""
    monkeypatch.setattr(visibility, "ALLOWANCE", timedelta(seconds=0.2))


class Copy:
    """What a client keeps that polls a list: its rows by id, and from when on to ask next time."""

    def __init__(self, client, path: str, parameter: str) -> None:
        self.client, self.path, self.parameter = client, path, parameter
        self.rows: dict[object, dict] = {}
        self.since = LONG_AGO

    def poll(self, **query) -> "Copy":
        """Read all pages of what changed since the last time."""
        page = self.client.get(self.path, {self.parameter: self.since, "limit": 2, **query}).json()
        following = page["complete_until"]
        while True:
            self.rows |= {row["id"]: row for row in page["results"]}
            if page["next"] is None:
                break
            page = self.client.get(page["next"]).json()
        self.since = following
        return self


@pytest.fixture
def copy_of(api, staff) -> Callable[..., Copy]:
    return lambda path, parameter: Copy(api(staff), path, parameter)


class Held:
    """Do some work in a transaction of another thread, which stays open until the end of the block."""

    def __init__(self, work: Callable) -> None:
        self.work, self.is_done, self.may_end = work, Signal(), Signal()

    def __enter__(self) -> "Held":
        self.thread = meanwhile(self._run)
        assert self.is_done.wait(PATIENCE)
        return self

    def __exit__(self, *error: object) -> None:
        self.may_end.set()
        assert self.thread.outcome() is None

    def _run(self) -> None:
        with transaction.atomic():
            self.work()
            self.is_done.set()
            assert self.may_end.wait(PATIENCE)


# Late commits


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
def test_a_change_that_commits_long_after_its_moment_is_not_missed(copy_of, a_product):
    mug = a_product(name="Mug")
    products = copy_of("/api/products", "changed_since").poll()

    def rename():
        product = Product.objects.get(pk=mug.pk)
        product.name = "Cup"
        product.save()

    with Held(rename):
        time.sleep(1)
        a_product(name="Lamp")  # so that the newest moment that the client sees is later
        names = {row["name"] for row in products.poll().rows.values()}

    assert names == {"Mug", "Lamp"}
    assert {row["name"] for row in products.poll().rows.values()} == {"Cup", "Lamp"}


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
def test_an_order_that_commits_long_after_it_was_placed_is_not_missed(copy_of, alice, a_product):
    mug, lamp = a_product(stock=5), a_product(stock=5)
    orders = copy_of("/api/orders", "placed_after").poll()

    with Held(lambda: Order.objects.create(customer=alice, items=[(mug, 1)])):
        time.sleep(1)
        Order.objects.create(customer=alice, items=[(lamp, 1)])
        assert len(orders.poll().rows) == 1

    assert len(orders.poll().rows) == 2


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
@pytest.mark.parametrize("in_one_statement", [True, False])
def test_a_change_that_waits_for_a_lock_is_not_missed(copy_of, alice, a_product, monkeypatch, in_one_statement):
    mug, lamp = a_product(stock=5), a_product(stock=5)
    if not in_one_statement:
        monkeypatch.setattr("products.ordering.single_statement.is_supported", lambda model: False)
    orders = copy_of("/api/orders", "placed_after").poll()

    with Held(lambda: list(Product.objects.filter(pk=mug.pk).locked())):
        waiting = meanwhile(lambda: Order.objects.create(customer=alice, items=[(mug, 1)]))
        assert waiting.waits()
        time.sleep(0.5)
        Order.objects.create(customer=alice, items=[(lamp, 1)])
        assert len(orders.poll().rows) == 1

    assert isinstance(waiting.outcome(), Order)
    assert len(orders.poll().rows) == 2


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
def test_an_update_that_waits_for_a_lock_is_not_missed(copy_of, a_product):
    mug = a_product(price="1.00")
    products = copy_of("/api/products", "changed_since").poll()

    with Held(lambda: list(Product.objects.filter(pk=mug.pk).locked())):
        waiting = meanwhile(lambda: Product.objects.filter(pk=mug.pk).update(price="2.00"))
        assert waiting.waits()
        time.sleep(0.5)
        products.poll()

    assert waiting.outcome() == 1
    assert products.poll().rows[mug.pk]["price"] == "2.00"


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
def test_an_update_that_searches_long_before_it_writes_is_not_missed(copy_of, a_product):
    mug = a_product(price="1.00")
    products = copy_of("/api/products", "changed_since").poll()
    slowly = Product.objects.filter(pk=mug.pk).annotate(slept=RawSQL("pg_sleep(1.5)::text", ())).filter(slept="")

    searching = meanwhile(lambda: slowly.update(price="2.00"))
    time.sleep(0.8)
    products.poll()

    assert searching.outcome() == 1
    assert products.poll().rows[mug.pk]["price"] == "2.00"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_client_that_polls_during_many_changes_ends_up_with_what_the_database_has(
    copy_of, a_product, a_category, monkeypatch
):
    monkeypatch.setattr(visibility, "ALLOWANCE", timedelta(seconds=0.05))
    products = [a_product(category=a_category) for _ in range(6)]
    copy = copy_of("/api/products", "changed_since")
    still_writing = [True] * 4

    def write(writer: int) -> None:
        dice = random.Random(writer)
        for turn in range(12):
            # One product each, so that no writer waits for another: what is raced for is the moment of the commit.
            with transaction.atomic():
                product = Product.objects.get(pk=products[writer].pk)
                product.name = f"{writer}, {turn}"
                product.save()
                time.sleep(dice.choice([0, 0.02, 0.15, 0.3]))
        still_writing[writer] = False

    def poll() -> int:
        polls = 0
        while any(still_writing):
            copy.poll(ordering=random.choice(["id", "-name", "changed"]))
            polls += 1
        return polls

    *written, polls = side_by_side(*(lambda writer=writer: write(writer) for writer in range(4)), poll)
    copy.poll()

    assert (written, polls > 10) == ([None] * 4, True)
    assert {pk: row["name"] for pk, row in copy.rows.items()} == dict(Product.objects.values_list("pk", "name"))


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
def test_a_delivery_that_commits_long_after_its_moment_is_not_missed(copy_of, a_product):
    mug, lamp = a_product(), a_product()
    products = copy_of("/api/products", "changed_since").poll()

    with Held(lambda: mug.receive(5)):
        time.sleep(1)
        lamp.receive(3)
        assert [row["stock"] for row in products.poll().rows.values()] == [0, 3]

    assert [row["stock"] for row in products.poll().rows.values()] == [5, 3]


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_allowance")
@pytest.mark.parametrize("in_one_statement", [True, False])
def test_a_sale_that_waits_for_a_lock_is_not_missed(copy_of, alice, a_product, monkeypatch, in_one_statement):
    mug, lamp = a_product(stock=5), a_product(stock=5)
    if not in_one_statement:
        monkeypatch.setattr("products.ordering.single_statement.is_supported", lambda model: False)
    products = copy_of("/api/products", "changed_since").poll()

    with Held(lambda: list(Product.objects.filter(pk=mug.pk).locked())):
        waiting = meanwhile(lambda: Order.objects.create(customer=alice, items=[(mug, 1)]))
        assert waiting.waits()
        time.sleep(0.5)
        Order.objects.create(customer=alice, items=[(lamp, 1)])
        assert [row["stock"] for row in products.poll().rows.values()] == [5, 4]

    assert isinstance(waiting.outcome(), Order)
    assert [row["stock"] for row in products.poll().rows.values()] == [4, 4]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_client_that_polls_during_many_sales_ends_up_with_the_stock_that_the_database_has(
    copy_of, a_product, alice, monkeypatch
):
    monkeypatch.setattr(visibility, "ALLOWANCE", timedelta(seconds=0.05))
    products = [a_product(stock=50) for _ in range(6)]
    copy = copy_of("/api/products", "changed_since")
    still_selling = [True] * 4

    def sell_and_receive(seller):
        dice = random.Random(seller)
        for turn in range(12):
            if turn % 2:
                Order.objects.create(customer=alice, items=[(products[seller], 1)])
                continue
            with transaction.atomic():
                products[seller].refreshed().receive(2)
                time.sleep(dice.choice([0, 0.02, 0.15, 0.3]))
        still_selling[seller] = False

    def poll() -> int:
        polls = 0
        while any(still_selling):
            copy.poll(ordering=random.choice(["id", "-id", "-name", "changed"]))
            polls += 1
        return polls

    *sold, polls = side_by_side(*(lambda seller=seller: sell_and_receive(seller) for seller in range(4)), poll)
    copy.poll()

    assert (sold, polls > 10) == ([None] * 4, True)
    assert {pk: row["stock"] for pk, row in copy.rows.items()} == dict(Product.objects.values_list("pk", "stock"))


# The moment itself


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "parameter"), [("/api/products", "changed_since"), ("/api/orders", "placed_after")])
def test_the_moment_is_a_little_in_the_past_and_can_be_sent_back(api, alice, path, parameter):
    began, client = timezone.now(), api(alice)

    until = client.get(path, {parameter: LONG_AGO}).json()["complete_until"]

    allowance = visibility.ALLOWANCE if connection.vendor == "postgresql" else visibility.SQLITE_ALLOWANCE
    ended = timezone.now()
    assert began - allowance - timedelta(seconds=1) <= datetime.fromisoformat(until) <= ended - allowance
    assert client.get(path, {parameter: until}).status_code == 200


@pytest.mark.django_db
def test_only_the_first_page_of_a_list_since_a_moment_has_it_and_others_cost_nothing(
    api, staff, a_product, django_assert_num_queries
):
    a_product(), a_product()
    client, more = api(staff), connection.vendor == "postgresql"

    with django_assert_num_queries(2 + more):
        first = client.get("/api/products", {"changed_since": LONG_AGO, "limit": 1}).json()
    with django_assert_num_queries(2):
        second = client.get(first["next"]).json()
    with django_assert_num_queries(2):
        plain = client.get("/api/products").json()
    period = client.get("/api/orders", {"placed_after": LONG_AGO, "placed_before": "2030-01-01T00:00:00Z"}).json()

    assert "complete_until" in first
    assert not any("complete_until" in body for body in (second, plain, period))


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_only_reads_does_not_hold_the_moment_back(a_product):
    a_product()

    with Held(lambda: list(Product.objects.all())):
        time.sleep(0.5)
        age = timezone.now() - visibility.visible_until()

    assert age < visibility.ALLOWANCE + timedelta(seconds=0.3)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_while_a_transaction_is_hidden_the_client_asks_from_the_same_moment_again(api, alice, a_product):
    mug, client = a_product(), api(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() != (True,):
            pytest.skip("only a superuser can become somebody from whom the transactions of others are hidden")
        cursor.execute("CREATE ROLE onlooker IN ROLE pg_read_all_data")
    try:
        with Held(lambda: Product.objects.filter(pk=mug.pk).update(price="2.00")), connection.cursor() as cursor:
            cursor.execute("SET ROLE onlooker")
            hidden = visibility.visible_until()
            bodies = [
                client.get("/api/products", {"changed_since": since}).json()
                for since in (LONG_AGO, "9999-01-01T00:00:00Z")
            ]
            cursor.execute("RESET ROLE")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE onlooker")

    assert hidden is None
    assert bodies[0]["complete_until"] == LONG_AGO
    assert datetime.fromisoformat(bodies[1]["complete_until"]) < timezone.now()
    assert visibility.visible_until() is not None


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_prepared_transaction_makes_the_moment_unknown(a_product):
    mug = a_product()
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_prepared_transactions")
        if cursor.fetchone() == ("0",):
            pytest.skip("the server does not allow prepared transactions, which is PostgreSQL's default")
        cursor.execute("BEGIN")
        cursor.execute("UPDATE products_product SET price = 2 WHERE id = %s", [mug.pk])
        cursor.execute("PREPARE TRANSACTION 'of a test'")
        try:
            assert visibility.visible_until() is None
        finally:
            cursor.execute("ROLLBACK PREPARED 'of a test'")

    assert visibility.visible_until() is not None


# Everything that the body shows


def changed(client, since):
    return [row["sku"] for row in client.get("/api/products", {"changed_since": since.isoformat()}).json()["results"]]


def rename(category):
    category.slug = "living"
    category.save()


def upsert(category):
    Category.objects.bulk_create(
        [Category(pk=category.pk, slug="living", name="Living")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["slug", "name"],
    )


def update_in_bulk(category):
    category.slug = "living"
    Category.objects.bulk_update([category], ["slug"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        rename,
        upsert,
        update_in_bulk,
        lambda category: Category.objects.filter(slug="kitchen").update(slug="living"),
        lambda category: Category.objects.update_or_create(name="Kitchen", defaults={"slug": "living"}),
    ],
)
def test_a_change_of_a_category_is_a_change_of_its_products(api, alice, a_product, a_category, change):
    a_product(sku="MUG", category=a_category)
    a_product(sku="LAMP", category=Category.objects.create(slug="other", name="Other"))
    since = timezone.now()

    change(a_category)

    client = api(alice)
    assert changed(client, since) == ["MUG"]
    assert client.get("/api/products", {"sku": "MUG"}).json()["results"][0]["category"] == "living"


@pytest.mark.django_db
def test_saving_a_category_as_it_is_changes_no_product(api, alice, a_product, a_category):
    a_product(category=a_category)
    since = timezone.now()

    a_category.save()
    Category.objects.create(slug="new", name="New")

    assert changed(api(alice), since) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda mug, category: mug.save(update_fields=["price"]),
        lambda mug, category: mug.save(update_fields=["name"]),
        lambda mug, category: Product.objects.filter(pk=mug.pk).update(category=category),
        lambda mug, category: Product.objects.bulk_update([mug], ["price"]),
        lambda mug, category: category.products.add(mug, bulk=True),
        lambda mug, category: mug.retire() or mug.bring_back(),
    ],
)
def test_every_way_of_writing_a_product_counts_as_a_change(api, alice, a_product, a_category, change):
    mug = a_product(sku="MUG")
    a_product()
    since = timezone.now()
    mug.price, mug.name = "7.00", "Cup"

    change(mug, a_category)

    assert changed(api(alice), since) == ["MUG"]


def sell(mug, alice):
    return Order.objects.create(customer=alice, items=[(mug, 1)])


def sell_from_a_cart(mug, alice):
    Cart(alice).put(mug, 1)
    Cart(alice).place()


def expire(order):
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(minutes=1))
    order.expire()


def return_goods(order):
    order.pay()
    order.ship()
    order.return_goods()


@pytest.mark.django_db(transaction=True)  # so that PostgreSQL places an order in one statement
@pytest.mark.parametrize(
    "move",
    [
        lambda mug, alice: mug.receive(1),
        lambda mug, alice: mug.correct(-1),
        lambda mug, alice: mug.count(2),
        lambda mug, alice: mug.count_shelf(2, expected=10),
        sell,
        sell_from_a_cart,
    ],
)
def test_every_movement_of_the_stock_counts_as_a_change(api, alice, a_product, move):
    mug = a_product(sku="MUG", stock=10)
    a_product(stock=10)
    since = timezone.now()

    move(mug, alice)

    assert changed(api(alice), since) == ["MUG"]


@pytest.mark.django_db
@pytest.mark.usefixtures("step_by_step")
def test_an_order_that_is_placed_step_by_step_counts_as_a_change(api, alice, a_product):
    mug = a_product(sku="MUG", stock=10)
    a_product(stock=10)
    since = timezone.now()

    sell(mug, alice)

    assert changed(api(alice), since) == ["MUG"]


@pytest.mark.django_db
@pytest.mark.parametrize("give_back", [lambda order: order.cancel(), expire, return_goods])
def test_stock_that_comes_back_counts_as_a_change(api, alice, a_product, give_back):
    order = sell(a_product(sku="MUG", stock=10), alice)
    a_product(stock=10)
    since = timezone.now()

    give_back(order)

    assert changed(api(alice), since) == ["MUG"]


@pytest.mark.django_db
def test_a_retired_product_whose_stock_moves_is_among_the_retired_ones(api, alice, a_product):
    mug = a_product(sku="MUG", stock=10)
    mug.retire()
    since = timezone.now()

    mug.correct(-1)

    client = api(alice)
    assert changed(client, since) == []
    page = client.get("/api/products", {"changed_since": since.isoformat(), "retired": "true"}).json()
    assert [row["sku"] for row in page["results"]] == ["MUG"]


@pytest.mark.django_db
@pytest.mark.parametrize("ordering", ["id", "-id", "name", "-price", "changed", "-changed", "sku"])
def test_pages_of_what_was_updated_or_moved_are_in_order_and_complete(api, alice, a_product, a_category, ordering):
    """Every product is either unchanged, updated, moved, or both; five of each."""
    products = [a_product(name=f"Mug {number % 7}", price=number % 5, stock=9) for number in range(20)]
    since = timezone.now()
    for number, product in enumerate(products):
        if number % 4 in (1, 3):
            Product.objects.filter(pk=product.pk).update(category=a_category)
        if number % 4 in (2, 3):
            product.correct(-1)
    client, query = api(alice), {"changed_since": since.isoformat(), "ordering": ordering, "limit": 4, "count": "true"}

    pages = [client.get("/api/products", query).json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"]).json())
    way_back = [pages[-1]]
    while way_back[-1]["previous"]:
        way_back.append(client.get(way_back[-1]["previous"]).json())

    sign, field = ("-", ordering[1:]) if ordering.startswith("-") else ("", ordering)
    columns = [{"changed": "updated_at"}.get(field, field), "pk"]
    expected = Product.objects.exclude(pk__in=[product.pk for product in products[::4]])
    ids = list(expected.order_by(*(f"{sign}{column}" for column in columns)).values_list("pk", flat=True))
    assert [row["id"] for page in pages for row in page["results"]] == ids
    assert [row["id"] for page in way_back[::-1] for row in page["results"]] == ids
    assert [page["count"] for page in pages] == [15] * 4


@pytest.mark.django_db
def test_other_filters_apply_to_what_was_updated_and_to_what_has_moved(api, alice, a_product, a_category):
    mugs = [a_product(sku=f"MUG-{number}", category=a_category, stock=1) for number in range(2)]
    lamps = [a_product(sku=f"LAMP-{number}", stock=1) for number in range(2)]
    since = timezone.now()

    for updated, moved in (mugs, lamps):
        Product.objects.filter(pk=updated.pk).update(price=2)
        moved.correct(-1)

    def listed(**query):
        page = api(alice).get("/api/products", {"changed_since": since.isoformat(), "count": "true", **query}).json()
        return [row["sku"] for row in page["results"]], page["count"]

    assert listed() == (["MUG-0", "MUG-1", "LAMP-0", "LAMP-1"], 4)
    assert listed(category="kitchen") == (["MUG-0", "MUG-1"], 2)
    assert listed(search="mug-1") == (["MUG-1"], 1)
    assert listed(in_stock="true") == (["MUG-0", "LAMP-0"], 2)
    assert listed(in_stock="false") == (["MUG-1", "LAMP-1"], 2)


@pytest.mark.django_db
def test_a_change_of_a_product_that_is_out_of_stock_is_listed_even_if_such_products_are_not(
    api, alice, a_product, settings
):
    settings.LIST_OUT_OF_STOCK = False
    a_product(sku="MUG")
    client = api(alice)

    assert changed(client, timezone.now() - timedelta(minutes=1)) == ["MUG"]
    assert client.get("/api/products").json()["results"] == []


# What it costs

FILL = """
    INSERT INTO products_product (sku, name, description, price, stock, created_at, updated_at, search_text)
    SELECT 'SKU-' || n, 'Product ' || n, '', 1, 0, now() - interval '2 years', now() - n * interval '1 hour', ''
    FROM generate_series(1, 5000) AS n;
    INSERT INTO products_stockmovement (product_id, delta, reason, note, at)
    SELECT product.id, 1, 'RECEIVED', '', now() - n * interval '1 minute'
    FROM generate_series(50000, 1, -1) AS n
    JOIN products_product AS product ON product.sku = 'SKU-' || (n * 7919 % 5000 + 1);
    ANALYZE products_product;
    ANALYZE products_stockmovement
"""
"""SQL for PostgreSQL that makes the tables large enough for their indexes to be worth it."""


def plan(since, after: int | None = None) -> str:
    """Return how the database looks up a page of changes, by id."""
    shape = (("changed_since", None), ("out_of_stock", True))
    query = CompiledQuery.compile(PRODUCTS.define(shape, ("id",), False, 20, after is not None))
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {query.sql}", query.bound({"changed_since": since, 0: after}, connection))
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@on_postgresql
@pytest.mark.django_db
def test_a_page_of_recent_changes_looks_at_what_has_changed_only():
    with connection.cursor() as cursor:
        cursor.execute(FILL)

    recent = plan(timezone.now() - timedelta(minutes=5))

    assert "products_by_change" in recent
    assert "movements_by_moment" in recent
    assert "Seq Scan on products_product" not in recent


@on_postgresql
@pytest.mark.django_db
def test_a_page_of_old_changes_follows_the_list_until_it_is_full():
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("SELECT max(id) FROM products_product")
        halfway = cursor.fetchone()[0] - 2500

    first = plan(timezone.now() - timedelta(days=365))
    further_on = plan(timezone.now() - timedelta(days=365), after=halfway)

    assert "Index Cond: (product_id = " in first
    assert "product_id > " in further_on  # and not from the ledger's first product on
    assert "Seq Scan on products_stockmovement" not in first + further_on


@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL has its own test")
@pytest.mark.django_db
def test_recent_movements_are_found_by_their_index_on_sqlite_too():
    assert "movements_by_moment" in plan(timezone.now())
