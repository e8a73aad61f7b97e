"""Categories over the API: the tree, its changes by staff, and the products of a branch."""

import pytest

from products.models import Category, Product
from products.models.categories import MAX_DEPTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api, staff):
    return api(staff)


@pytest.fixture
def tree(db):
    """Mugs and pots are in the kitchen, tall mugs among the mugs; the garden is beside it."""
    kitchen = Category.objects.create(slug="kitchen", name="Kitchen")
    garden = Category.objects.create(slug="garden", name="Garden")
    pots = Category.objects.create(slug="pots", name="Pots", parent=kitchen)
    mugs = Category.objects.create(slug="mugs", name="Mugs", parent=kitchen)
    tall = Category.objects.create(slug="tall-mugs", name="Tall mugs", parent=mugs)
    return {category.slug: category for category in (kitchen, garden, pots, mugs, tall)}


def path_of(category):
    return f"/api/categories/{category.pk}"


def errors(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def change(client, category, body):
    etag = client.get(path_of(category))["ETag"]
    return client.patch(path_of(category), body, format="json", HTTP_IF_MATCH=etag)


def test_a_category_is_made_and_read(client, a_category):
    made = client.post("/api/categories", {"slug": "mugs", "name": "Mugs", "parent": "kitchen"})
    read = client.get(made["Location"])

    mugs = Category.objects.get(slug="mugs")
    body = {"id": mugs.pk, "slug": "mugs", "name": "Mugs", "parent": "kitchen", "depth": 2}
    assert (made.status_code, made.json()) == (201, body)
    assert made["Location"].endswith(path_of(mugs))
    assert (read.json(), read["ETag"]) == (body, made["ETag"])
    assert client.get(path_of(a_category)).json()["parent"] is None


def test_the_list_has_each_category_after_the_one_that_it_is_below(api, alice, tree, django_assert_num_queries):
    client = api(alice)

    with django_assert_num_queries(2):  # the token and the categories
        page = client.get("/api/categories").json()

    assert [(each["slug"], each["parent"], each["depth"]) for each in page["results"]] == [
        ("garden", None, 1),
        ("kitchen", None, 1),
        ("mugs", "kitchen", 2),
        ("pots", "kitchen", 2),
        ("tall-mugs", "mugs", 3),
    ]


def test_the_list_goes_on_over_pages(api, alice, tree):
    client, path, seen = api(alice), "/api/categories?limit=2", []

    while path:
        page = client.get(path).json()
        seen += [each["slug"] for each in page["results"]]
        path = page["next"]

    assert seen == ["garden", "kitchen", "mugs", "pots", "tall-mugs"]


@pytest.mark.parametrize(
    ("query", "slugs"),
    [("parent=kitchen", ["mugs", "pots"]), ("parent=pots", []), ("parent=nowhere", []), ("slug=pots", ["pots"])],
)
def test_the_list_can_be_filtered(api, alice, tree, query, slugs):
    found = api(alice).get(f"/api/categories?{query}").json()["results"]

    assert [each["slug"] for each in found] == slugs


def test_a_category_is_renamed_and_moved_with_all_below_it(client, tree):
    answer = change(client, tree["mugs"], {"slug": "cups", "name": "Cups", "parent": "garden"})

    assert answer.status_code == 200
    assert answer.json() == {
        "id": tree["mugs"].pk,
        "slug": "cups",
        "name": "Cups",
        "parent": "garden",
        "depth": 2,
    }
    assert client.get(path_of(tree["tall-mugs"])).json()["parent"] == "cups"
    assert change(client, tree["mugs"], {"parent": None}).json()["depth"] == 1
    assert client.get(path_of(tree["tall-mugs"])).json()["depth"] == 2


def test_a_body_without_a_field_changes_nothing(client, tree):
    before = client.get(path_of(tree["mugs"])).json()

    answer = change(client, tree["mugs"], {})

    assert (answer.status_code, answer.json()) == (200, before)


def test_a_change_needs_the_version_that_it_is_based_on(client, tree):
    path, etag = path_of(tree["mugs"]), client.get(path_of(tree["mugs"]))["ETag"]
    change(client, tree["mugs"], {"name": "Cups"})

    answers = [
        client.patch(path, {"name": "Mugs"}),
        client.patch(path, {"name": "Mugs"}, HTTP_IF_MATCH=etag),
        client.delete(path, HTTP_IF_MATCH=etag),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (428, "precondition_required"),
        (412, "stale"),
        (412, "stale"),
    ]
    assert client.get(path).json()["name"] == "Cups"


@pytest.mark.parametrize("parent", ["kitchen", "mugs", "tall-mugs"])
def test_a_category_cannot_be_moved_below_itself(client, tree, parent):
    answer = change(client, tree["kitchen"], {"parent": parent})

    assert (answer.status_code, errors(answer)) == (400, [("/parent", "category_cycle")])
    assert client.get(path_of(tree["kitchen"])).json()["parent"] is None


def test_categories_are_nested_eight_deep(client):
    parent = None
    for depth in range(1, MAX_DEPTH + 1):
        answer = client.post("/api/categories", {"slug": f"c-{depth}", "name": "C", "parent": parent}, format="json")
        assert (answer.status_code, answer.json()["depth"]) == (201, depth)
        parent = f"c-{depth}"

    answer = client.post("/api/categories", {"slug": "c-9", "name": "C", "parent": parent}, format="json")

    assert (answer.status_code, errors(answer)) == (400, [("/parent", "category_too_deep")])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Mugs"}, [("/slug", "required")]),
        ({"slug": "mugs"}, [("/name", "required")]),
        ({"slug": "two words", "name": "Mugs"}, [("/slug", "invalid")]),
        ({"slug": "größe", "name": "Mugs"}, [("/slug", "invalid")]),
        ({"slug": "x" * 61, "name": "Mugs"}, [("/slug", "max_length")]),
        ({"slug": 7, "name": "Mugs"}, [("/slug", "invalid")]),
        ({"slug": None, "name": "Mugs"}, [("/slug", "null")]),
        ({"slug": "mugs", "name": "a\tb"}, [("/name", "control_character")]),
        ({"slug": "mugs", "name": "\u200b"}, [("/name", "invisible_character")]),
        ({"slug": "mugs", "name": "x" * 101}, [("/name", "max_length")]),
        ({"slug": "mugs", "name": "Mugs", "parent": "nowhere"}, [("/parent", "unknown_category")]),
        ({"slug": "mugs", "name": "Mugs", "parent": 1}, [("/parent", "invalid")]),
        ({"slug": "mugs", "name": "Mugs", "parent": ""}, [("/parent", "blank")]),
        ({"slug": "mugs", "name": "Mugs", "parent": "x" * 61}, [("/parent", "max_length")]),
        ({"slug": "mugs", "name": "Mugs", "depth": 2}, [("/depth", "unknown")]),
    ],
)
def test_a_category_that_is_wrong_is_refused_with_the_place(client, body, expected):
    answer = client.post("/api/categories", body, format="json")

    assert (answer.status_code, errors(answer)) == (400, expected)
    assert not Category.objects.exists()


def test_a_slug_that_is_taken_is_a_409_that_names_the_category(client, tree):
    made = client.post("/api/categories", {"slug": "mugs", "name": "Mugs"})
    changed = change(client, tree["pots"], {"slug": "mugs"})

    for answer in (made, changed):
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["pointer"], error["code"]) == (409, "/slug", "slug_taken")
        assert error["category"] == tree["mugs"].pk


def test_a_category_is_removed_only_when_it_is_empty(client, tree, a_product):
    a_product(category=tree["tall-mugs"])

    answers = [client.delete(path_of(tree[slug])) for slug in ("mugs", "tall-mugs", "pots")]

    assert [answer.status_code for answer in answers] == [409, 409, 204]
    assert [
        (error["code"], error["products"], error["children"]) for each in answers[:2] for error in each.json()["errors"]
    ] == [("category_in_use", 0, 1), ("category_in_use", 1, 0)]
    assert client.get(path_of(tree["pots"])).status_code == 404


def test_a_branch_of_the_catalog_costs_what_one_category_does(api, alice, tree, a_product, django_assert_num_queries):
    for slug, category in tree.items():
        a_product(sku=slug.upper(), category=category)
    a_product(sku="NONE")
    client = api(alice)

    with django_assert_num_queries(2):  # the token and the products
        branch = client.get("/api/products?category=kitchen&count=false").json()["results"]

    assert [product["sku"] for product in branch] == ["KITCHEN", "POTS", "MUGS", "TALL-MUGS"]
    assert client.get("/api/products?category=mugs&count=true").json()["count"] == 2
    assert [product["category"] for product in branch] == ["kitchen", "pots", "mugs", "tall-mugs"]


def test_a_client_with_a_copy_of_a_branch_hears_of_what_was_moved_into_it(client, tree, a_product):
    mug = a_product(category=tree["tall-mugs"])
    since = Product.objects.get().updated_at
    change(client, tree["mugs"], {"parent": "garden"})

    moved = client.get("/api/products", {"category": "garden", "changed_since": since.isoformat()}).json()["results"]

    assert [product["id"] for product in moved] == [mug.pk]
    assert mug.refreshed().updated_at > since


def test_a_public_catalog_shows_its_categories(api, tree, settings):
    settings.CATALOGUE_IS_PUBLIC = True

    answer = api().get("/api/categories")

    assert (answer.status_code, len(answer.json()["results"])) == (200, 5)
