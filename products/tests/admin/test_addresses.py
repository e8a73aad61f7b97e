"""The addresses of customers in the admin."""

import pytest
from django.urls import reverse

from products.models import Address

pytestmark = pytest.mark.django_db

AT_HOME = {"name": "Alice", "line1": "Hauptstr. 1", "postal_code": "10827", "city": "Berlin", "country": "DE"}


@pytest.fixture
def address(alice):
    return Address.objects.create(customer=alice, **AT_HOME)


def page(address):
    return reverse("admin:products_address_change", args=[address.pk])


def test_staff_find_and_correct_an_address(staff, client_of, address):
    browser = client_of(staff)

    found = browser.get(reverse("admin:products_address_changelist"), {"q": "alice berlin"})
    answer = browser.post(page(address), {**AT_HOME, "city": "Potsdam"})

    assert list(found.context["cl"].result_list) == [address]
    assert answer.status_code == 302
    address.refresh_from_db()
    assert (address.city, address.customer.username) == ("Potsdam", "alice")


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"name": ""}, "name", "An address needs a name or a company."),
        ({"city": ""}, "city", "This field is required."),
        ({"country": "XX"}, "country", "Not an ISO 3166-1 country code such as DE."),
    ],
)
def test_an_address_that_no_parcel_reaches_is_refused_beside_its_field(
    staff, client_of, address, change, field, sentence
):
    answer = client_of(staff).post(page(address), AT_HOME | change)

    assert answer.status_code == 200
    assert sentence in answer.context["adminform"].form.errors[field]


def test_staff_add_no_addresses_for_customers(staff, client_of):
    assert client_of(staff).get(reverse("admin:products_address_add")).status_code == 403
