"""Products over HTTP."""

import pytest

from products.api.schemas.products import ProductResponse

pytestmark = pytest.mark.django_db


def skus(answer) -> list[str]:
    return [product["sku"] for product in answer.json()["results"]]


def test_a_product_has_its_price_and_stock(api, alice, a_product, a_category):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=3, category=a_category)

    answer = api(alice).get(f"/api/products/{mug.pk}")

    assert answer.status_code == 200
    body = answer.json()
    moments = [body.pop("created_at"), body.pop("updated_at")]
    assert body == {
        "id": mug.pk,
        "sku": "MUG",
        "name": "Mug",
        "description": "",
        "category": a_category.slug,
        "vendor": "",
        "barcode": "",
        "weight": None,
        "tags": [],
        "images": [],
        "price": "4.50",
        "list_price": None,
        "tax_class": "standard",
        "currency": "EUR",
        "stock": 3,
        "in_stock": True,
        "retired_at": None,
    }
    assert all(moment.endswith("Z") for moment in moments)


def test_the_schema_has_exactly_the_fields_of_the_response(api, alice, a_product):
    body = api(alice).get(f"/api/products/{a_product().pk}").json()

    assert list(body) == list(ProductResponse().fields)


def test_the_list_has_products_on_sale_including_sold_out_ones(api, alice, a_product):
    a_product(sku="MUG", stock=3)
    a_product(sku="LAMP", stock=0)
    a_product(sku="OLD", stock=3).retire()

    answer = api(alice).get("/api/products/")

    assert [(each["sku"], each["in_stock"]) for each in answer.json()["results"]] == [("MUG", True), ("LAMP", False)]


def test_a_shop_can_hide_sold_out_products(api, alice, a_product, settings):
    settings.LIST_OUT_OF_STOCK = False
    a_product(sku="MUG", stock=3)
    a_product(sku="LAMP", stock=0)

    assert skus(api(alice).get("/api/products")) == ["MUG"]


def test_a_retired_product_can_still_be_looked_up(api, alice, a_product):
    old = a_product()
    old.retire()

    answer = api(alice).get(f"/api/products/{old.pk}")

    assert answer.status_code == 200
    assert answer.json()["retired_at"] is not None


def test_the_catalogue_is_closed_without_a_token_unless_the_shop_opens_it(api, a_product, settings):
    path = f"/api/products/{a_product().pk}"
    assert [api().get(path).status_code, api().get("/api/products").status_code] == [401, 401]

    settings.CATALOGUE_IS_PUBLIC = True

    assert [api().get(path).status_code, api().get("/api/products").status_code] == [200, 200]


@pytest.mark.parametrize("path", ["0", "-1", "1.5", "x", "9" * 30, "９", "1%00"])
def test_an_invalid_product_id_is_not_found(api, alice, path):
    answer = api(alice).get(f"/api/products/{path}")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_pages_lead_through_every_product_and_back(api, alice, a_product):
    expected = [a_product(sku=f"P-{number}").sku for number in range(7)]
    client = api(alice)

    forward, seen, back = [], [], []
    page = client.get("/api/products?limit=3").json()
    while True:
        forward.append([product["sku"] for product in page["results"]])
        seen.append(page)
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    while page["previous"] is not None:
        page = client.get(page["previous"]).json()
        back.append([product["sku"] for product in page["results"]])

    assert forward == [expected[:3], expected[3:6], expected[6:]]
    assert back == [expected[3:6], expected[:3]]
    assert seen[0]["previous"] is None
    assert "count" not in seen[0]


def test_a_page_counts_when_asked_and_links_in_its_header(api, alice, a_product):
    for _ in range(3):
        a_product()

    answer = api(alice).get("/api/products?limit=2&count=true")

    assert answer.json()["count"] == 3
    assert answer["Link"] == f'<{answer.json()["next"]}>; rel="next"'
    assert "count=true" in answer.json()["next"]


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("limit=0", "limit", "out_of_range"),
        ("limit=101", "limit", "out_of_range"),
        ("limit=ten", "limit", "invalid"),
        ("limit=1.0", "limit", "invalid"),
        ("limit=%201", "limit", "invalid"),
        ("limit=" + "9" * 400, "limit", "invalid"),
        ("limit=5&limit=5", "limit", "repeated"),
        ("count=yes", "count", "invalid_choice"),
        ("cursor=x", "cursor", "invalid_cursor"),
        ("cursor=", "cursor", "blank"),
        ("page=2", "page", "unknown"),
    ],
)
def test_a_parameter_that_is_wrong_or_unknown_is_an_error(api, alice, query, parameter, code):
    answer = api(alice).get(f"/api/products?{query}")

    assert answer.status_code == 400
    assert [(error["parameter"], error["code"]) for error in answer.json()["errors"]] == [(parameter, code)]


def test_a_cursor_is_good_for_its_own_list_only(api, alice, a_product):
    for _ in range(2):
        a_product()
    client = api(alice)
    cursor = client.get("/api/products?limit=1").json()["next"].partition("cursor=")[2]

    answers = [
        client.get(f"/api/products?cursor={cursor}"),
        client.get(f"/api/products?cursor={cursor}x"),
        client.get(f"/api/orders?cursor={cursor}"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 400]


def test_a_list_costs_the_same_for_one_product_and_for_fifty(
    api, alice, a_product, a_category, django_assert_num_queries
):
    client = api(alice)
    a_product(category=a_category)
    with django_assert_num_queries(2):  # the token and the products
        client.get("/api/products?limit=50")
    for _ in range(49):
        a_product(category=a_category)

    with django_assert_num_queries(2):
        answer = client.get("/api/products?limit=50")

    assert len(answer.json()["results"]) == 50
