"""A form that was opened before somebody else's change is refused for the fields that it would overwrite."""

from decimal import Decimal

import pytest
from django.db import transaction

from products.models import Category
from products.tests.side_by_side import meanwhile, on_postgresql


def page(row):
    return f"/admin/products/{row._meta.model_name}/{row.pk}/change/"


def sent_by(answer, **changes):
    """Return what a browser sends from the page that it shows, with these changes."""
    form = answer.context["adminform"].form
    sent = {}
    for name in form.fields:
        value, before = form[name].value(), form.data.get(form[name].html_initial_name, form[name].initial)
        sent |= {name: "" if value is None else value, f"initial-{name}": "" if before is None else before}
    return sent | changes


def errors(answer):
    return {name: list(sentences) for name, sentences in answer.context["adminform"].form.errors.items()}


def stale(now, before):
    return (
        f"Somebody else has changed this to “{now}” since you opened the page, when it was “{before}”. "
        "Save once more to write your own value all the same."
    )


def test_the_second_of_two_prices_is_refused_with_both(staff, client_of, a_product):
    mug, browser = a_product(price="4.50"), client_of(staff)
    opened = browser.get(page(mug))
    mug.price = Decimal("4.80")
    mug.save()

    answer = browser.post(page(mug), sent_by(opened, price="4.20"))

    assert answer.status_code == 200
    assert errors(answer) == {"price": [stale("4.80", "4.50")]}
    assert answer.context["adminform"].form["price"].value() == "4.20"
    assert mug.refreshed().price == Decimal("4.80")

    again = browser.post(page(mug), sent_by(answer))

    assert (again.status_code, mug.refreshed().price) == (302, Decimal("4.20"))


def test_a_third_change_meanwhile_is_refused_again(staff, client_of, a_product):
    mug, browser = a_product(name="Mug"), client_of(staff)
    answer = browser.get(page(mug))
    for name in ("Cup", "Beaker"):
        mug.name = name
        mug.save()
        answer = browser.post(page(mug), sent_by(answer, name="Tankard"))
        assert list(errors(answer)) == ["name"]

    assert errors(answer) == {"name": [stale("Beaker", "Cup")]}
    assert mug.refreshed().name == "Beaker"


def test_a_change_of_another_field_stays(staff, client_of, a_product, a_category):
    mug, browser = a_product(name="Mug", price="4.50"), client_of(staff)
    opened = browser.get(page(mug))
    mug.name, mug.category = "Cup", a_category
    mug.save()

    answer = browser.post(page(mug), sent_by(opened, price="4.20"))

    assert answer.status_code == 302
    assert (mug.refreshed().name, mug.refreshed().category, mug.refreshed().price) == (
        "Cup",
        a_category,
        Decimal("4.20"),
    )


def test_who_writes_what_is_there_already_is_not_refused(staff, client_of, a_product):
    mug, browser = a_product(name="Mug"), client_of(staff)
    opened = browser.get(page(mug))
    mug.name = "Cup"
    mug.save()

    assert browser.post(page(mug), sent_by(opened, name="Cup")).status_code == 302


def test_a_category_is_shown_by_its_name(staff, client_of, a_product, a_category):
    mug, browser = a_product(), client_of(staff)
    garden = Category.objects.create(slug="garden", name="Garden")
    opened = browser.get(page(mug))
    mug.category = a_category
    mug.save()

    answer = browser.post(page(mug), sent_by(opened, category=garden.pk))

    assert errors(answer) == {"category": [stale("Kitchen", "nothing")]}


def test_of_a_category_too_only_the_changed_field_is_written(staff, client_of, a_category):
    browser = client_of(staff)
    opened = browser.get(page(a_category))
    Category.objects.update(slug="cooking")

    renamed = browser.post(page(a_category), sent_by(opened, name="Cooking"))
    refused = browser.post(page(a_category), sent_by(opened, slug="kitchenware"))

    assert renamed.status_code == 302
    assert Category.objects.values_list("slug", "name").get() == ("cooking", "Cooking")
    assert errors(refused) == {"slug": [stale("cooking", "kitchen")]}


def test_a_stale_form_is_shown_with_what_is_wrong_in_it_as_well(staff, client_of, a_product):
    mug, browser = a_product(name="Mug", price="4.50"), client_of(staff)
    opened = browser.get(page(mug))
    mug.name = "Cup"
    mug.save()

    answer = browser.post(page(mug), sent_by(opened, name="Tankard", price="cheap"))

    assert errors(answer) == {"name": [stale("Cup", "Mug")], "price": ["Enter a number."]}


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_form_waits_for_a_change_that_is_just_being_written(staff, client_of, a_product):
    mug, browser = a_product(price="4.50"), client_of(staff)
    opened = browser.get(page(mug))
    with transaction.atomic():
        mug.price = Decimal("4.80")
        mug.save()
        posting = meanwhile(lambda: browser.post(page(mug), sent_by(opened, price="4.20")))
        assert posting.waits()

    assert errors(posting.outcome()) == {"price": [stale("4.80", "4.50")]}
    assert mug.refreshed().price == Decimal("4.80")
