"""The addresses that a customer keeps."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, DataError, IntegrityError

from products.models import Address, CustomerGone, TooManyAddresses
from products.models.addresses import MAX_ADDRESSES
from products.tests.side_by_side import on_postgresql, side_by_side

AT_HOME = {"name": "Alice", "line1": "Hauptstr. 1", "postal_code": "10827", "city": "Berlin", "country": "DE"}


def defaults_of(customer):
    return [address.is_default for address in Address.objects.of(customer)]


@pytest.mark.django_db
def test_the_first_address_is_the_default(alice, bob):
    for customer in (alice, alice, bob):
        Address.objects.create(customer=customer, **AT_HOME)

    assert (defaults_of(alice), defaults_of(bob)) == ([True, False], [True])


@pytest.mark.django_db
def test_a_new_default_takes_the_place_of_the_former(alice):
    first, second = [Address.objects.create(customer=alice, **AT_HOME) for _ in range(2)]

    second.is_default = True
    second.save()
    assert defaults_of(alice) == [False, True]

    Address.objects.create(customer=alice, is_default=True, **AT_HOME)
    assert defaults_of(alice) == [False, False, True]

    first.refresh_from_db()
    first.delete()
    assert defaults_of(alice) == [False, True]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        ({"country": "de"}, {"country": ["Not an ISO 3166-1 country code such as DE."]}),
        ({"line1": ""}, {"line1": ["This field cannot be blank."]}),
        ({"name": ""}, {"name": ["An address needs a name or a company."]}),
        ({"city": "Ber\tlin"}, {"city": ["Write it in one line, without tabs; remove U+0009 (tab)."]}),
        (
            {"postal_code": "1" * 21},
            {"postal_code": ["Ensure this value has at most 20 characters (it has 21)."]},
        ),
    ],
)
def test_an_address_that_no_parcel_reaches_is_refused(alice, change, sentences):
    with pytest.raises(ValidationError) as refused:
        Address.objects.create(customer=alice, **AT_HOME | change)

    assert (refused.value.message_dict, Address.objects.count()) == (sentences, 0)


@pytest.mark.django_db
def test_a_company_is_as_good_as_a_name(alice):
    address = Address.objects.create(customer=alice, **AT_HOME | {"name": "", "company": "Mugs Ltd"})

    assert str(address) == "Mugs Ltd, Hauptstr. 1, 10827, Berlin, DE"


@pytest.mark.django_db
def test_in_bulk_an_address_is_held_to_the_same_rules(alice):
    Address.objects.create(customer=alice, **AT_HOME)

    with pytest.raises(ValidationError, match="ISO 3166"):
        Address.objects.update(country="XX")
    with pytest.raises((IntegrityError, DataError)):
        Address.objects.update(name="")


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [None, ["city"]])
def test_a_stale_instance_leaves_the_default_where_it_is(alice, fields):
    for _ in range(2):
        Address.objects.create(customer=alice, **AT_HOME)
    was_default, becomes_default = Address.objects.of(alice)
    now_default = Address.objects.get(pk=becomes_default.pk)
    now_default.is_default = True
    now_default.save()

    for stale in (was_default, becomes_default):
        stale.city = "Hamburg"
        stale.save(update_fields=fields)

    assert defaults_of(alice) == [False, True]
    assert {address.city for address in Address.objects.of(alice)} == {"Hamburg"}


@pytest.mark.django_db
@pytest.mark.parametrize("assigned", [True, False])
def test_the_default_is_what_was_assigned(alice, assigned):
    Address.objects.create(customer=alice, **AT_HOME)
    address = Address.objects.create(customer=alice, is_default=not assigned, **AT_HOME)

    address.is_default = assigned
    address.save()

    assert defaults_of(alice) == [False, assigned]


@pytest.mark.django_db
def test_a_default_that_is_not_written_takes_no_place(alice):
    Address.objects.create(customer=alice, **AT_HOME)
    address = Address.objects.create(customer=alice, **AT_HOME)
    address.is_default = True

    address.save(update_fields=["city"])
    assert defaults_of(alice) == [True, False]

    address.save()
    assert defaults_of(alice) == [False, True]


@pytest.mark.django_db
def test_an_address_stays_with_its_customer(alice, bob):
    address = Address.objects.create(customer=alice, **AT_HOME)
    address.customer = bob

    with pytest.raises(TypeError, match="stays with its customer"):
        address.save()
    for values in ({"customer": bob}, {"customer_id": bob.pk}):
        with pytest.raises(TypeError, match="stays with its customer"):
            Address.objects.update(**values)
    with pytest.raises(TypeError, match="stays with its customer"):
        Address.objects.bulk_update([address], ["customer"])

    assert Address.objects.get().customer == alice


@pytest.mark.django_db
def test_an_address_that_was_removed_meanwhile_is_not_changed(alice):
    address = Address.objects.create(customer=alice, **AT_HOME)
    Address.objects.filter(pk=address.pk).delete()
    address.city = "Potsdam"

    with pytest.raises(DatabaseError, match="did not affect any rows"):
        address.save(update_fields=["city"])

    assert not Address.objects.exists()


@pytest.mark.django_db
def test_addresses_are_kept_one_by_one(alice):
    with pytest.raises(TypeError, match="one by one"):
        Address.objects.bulk_create([Address(customer=alice, **AT_HOME)])

    assert not Address.objects.exists()


@pytest.mark.django_db
def test_parts_of_many_addresses_are_corrected_at_once(alice):
    address = Address.objects.create(customer=alice, **AT_HOME)
    address.city = "Potsdam"

    Address.objects.bulk_update([address], ["city"])

    assert Address.objects.get().city == "Potsdam"


@pytest.mark.django_db
def test_nobody_keeps_an_address_for_a_customer_who_is_gone(alice):
    address = Address(customer=alice, **AT_HOME)
    User.objects.filter(pk=alice.pk).delete()

    with pytest.raises(CustomerGone, match="has been deleted"):
        address.save()


@pytest.mark.django_db(transaction=True)
def test_a_customer_keeps_so_many_and_no_more(alice):
    for _ in range(MAX_ADDRESSES):
        Address.objects.create(customer=alice, **AT_HOME)

    with pytest.raises(TooManyAddresses, match="at most 50 addresses"):
        Address.objects.create(customer=alice, **AT_HOME)
    Address.objects.of(alice).first().save()

    assert Address.objects.count() == MAX_ADDRESSES


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_addresses_saved_at_once_one_is_the_default_and_the_limit_holds(alice):
    for _ in range(MAX_ADDRESSES - 2):
        Address.objects.create(customer=alice, **AT_HOME)

    outcomes = side_by_side(*[lambda: Address.objects.create(customer=alice, is_default=True, **AT_HOME)] * 6)

    assert sum(isinstance(outcome, Address) for outcome in outcomes) == 2
    assert sum(isinstance(outcome, TooManyAddresses) for outcome in outcomes) == 4
    assert (Address.objects.count(), sum(defaults_of(alice))) == (MAX_ADDRESSES, 1)
