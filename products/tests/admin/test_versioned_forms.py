"""Pages of the admin that were loaded before somebody else changed what they show."""

from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from products.models import ApiToken, Category, Product
from products.tests.side_by_side import meanwhile, on_postgresql

pytestmark = pytest.mark.django_db

STALE = (
    "This {} has been changed since you opened this page, and nothing was saved. Look at the marked values, and then "
    "save again."
)


@pytest.fixture
def browser(client_of):
    return client_of(User.objects.create_superuser("boss"))


@pytest.fixture
def mug(a_product, a_category):
    return a_product(sku="MUG", name="Mug", price="4.50", description="Stoneware\nGrey\n", category=a_category)


def page(thing):
    return f"/admin/{thing._meta.app_label}/{thing._meta.model_name}/{thing.pk}/change/"


def sent(answer, **changes):
    """Return what a browser sends of this page, with these changes; it ends lines with CR LF."""
    form = answer.context["adminform"].form
    values = {name: form.fields[name].prepare_value(form[name].value()) for name in form.fields}
    values = {name: "" if value is None else value for name, value in values.items()}
    return {
        name: value.replace("\n", "\r\n") if isinstance(value, str) else value for name, value in values.items()
    } | changes


def errors(answer):
    return dict(answer.context["adminform"].form.errors)


def shown(answer, name):
    return answer.context["adminform"].form[name].value()


def test_a_price_that_was_changed_in_another_window_is_refused_with_both_values(browser, mug):
    first, second = browser.get(page(mug)), browser.get(page(mug))
    browser.post(page(mug), sent(first, price="5.00"))

    answer = browser.post(page(mug), sent(second, price="4.80"))

    assert errors(answer) == {
        "__all__": [STALE.format("product")],
        "price": ["Somebody else has changed this to “5.00”. You entered “4.80”; save again to replace it."],
    }
    assert (shown(answer, "price"), mug.refreshed().price) == ("4.80", Decimal("5.00"))

    again = browser.post(page(mug), sent(answer))

    assert (again.status_code, mug.refreshed().price) == (302, Decimal("4.80"))


def test_a_page_takes_over_what_others_have_changed_in_fields_where_nothing_was_entered(browser, mug):
    opened = browser.get(page(mug))
    other = Category.objects.create(slug="office", name="Office")
    mug.price, mug.category, mug.description = Decimal("5.00"), other, "Enamel"
    mug.save()

    answer = browser.post(page(mug), sent(opened, name="Large mug"))

    assert errors(answer) == {
        "__all__": [STALE.format("product")],
        "price": ["Somebody else has changed this from “4.50” to “5.00”."],
        "category": ["Somebody else has changed this from “Kitchen” to “Office”."],
        "description": ["Somebody else has changed this from “Stoneware\nGrey\n” to “Enamel”."],
    }
    assert mug.refreshed().name == "Mug"

    again = browser.post(page(mug), sent(answer))
    now = mug.refreshed()

    assert again.status_code == 302
    assert (now.name, now.price, now.category, now.description) == ("Large mug", Decimal("5.00"), other, "Enamel")
    assert [list(Product.objects.search(word)) for word in ("large", "enamel", "stoneware")] == [[mug], [mug], []]


def test_a_value_that_others_have_changed_and_that_is_no_value_is_refused_as_both(browser, mug):
    opened = browser.get(page(mug))
    mug.price = Decimal("5.00")
    mug.save()

    answer = browser.post(page(mug), sent(opened, price="cheap"))

    assert errors(answer)["price"] == [
        "Enter a number.",
        "Somebody else has changed this to “5.00”. You entered something else; save again to replace it.",
    ]


def test_what_two_have_changed_alike_is_no_conflict_and_saved_once(browser, mug):
    form = sent(browser.get(page(mug)), price="5.00")

    answers = [browser.post(page(mug), form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert [event.facts.get("fields") for event in mug.events.all()] == [None, ["price"]]
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("id")] == [
        "Changed Price.",
        "No fields changed.",
    ]


def test_what_is_no_field_of_the_page_makes_it_not_stale(browser, mug):
    opened = browser.get(page(mug))
    mug.receive(5)
    mug.retire()

    answer = browser.post(page(mug), sent(opened, name="Large mug"))

    now = mug.refreshed()
    assert answer.status_code == 302
    assert (now.name, now.stock, now.retired_at, now.description) == ("Large mug", 5, mug.retired_at, mug.description)
    assert mug.events.last().facts == {"fields": ["name"], "old": {"name": "Mug"}, "new": {"name": "Large mug"}}


def a_group():
    group = Group.objects.create(name="Till")
    group.permissions.add(Permission.objects.get(codename="view_order"))
    return group


def a_category_named_till():
    return Category.objects.create(slug="till", name="Till")


def a_token():
    return ApiToken.objects.issue(User.objects.create_user("alice"), name="Till")[0]


@pytest.mark.parametrize(
    "make",
    [lambda: Category.objects.create(slug="till", name="Till"), a_group, a_token],
    ids=["category", "group", "token"],
)
def test_the_same_for_other_pages(browser, make):
    thing = make()
    first, second = browser.get(page(thing)), browser.get(page(thing))
    browser.post(page(thing), sent(first, name="One"))

    refused = browser.post(page(thing), sent(second, name="Two"))
    name = type(thing).objects.get(pk=thing.pk).name
    again = browser.post(page(thing), sent(refused))

    assert errors(refused)["name"] == [
        "Somebody else has changed this to “One”. You entered “Two”; save again to replace it."
    ]
    assert (name, again.status_code) == ("One", 302)
    assert type(thing).objects.get(pk=thing.pk).name == "Two"


def test_the_permissions_that_a_group_was_given_meanwhile_are_kept(browser):
    group = a_group()
    opened = browser.get(page(group))
    group.permissions.add(Permission.objects.get(codename="view_event"))

    answer = browser.post(page(group), sent(opened, name="Counter"))
    again = browser.post(page(group), sent(answer))

    assert list(errors(answer)) == ["permissions", "__all__"]
    assert again.status_code == 302
    assert set(group.permissions.values_list("codename", flat=True)) == {"view_order", "view_event"}
    assert Group.objects.get().name == "Counter"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_the_second_is_refused(browser, mug):
    form = sent(browser.get(page(mug)), price="4.80")
    with transaction.atomic():
        mug.price = Decimal("5.00")
        mug.save()
        saving = meanwhile(lambda: browser.post(page(mug), form))
        assert saving.waits()

    assert "price" in errors(saving.outcome())
    assert mug.refreshed().price == Decimal("5.00")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_category_that_is_just_being_deleted_is_not_saved(browser):
    category = Category.objects.create(slug="till", name="Till")
    form = sent(browser.get(page(category)), name="Two")
    with transaction.atomic():
        Category.objects.filter(pk=category.pk).delete()
        saving = meanwhile(lambda: browser.post(page(category), form))
        assert saving.waits()

    assert errors(saving.outcome()) == {"__all__": ["This category has been deleted since you opened this page."]}


@pytest.mark.parametrize("version", ["x", "{}", "a:b:c", "\N{SNOWMAN}"])
def test_a_version_that_is_none_is_refused(browser, mug, version):
    answer = browser.post(page(mug), sent(browser.get(page(mug)), name="Large mug", version=version))

    assert errors(answer)["__all__"] == ["Open this page again, and then make your changes."]
    assert mug.refreshed().name == "Mug"


def test_a_request_without_a_version_changes_what_it_sends(browser, mug):
    form = sent(browser.get(page(mug)), name="Large mug")
    del form["version"]

    assert browser.post(page(mug), form).status_code == 302

    assert mug.refreshed().name == "Large mug"


def test_markup_in_values_that_others_have_changed_is_escaped(browser, mug):
    opened = browser.get(page(mug))
    mug.name = "<script>alert(1)</script>"
    mug.save()

    answer = browser.post(page(mug), sent(opened, name="<script>alert(2)</script>"))

    assert "name" in errors(answer)
    assert "<script>alert" not in answer.content.decode()
