"""The list of products: search, filters, ordering and pagination."""

import os
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import urlencode

from products.api.schemas.products import ORDERINGS
from products.models import Category, Product
from products.tests.large_catalogue import insert_products

pytestmark = pytest.mark.django_db


def listed(client, **query) -> list[str]:
    answer = client.get(f"/api/products?{urlencode(query)}")
    assert answer.status_code == 200, answer.content
    return [product["sku"] for product in answer.json()["results"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mug", ["MUG", "BIG-MUG"]),
        ("MUG blue", ["BIG-MUG"]),
        ("blue mug", ["BIG-MUG"]),
        ("ug", ["MUG", "BIG-MUG"]),
        ("big-mug", ["BIG-MUG"]),
        ("porcelain", ["MUG"]),
        ("straße", ["STREET"]),
        ("STRASSE", ["STREET"]),
        ("élan", ["STREET"]),
        ("ÉLAN", ["STREET"]),
        ("100%", ["STREET"]),
        ("%", ["STREET"]),
        ("_", []),
        ("\\", []),
        ("'", []),
        ("mug nothing", []),
    ],
)
def test_search_finds_every_word_in_name_sku_or_description(api, alice, a_product, text, expected):
    a_product(sku="MUG", name="Mug", description="White porcelain.")
    a_product(sku="BIG-MUG", name="Big blue mug")
    a_product(sku="STREET", name="Straße", description="Élan, 100% wool")

    assert listed(api(alice), search=text) == expected


def test_search_finds_what_a_product_is_called_now(api, alice, a_product):
    mug = a_product(sku="MUG", name="Mug")
    mug.name = "Cup"
    mug.save()

    assert (listed(api(alice), search="cup"), listed(api(alice), search="mug cup")) == (["MUG"], ["MUG"])
    mug.sku = "CUP"
    mug.save(update_fields=["sku"])
    assert listed(api(alice), search="mug") == []


def test_search_does_not_find_what_a_stale_copy_remembers(api, alice, a_product):
    mug = a_product(sku="MUG", name="Mug")
    stale = mug.refreshed()
    mug.name = "Cup"
    mug.save()

    stale.price = "9"
    stale.save(update_fields=["price"])

    assert (listed(api(alice), search="cup"), listed(api(alice), search="mug mug")) == (["MUG"], ["MUG"])
    assert mug.refreshed().search_text == "cup\nmug\n"


def test_filters_can_be_combined(api, alice, a_product):
    kitchen, office = (Category.objects.create(slug=slug, name=slug) for slug in ("kitchen", "office"))
    a_product(sku="MUG", price="4.50", stock=3, category=kitchen)
    a_product(sku="POT", price="30", category=kitchen)
    a_product(sku="PEN", price="4.50", stock=1, category=office)
    a_product(sku="OLD", price="4.50", stock=1, category=office).retire()
    client = api(alice)

    assert listed(client, category="kitchen") == ["MUG", "POT"]
    assert listed(client, category="garden") == []
    assert listed(client, price_min="4.51") == ["POT"]
    assert listed(client, price_max="4.5") == ["MUG", "PEN"]
    assert listed(client, in_stock="true") == ["MUG", "PEN"]
    assert listed(client, in_stock="false") == ["POT"]
    assert listed(client, sku="PEN") == listed(client, sku="pen") == ["PEN"]
    assert listed(client, retired="true") == ["OLD"]
    assert listed(client, category="kitchen", in_stock="true", price_max="10", search="mug") == ["MUG"]


def test_changed_since_leaves_out_what_was_last_changed_before(api, alice, a_product):
    a_product(sku="MUG"), a_product(sku="LAMP")
    Product.objects.filter(sku="LAMP").update(updated_at=timezone.now() - timedelta(days=2))
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()

    assert listed(api(alice), changed_since=yesterday) == ["MUG"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("search=" + "x" * 101, "search"),
        ("search=" + "+".join(["word"] * 1_000), "search"),
        ("search=%00", "search"),
        ("search=", "search"),
        ("price_min=NaN", "price_min"),
        ("price_min=-1", "price_min"),
        ("price_min=1e3", "price_min"),
        ("price_max=1.00001", "price_max"),
        ("price_max=1_0", "price_max"),
        ("price_max=" + "9" * 30, "price_max"),
        ("in_stock=1", "in_stock"),
        ("in_stock=True", "in_stock"),
        ("changed_since=2026-01-01", "changed_since"),
        ("changed_since=2026-01-01T00:00:00", "changed_since"),
        ("changed_since=2026-02-30T00:00:00Z", "changed_since"),
        ("changed_since=0001-01-01T00:00:00%2B14:00", "changed_since"),
        ("changed_since=9999-12-31T23:59:59-14:00", "changed_since"),
        ("changed_since=2026-01-01T00:00:00%2B25:00", "changed_since"),
        ("changed_since=" + "1" * 100, "changed_since"),
        ("ordering=colour", "ordering"),
        ("ordering=--price", "ordering"),
        ("ordering=price,name", "ordering"),
        ("ordering=id&ordering=name", "ordering"),
    ],
)
def test_an_invalid_filter_is_an_error_that_names_it(api, alice, query, parameter):
    answer = api(alice).get(f"/api/products?{query}")

    assert answer.status_code == 400
    if "%00" not in query:
        assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


def walk(client, path: str, link: str) -> list[list[int]]:
    """Return the ids on each page, following the links from `path`."""
    pages = []
    while path:
        page = client.get(path).json()
        pages.append([product["id"] for product in page["results"]])
        path = page[link]
    return pages


@pytest.mark.parametrize("ordering", [f"{sign}{name}" for name in ORDERINGS for sign in ("", "-")])
def test_every_ordering_shows_each_product_once_forward_and_backward(api, alice, a_product, ordering):
    for number in range(11):
        a_product(price=str(number % 3), name=f"Name {number % 2}")
    client = api(alice)

    forward = walk(client, f"/api/products?limit=3&ordering={ordering}", "next")
    last = client.get(f"/api/products?limit=3&ordering={ordering}").json()
    while last["next"]:
        last = client.get(last["next"]).json()
    backward = walk(client, last["previous"], "previous")

    expected = list(Product.objects.order_by(*_columns(ordering)).values_list("pk", flat=True))
    assert [pk for page in forward for pk in page] == expected
    assert backward[::-1] == forward[:-1]


def _columns(ordering: str) -> list[str]:
    sign = "-" if ordering.startswith("-") else ""
    return [f"{sign}{column}" for column in ORDERINGS[ordering.lstrip("-")]]


def test_a_page_neither_repeats_nor_skips_while_rows_come_and_go(api, alice, a_product):
    products = [a_product(price="5", sku=f"P-{number}") for number in range(6)]
    client = api(alice)
    first = client.get("/api/products?limit=3&ordering=price").json()

    a_product(price="1", sku="BEFORE")
    products[2].retire()  # the last one of the page that was seen
    products[3].retire()  # the first one of the next
    a_product(price="9", sku="BEHIND")
    second = client.get(first["next"]).json()

    assert [product["sku"] for product in first["results"]] == ["P-0", "P-1", "P-2"]
    assert [product["sku"] for product in second["results"]] == ["P-4", "P-5", "BEHIND"]


def test_the_links_keep_the_filters(api, alice, a_product):
    for number in range(3):
        a_product(stock=number, name="Mug & co")
    client = api(alice)

    page = client.get("/api/products?limit=1&in_stock=true&search=mug+%26").json()

    assert [product["stock"] for product in page["results"]] == [1]
    assert [product["stock"] for product in client.get(page["next"]).json()["results"]] == [2]


# CATALOGUE_ROWS=100000 walks through more, and reads the plan of page 2,000; -s shows the figures.
ROWS = int(os.environ.get("CATALOGUE_ROWS", "3000"))


@pytest.mark.parametrize("ordering", ["name", "-price"])
def test_pages_visit_each_of_thousands_of_ties_once_forward_and_backward(api, alice, ordering):
    insert_products(Product(sku=f"T-{number}", name="Tie", price=number // 10_000) for number in range(ROWS))
    client = api(alice)

    forward = walk(client, f"/api/products?limit=100&ordering={ordering}", "next")
    last = client.get(f"/api/products?limit=100&ordering={_turned(ordering)}").json()
    backward = walk(client, f"/api/products?limit=100&ordering={_turned(ordering)}", "next")
    returned = walk(client, client.get(last["next"]).json()["previous"], "previous")

    seen = [pk for page in forward for pk in page]
    assert (len(forward), len(seen), len(set(seen))) == (ROWS // 100, ROWS, ROWS)
    assert [pk for page in backward for pk in page] == seen[::-1]
    assert returned == backward[:1]
    print(f"{ordering}: {len(forward)} pages, {len(set(seen))} products, each once, forward and backward")  # noqa: T201


def _turned(ordering: str) -> str:
    return ordering[1:] if ordering.startswith("-") else f"-{ordering}"


def test_a_page_far_in_costs_what_the_first_one_does(api, alice):
    """PostgreSQL finds the start of a page by the index, however deep it is."""
    if connection.vendor != "postgresql":
        pytest.skip("reads PostgreSQL's plans; SQLite's do not tell their cost")
    rows, pages = (ROWS, 2_000) if ROWS >= 100_000 else (5_000, 100)
    insert_products(Product(sku=f"T-{n}", name=f"N {n % 9}", price=n % 9) for n in range(rows))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_product")

    for name in ORDERINGS:
        client, path = api(alice), f"/api/products?limit=25&ordering={name}"
        first, first_reads = _plan_of_the_list(client, path)
        for _ in range(pages - 1):
            path = client.get(path).json()["next"]
        deep, deep_reads = _plan_of_the_list(client, path)

        assert "Sort" not in first + deep, deep
        assert "Index Cond: " in deep, deep
        assert deep_reads <= first_reads * 1.2 + 10, deep
        print(f"{name}: page 1 looks at {first_reads} blocks, page {pages} at {deep_reads}")  # noqa: T201


def _plan_of_the_list(client, path: str) -> tuple[str, int]:
    """Return PostgreSQL's plan for the page at `path`, and how many blocks it reads."""
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    sql = captured[-1]["sql"].split(";\n")[-1]  # the list's, or what executes it where it is prepared already
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    return plan, sum(map(int, re.findall(r"(?:hit|read)=(\d+)", plan.split("\n")[1])))


def test_search_goes_by_its_index(alice):
    if connection.vendor != "postgresql":
        pytest.skip("reads PostgreSQL's plans; SQLite looks at every row")
    insert_products(Product(sku=f"T-{n}", name=f"Product number {n}", price=1) for n in range(20_000))
    with connection.cursor() as cursor:
        # What was just inserted waits beside the index, and would make it look dear until a vacuum comes by.
        cursor.execute("SELECT gin_clean_pending_list('products_by_search_text')")
        cursor.execute("ANALYZE products_product")
        # The table is small: whether the index can serve this search is asked, not from which size on it pays.
        cursor.execute("SET LOCAL enable_seqscan = off")

    plan = Product.objects.on_sale().search("19999").order_by("id")[:21].explain()

    assert "products_by_search_text" in plan


# What a client has already


def test_a_product_and_a_list_that_are_current_are_a_304(api, alice, a_product):
    mug, client = a_product(stock=3), api(alice)

    for path in (f"/api/products/{mug.pk}", "/api/products"):
        etag = client.get(path)["ETag"]
        again = client.get(path, HTTP_IF_NONE_MATCH=f'"other", W/{etag}')
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)

        mug.correct(-1)
        moved = client.get(path, HTTP_IF_NONE_MATCH=etag)
        assert moved.status_code == 200
        assert moved["ETag"] != etag


# What a product has beside its name and its price

DETAILS = {
    "vendor": "Stoneworks",
    "barcode": "0036000291452",
    "weight": 410,
    "tags": ["gift", "größe-l", "50%_off"],
    "images": ["https://img.shop.example/1.jpg", "https://img.shop.example/2.jpg?a=1&b=2"],
}


def test_staff_add_a_product_with_its_details_and_take_them_away(api, staff):
    client = api(staff)

    made = client.post("/api/products", {"sku": "MUG", "name": "Mug", "price": "1", **DETAILS}, format="json")
    path, etag = made["Location"], made["ETag"]
    nothing = {"vendor": "", "barcode": "", "weight": None, "tags": [], "images": []}
    changed = client.patch(path, nothing, format="json", HTTP_IF_MATCH=etag)

    assert {name: made.json()[name] for name in DETAILS} == DETAILS
    assert {name: changed.json()[name] for name in DETAILS} == nothing
    assert changed["ETag"] != etag
    [event] = Product.objects.get().events.filter(kind="product.changed")
    assert event.facts == {"fields": sorted(DETAILS), "old": DETAILS, "new": nothing}


def test_products_are_found_by_barcode_and_tag(api, alice, a_product):
    a_product(sku="MUG", **DETAILS)
    a_product(sku="CUP", barcode="036000291452", tags=["gift-box"])
    a_product(sku="PEN", barcode="96385074", tags=["50 off"])
    client = api(alice)

    assert listed(client, barcode="036000291452") == listed(client, barcode="36000291452") == ["MUG", "CUP"]
    assert listed(client, barcode="0000096385074") == ["PEN"]
    assert listed(client, barcode="MUG") == listed(client, barcode="360002914") == []
    assert listed(client, tag="gift") == listed(client, tag="GIFT") == ["MUG"]
    assert listed(client, tag="Größe-L") == listed(client, tag="50%_off") == ["MUG"]
    assert listed(client, tag="50%") == listed(client, tag="%") == listed(client, tag="gif") == []
    assert listed(client, tag="gift", barcode="0036000291452") == ["MUG"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"images": ["https://img.shop.example/1.jpg", "ftp://img.shop.example"]}, "/images/1", "invalid"),
        ({"images": "https://img.shop.example/1.jpg"}, "/images", "not_a_list"),
        ({"tags": ["ok", "a\nb"]}, "/tags/1", "invisible_character"),
        ({"tags": ["ok", "ok"]}, "/tags", "repeated"),
        ({"tags": None}, "/tags", "null"),
        ({"barcode": "4006381333932"}, "/barcode", "wrong_check_digit"),
        ({"weight": -1}, "/weight", "out_of_range"),
        ({"weight": 100_000_001}, "/weight", "out_of_range"),
    ],
)
def test_a_detail_that_is_wrong_is_refused_with_the_place(api, staff, body, pointer, code):
    sent = {"sku": "MUG", "name": "Mug", "price": "1", **body}

    answer = api(staff).post("/api/products", sent, format="json")

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("barcode=036000291452", "products_by_barcode"),
        ("tag=gift", "products_by_tag"),
        ("sku=t-19999", "a_sku_belongs_to_one_product_in_any_case"),
    ],
)
def test_each_look_up_goes_by_its_index(api, alice, query, index):
    if connection.vendor != "postgresql":
        pytest.skip("reads PostgreSQL's plans; SQLite's do not tell their cost")
    insert_products(Product(sku=f"T-{n}", name="N", price=1, tags=[f"t{n}"]) for n in range(20_000))
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('products_by_tag')")
        cursor.execute("ANALYZE products_product")

    plan, _ = _plan_of_the_list(api(alice), f"/api/products?{query}")

    assert index in plan


def test_the_lines_of_an_order_find_their_products_by_an_index(alice):
    if connection.vendor != "postgresql":
        pytest.skip("reads PostgreSQL's plans; SQLite's do not tell their cost")
    insert_products(Product(sku=f"T-{n}", name="N", price=1) for n in range(20_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_product")
    with CaptureQueriesContext(connection) as captured:
        found = Product.objects.by_ids_or_skus([Product.objects.earliest("pk").pk], ["t-19999", "T-5"])

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {captured[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert [product.sku for product in found] == ["T-0", "T-5", "T-19999"]
    assert "a_sku_belongs_to_one_product_in_any_case" in plan
    assert "products_product_pkey" in plan
    assert "Seq Scan" not in plan
