"""Product search finds the same by a scan and by the index."""

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from products.api import product_search
from products.api.product_search import SelectivityEstimate
from products.api.views.products import PRODUCTS
from products.models import Product
from products.tests.large_catalogue import insert_products
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

ORDERINGS = [("id",), ("price", "id"), ("created_at", "id"), ("updated_at", "id")]
COMMON = {"words": ("walnut", "lamp"), "out_of_stock": True}


@pytest.fixture(autouse=True)
def _nobody_has_looked_yet(monkeypatch):
    monkeypatch.setattr(PRODUCTS.estimate, "texts", ())
    monkeypatch.setattr(PRODUCTS.estimate, "products", 0)
    monkeypatch.setattr(PRODUCTS.estimate, "sampled_at", -float("inf"))


@pytest.fixture
def _large(monkeypatch):
    """Scan even in a shop with few products."""
    monkeypatch.setattr(product_search, "MIN_PRODUCTS", 1)


def lamps(rows: int) -> None:
    """Create lamps, every third one of walnut."""
    names = ("Walnut lamp", "Oak lamp", "Oak lamp")
    insert_products(
        Product(sku=f"T-{number}", name=f"{names[number % 3]} {number}", price=number % 7) for number in range(rows)
    )


def pages(parameters, names, *, down=False, limit=10) -> list[list[int]]:
    """Return the ids on each page, from the first one on."""
    found, behind = [], None
    while True:
        rows = PRODUCTS.rows(parameters, names, down, limit, behind)
        found.append([row.id for row in rows[:limit]])
        if len(rows) <= limit:
            return found
        behind = [getattr(rows[limit - 1], name) for name in names]


def walks(captured) -> list[bool]:
    """Return for each search whether it was a scan."""
    return ["STRPOS" in statement["sql"] for statement in captured if "products_category" in statement["sql"]]


@pytest.mark.parametrize("names", ORDERINGS)
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("far", [1, 35, 100, 1_000])
def test_a_scan_finds_the_first_of_all_matches(names, down, far):
    lamps(200)
    Product.objects.filter(pk__in=Product.objects.search("oak")[:20]).update(retired_at="2026-01-01T00:00Z")
    order = [f"-{name}" if down else name for name in names]
    plain = list(Product.objects.on_sale().search("walnut lamp").order_by(*order))
    nearest = list(Product.objects.order_by(*order))

    for start in (None, plain[0], plain[30]):
        behind = start and [getattr(start, name) for name in names]
        rows = super(product_search.SearchableListQuery, PRODUCTS).rows(COMMON | {"scan": far}, names, down, 10, behind)

        begin = nearest.index(start) + 1 if start else 0
        edge = nearest[begin : begin + far + 1]
        reached = [one.pk for one in plain if one in edge] if len(edge) > far else []
        assert [row.id for row in rows] == reached[:11]


@on_postgresql
@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("names", ORDERINGS)
@pytest.mark.parametrize("down", [False, True])
def test_every_page_of_a_scan_is_the_same_as_by_the_index(names, down):
    lamps(2_000)
    order = [f"-{name}" if down else name for name in names]
    plain = list(Product.objects.search("walnut lamp").order_by(*order).values_list("pk", flat=True))

    with CaptureQueriesContext(connection) as captured:
        found = pages(COMMON, names, down=down)

    assert [pk for page in found for pk in page] == plain
    assert {True, False} == set(walks(captured))


@on_postgresql
@pytest.mark.usefixtures("_large")
def test_common_words_are_scanned_for_once_there_is_a_sample():
    lamps(2_000)

    with CaptureQueriesContext(connection) as captured:
        for _ in range(3):
            PRODUCTS.rows(COMMON, ("id",), False, 10, None)

    assert walks(captured) == [False, True, True]
    assert PRODUCTS.estimate.products == 2_000


@on_postgresql
@pytest.mark.usefixtures("_large")
def test_the_index_is_used_if_a_scan_does_not_fill_the_page():
    lamps(2_000)
    PRODUCTS.estimate.sample(Product.objects.all())
    first = Product.objects.search("walnut").order_by("pk")[:600]
    QuerySet(Product).filter(pk__in=first).update(search_text="gone")
    plain = list(Product.objects.search("walnut lamp").order_by("pk").values_list("pk", flat=True)[:11])

    with CaptureQueriesContext(connection) as captured:
        rows = PRODUCTS.rows(COMMON, ("id",), False, 10, None)

    assert [row.id for row in rows] == plain
    assert walks(captured) == [True, False]


@on_postgresql
@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        (COMMON | {"words": ("walnut", "nothing")}, ("id",)),
        (COMMON | {"words": ("1999",)}, ("id",)),
        (COMMON | {"category": "kitchen"}, ("id",)),
        (COMMON | {"in_stock": False}, ("id",)),
        (COMMON | {"words": ()}, ("id",)),
        (COMMON, ("name", "id")),
    ],
    ids=["nobody has it", "rare", "another filter", "sold out", "no words", "by name"],
)
def test_all_other_searches_use_the_index_at_once(parameters, names):
    lamps(2_000)
    PRODUCTS.estimate.sample(Product.objects.all())

    with CaptureQueriesContext(connection) as captured:
        PRODUCTS.rows(parameters, names, False, 10, None)

    assert walks(captured) == [False]


@on_postgresql
@pytest.mark.usefixtures("_large")
def test_a_scan_reads_the_next_products_and_not_all_matches():
    lamps(20_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_product")
    PRODUCTS.estimate.sample(Product.objects.all())
    with CaptureQueriesContext(connection) as captured:
        PRODUCTS.rows(COMMON, ("id",), False, 20, None)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {captured[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert walks(captured) == [True]
    assert "Index Scan using products_product_pkey on products_product (actual rows=21 loops=1)" in plan
    assert "Sort" not in plan
    assert "products_by_search_text" not in plan


# The sample


def test_a_sample_has_existing_products_despite_gaps_in_the_ids():
    lamps(300)
    gap = Product.objects.order_by("pk").values("pk")[100:200]
    Product.objects.filter(pk__in=gap).delete()
    estimate = SelectivityEstimate()

    estimate.sample(Product.objects.all())

    assert len(estimate.texts) == estimate.products == 200
    assert not estimate.is_outdated


def test_the_probe_is_of_all_products_and_not_of_the_oldest():
    lamps(1_200)
    newest = Product.objects.order_by("-pk")[:300]
    QuerySet(Product).filter(pk__in=newest).update(search_text="brand new")
    estimate = SelectivityEstimate()

    estimate.sample(Product.objects.all())

    assert 50 < estimate.texts[: product_search.PROBE_SIZE].count("brand new") < 250


def test_an_empty_sample_allows_no_scan():
    estimate = SelectivityEstimate()

    estimate.sample(Product.objects.all())

    assert (estimate.texts, estimate.products, estimate.scan_length(["lamp"], 21)) == ([], 0, 0)


@pytest.mark.parametrize(
    ("having", "products", "walk"),
    [
        (10, 1_000_000, 4_200),
        (500, 1_000_000, 84),
        (5, 1_000_000, 8_400),
        (4, 1_000_000, 0),  # by chance
        (10, 200_000, 0),  # the 2,000 that have them are fewer than those on the way to 21
        (500, 20_000, 0),  # not worth a thought
    ],
)
def test_a_scan_pays_if_it_reads_fewer_products_than_match(having, products, walk):
    estimate = SelectivityEstimate()
    estimate.texts = ["a walnut lamp"] * having + ["a lamp"] * (1_000 - having)
    estimate.products = products

    assert estimate.scan_length(["walnut", "lamp"], 21) == walk
    assert estimate.scan_length(["walnut", "mug"], 21) == 0
