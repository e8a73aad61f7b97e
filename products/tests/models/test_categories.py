"""Categories are a tree, at most eight deep, and stay one whatever is moved where and when."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from products.models import Category, CategoryInUse, Product, SlugTaken
from products.models.categories import MAX_DEPTH
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side

pytestmark = pytest.mark.django_db

CYCLE = {"parent": ["A category cannot be below itself."]}
TOO_DEEP = {"parent": ["Categories are nested at most 8 deep."]}


@pytest.fixture
def a_branch():
    """Make categories, each below the one before, and return them."""

    def make(*slugs, parent=None):
        made = []
        for slug in slugs:
            parent = Category.objects.create(slug=slug, name=slug.title(), parent=parent)
            made.append(parent)
        return made

    return make


def tree():
    """Every category: its parent and its depth."""
    return {
        slug: (parent, depth) for slug, parent, depth in Category.objects.values_list("slug", "parent__slug", "depth")
    }


def move(category, parent):
    category = Category.objects.get(pk=category.pk)
    category.parent = parent
    category.save()


def skus_in(slug):
    return list(Product.objects.in_branch(slug).order_by("sku").values_list("sku", flat=True))


def test_a_branch_has_the_products_of_all_categories_in_it(a_branch, a_product):
    kitchen, mugs, tall = a_branch("kitchen", "mugs", "tall-mugs")
    [garden] = a_branch("garden")
    for sku, category in [("A", kitchen), ("B", mugs), ("C", tall), ("D", garden), ("E", None)]:
        a_product(sku=sku, category=category)

    found = {slug: skus_in(slug) for slug in ("kitchen", "mugs", "tall-mugs", "garden", "nowhere")}

    assert found == {
        "kitchen": ["A", "B", "C"],
        "mugs": ["B", "C"],
        "tall-mugs": ["C"],
        "garden": ["D"],
        "nowhere": [],
    }


def test_a_category_moves_with_all_below_it(a_branch, a_product):
    _, mugs, tall = a_branch("kitchen", "mugs", "tall-mugs")
    _, shop = a_branch("all", "shop")
    a_product(sku="C", category=tall)

    move(mugs, shop)

    assert tree() == {
        "kitchen": (None, 1),
        "all": (None, 1),
        "shop": ("all", 2),
        "mugs": ("shop", 3),
        "tall-mugs": ("mugs", 4),
    }
    assert (skus_in("kitchen"), skus_in("all")) == ([], ["C"])


def test_a_category_moves_to_the_top(a_branch):
    _, mugs, _ = a_branch("kitchen", "mugs", "tall-mugs")

    move(mugs, None)

    assert tree() == {"kitchen": (None, 1), "mugs": (None, 1), "tall-mugs": ("mugs", 2)}


def test_a_move_counts_as_a_change_of_the_products_below(a_branch, a_product):
    kitchen, mugs, tall = a_branch("kitchen", "mugs", "tall-mugs")
    here, elsewhere = a_product(category=tall), a_product(category=kitchen)

    move(mugs, None)

    assert here.refreshed().updated_at > here.updated_at
    assert elsewhere.refreshed().updated_at == elsewhere.updated_at


def test_a_new_name_counts_as_a_change_of_the_categorys_own_products_only(a_branch, a_product):
    kitchen, mugs = a_branch("kitchen", "mugs")
    own, below = a_product(category=kitchen), a_product(category=mugs)

    kitchen.name = "Cooking"
    kitchen.save()

    assert own.refreshed().updated_at > own.updated_at
    assert below.refreshed().updated_at == below.updated_at


@pytest.mark.parametrize("slug", ["kitchen", "mugs", "tall-mugs"])
def test_a_category_is_never_below_itself(a_branch, slug):
    kitchen, *_ = a_branch("kitchen", "mugs", "tall-mugs")
    before = tree()
    kitchen.parent = Category.objects.get(slug=slug)

    with pytest.raises(ValidationError) as on_saving:
        kitchen.save()
    with pytest.raises(ValidationError) as on_a_form:
        kitchen.full_clean()

    assert (on_saving.value.message_dict, on_a_form.value.message_dict) == (CYCLE, CYCLE)
    assert tree() == before


def test_categories_are_nested_eight_deep_and_no_deeper(a_branch):
    branch = a_branch(*(f"c-{depth}" for depth in range(1, MAX_DEPTH + 1)))
    before = tree()

    with pytest.raises(ValidationError) as refusal:
        Category.objects.create(slug="c-9", name="Ninth", parent=branch[-1])

    assert refusal.value.message_dict == TOO_DEEP
    assert tree() == before


def test_what_moves_counts_with_all_below_it(a_branch):
    *_, sixth = a_branch(*(f"c-{depth}" for depth in range(1, 7)))
    first, *_ = a_branch("a", "b", "c")
    second, *_ = a_branch("d", "e")

    move(second, sixth)
    with pytest.raises(ValidationError) as refusal:
        move(first, sixth)

    assert refusal.value.message_dict == TOO_DEEP
    assert tree()["e"] == ("d", 8)
    assert tree()["a"] == (None, 1)


def test_a_parent_that_is_gone_is_named(a_branch):
    kitchen, mugs = a_branch("kitchen", "mugs")
    kitchen_as_it_was = Category.objects.get(pk=kitchen.pk)
    move(mugs, None)
    kitchen.delete()

    with pytest.raises(ValidationError) as refusal:
        move(mugs, kitchen_as_it_was)

    assert refusal.value.message_dict == {"parent": ["There is no such category."]}


def test_a_category_in_use_stays(a_branch, a_product):
    kitchen, mugs = a_branch("kitchen", "mugs")
    a_product(category=mugs).retire()

    refusals = []
    for category in (kitchen, mugs):
        with pytest.raises(CategoryInUse) as refusal:
            category.delete()
        refusals.append(refusal.value.violations[0].facts)

    assert refusals == [{"products": 0, "children": 1}, {"products": 1, "children": 0}]
    assert Category.objects.count() == 2


def test_an_empty_category_can_be_removed(a_branch):
    kitchen, mugs = a_branch("kitchen", "mugs")

    mugs.delete()
    kitchen.delete()

    assert not Category.objects.exists()


def test_a_slug_that_is_taken_is_refused_with_the_category_that_has_it(a_category):
    with pytest.raises(SlugTaken) as refusal:
        Category(slug="kitchen", name="Another").save()

    assert refusal.value.violations[0].facts == {"category": a_category.pk}


@pytest.mark.parametrize(
    "write",
    [
        lambda mugs, garden: Category.objects.filter(pk=mugs.pk).update(parent=garden),
        lambda mugs, garden: Category.objects.update(depth=1),
        lambda mugs, garden: Category.objects.bulk_update([mugs], ["parent"]),
        lambda mugs, garden: Category.objects.bulk_create([Category(slug="new", name="New", parent=garden)]),
        lambda mugs, garden: Category.objects.bulk_create([Category(slug="new", name="New", depth=2)]),
        lambda mugs, garden: Category.objects.bulk_create(
            [Category(pk=mugs.pk, slug="mugs", name="Mugs")],
            update_conflicts=True,
            unique_fields=["slug"],
            update_fields=["parent"],
        ),
        lambda mugs, garden: garden.children.add(mugs, bulk=True),
    ],
)
def test_only_save_moves_a_category(a_branch, write):
    _, mugs = a_branch("kitchen", "mugs")
    [garden] = a_branch("garden")
    before = tree()

    with pytest.raises(TypeError, match="save"), transaction.atomic():
        write(mugs, garden)

    assert tree() == before


def test_a_cycle_that_sql_has_made_does_not_keep_a_list_from_ending(a_branch, a_product):
    _, mugs = a_branch("kitchen", "mugs")
    a_product(sku="MUG", category=mugs)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_category SET parent_id = %s, depth = 2 WHERE slug = 'kitchen'", [mugs.pk])

    assert skus_in("kitchen") == ["MUG"]


# At once


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_two_moves_at_once_make_no_cycle_together(a_branch):
    a, b = (Category.objects.create(slug=slug, name=slug) for slug in ("a", "b"))
    for _ in range(10):
        move(a, None)
        move(b, None)

        outcomes = side_by_side(lambda: move(a, b), lambda: move(b, a))

        refused = [outcome.message_dict for outcome in outcomes if outcome is not None]
        assert refused == [CYCLE]
        assert sorted(depth for _, depth in tree().values()) == [1, 2]


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_two_moves_at_once_are_not_too_deep_together(a_branch):
    a_branch("a", "b", "c")
    middle, *_ = a_branch("d", "e", "f")
    bottom, *_ = a_branch("g", "h", "i")
    ends = [Category.objects.get(slug=slug) for slug in ("c", "f")]

    outcomes = side_by_side(lambda: move(middle, ends[0]), lambda: move(bottom, ends[1]))

    assert [outcome.message_dict for outcome in outcomes if outcome is not None] == [TOO_DEEP]
    assert max(depth for _, depth in tree().values()) == 6


@pytest.mark.django_db(transaction=True)
@on_postgresql
@pytest.mark.parametrize("door", ["create", "change"])
def test_a_product_that_comes_while_its_category_is_removed_is_refused(a_category, a_product, door):
    mug = a_product(sku="MUG")

    def put():
        if door == "create":
            return Product.objects.create(sku="CUP", name="Cup", price=1, category=a_category)
        mug.category = a_category
        return mug.save()

    with transaction.atomic():
        Category.objects.get(pk=a_category.pk).delete()
        coming = meanwhile(put)
        assert coming.waits()

    assert coming.outcome().message_dict == {"category": ["There is no such category."]}
    assert Product.objects.get().category is None


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_what_is_below_moves_to_the_top_with_its_category_wherever_that_was_meanwhile(a_branch):
    _, b, _ = a_branch("a", "b", "c")
    *_, y = a_branch("x", "y")

    with transaction.atomic():
        move(b, y)
        moving = meanwhile(lambda: move(b, None))
        assert moving.waits()

    assert moving.outcome() is None
    assert {slug: place for slug, place in tree().items() if slug in "bc"} == {"b": (None, 1), "c": ("b", 2)}


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_a_category_is_not_removed_while_a_product_comes_in(a_category):
    with transaction.atomic():
        Product.objects.create(sku="CUP", name="Cup", price=1, category=a_category)
        removing = meanwhile(a_category.delete)
        assert removing.waits()

    assert removing.outcome().violations[0].facts == {"products": 1, "children": 0}


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_a_category_is_not_removed_while_another_comes_below_it(a_category):
    with transaction.atomic():
        Category.objects.create(slug="mugs", name="Mugs", parent=a_category)
        removing = meanwhile(a_category.delete)
        assert removing.waits()

    assert removing.outcome().violations[0].facts == {"products": 0, "children": 1}
