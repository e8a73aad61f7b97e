"""Categories in the admin: a tree, moved by choosing another parent."""

import pytest

from products.models import Category
from products.tests.side_by_side import on_postgresql, side_by_side

pytestmark = pytest.mark.django_db

CATEGORIES = "/admin/products/category/"


@pytest.fixture
def mugs(a_category):
    return Category.objects.create(slug="mugs", name="Mugs", parent=a_category)


def test_a_category_is_added_below_another_one(staff, client_of, a_category):
    values = {"slug": "mugs", "name": "Mugs", "parent": a_category.pk}

    answer = client_of(staff).post(f"{CATEGORIES}add/", values)

    assert answer.status_code == 302
    mugs = Category.objects.get(slug="mugs")
    assert (mugs.parent, mugs.depth) == (a_category, 2)


def test_a_category_is_moved_with_all_below_it(staff, client_of, mugs):
    tall = Category.objects.create(slug="tall", name="Tall", parent=mugs)

    answer = client_of(staff).post(f"{CATEGORIES}{mugs.pk}/change/", {"slug": "mugs", "name": "Mugs", "parent": ""})

    assert answer.status_code == 302
    assert (Category.objects.get(pk=mugs.pk).depth, Category.objects.get(pk=tall.pk).depth) == (1, 2)


def test_a_category_below_itself_is_an_error_of_the_parent(staff, client_of, a_category, mugs):
    values = {"slug": "kitchen", "name": "Kitchen", "parent": mugs.pk}

    answer = client_of(staff).post(f"{CATEGORIES}{a_category.pk}/change/", values)

    assert answer.context["adminform"].form.errors == {"parent": ["A category cannot be below itself."]}
    assert Category.objects.get(pk=a_category.pk).parent is None


def test_a_category_with_others_below_it_cannot_be_deleted_and_the_page_says_why(staff, client_of, a_category, mugs):
    client = client_of(staff)

    page = client.get(f"{CATEGORIES}{a_category.pk}/delete/").content.decode()
    client.post(f"{CATEGORIES}{a_category.pk}/delete/", {"post": "yes"})

    assert "would require deleting the following protected related objects" in page
    assert Category.objects.count() == 2


def test_the_list_of_categories_costs_the_same_for_one_and_for_many(
    staff, client_of, a_category, django_assert_num_queries
):
    client = client_of(staff)
    with django_assert_num_queries(7):
        client.get(CATEGORIES)
    for number in range(9):
        Category.objects.create(slug=f"c-{number}", name="C", parent=a_category)

    with django_assert_num_queries(7):
        client.get(CATEGORIES)


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_of_two_moves_at_once_that_make_a_cycle_one_is_an_error_of_the_form(staff, client_of):
    a, b = (Category.objects.create(slug=slug, name=slug) for slug in ("a", "b"))
    clients = {a: client_of(staff), b: client_of(staff)}

    def move(category, parent):
        values = {"slug": category.slug, "name": category.name, "parent": parent.pk if parent else ""}
        return clients[category].post(f"{CATEGORIES}{category.pk}/change/", values).status_code

    for _ in range(5):
        move(a, None)
        move(b, None)
        assert sorted(side_by_side(lambda: move(a, b), lambda: move(b, a))) == [200, 302]
