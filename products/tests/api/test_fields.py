"""The strict fields of request bodies: what they accept, and their bounds."""

import pytest
from django.db import DataError, connection
from rest_framework.exceptions import ValidationError

from products.api.http.fields import StrictIntegerField


def codes(field, value):
    with pytest.raises(ValidationError) as error:
        field.run_validation(value)
    return error.value.get_codes()


@pytest.mark.parametrize("value", [1, 100_000, "1", "100000", "007"])
def test_an_integer_within_its_bounds_is_accepted(value):
    assert StrictIntegerField(maximum=100_000).run_validation(value) == int(value)


@pytest.mark.parametrize("value", [0, -1, 100_001, 10**12, "0", "100001", "1000000000000"])
def test_an_integer_out_of_its_bounds_is_rejected_by_the_field(value):
    assert codes(StrictIntegerField(maximum=100_000), value) == ["out_of_range"]


def test_a_rejected_integer_names_the_bounds():
    with pytest.raises(ValidationError) as error:
        StrictIntegerField(minimum=-5, maximum=5).run_validation(6)

    assert error.value.detail == ["Must be from -5 to 5."]


def test_an_integer_whose_bounds_the_model_checks_passes_the_field():
    assert StrictIntegerField(maximum=100, checked_by_model=True).run_validation(10**12) == 10**12


@pytest.mark.parametrize("value", [True, 1.0, "1_0", " 1 ", "1e2", "１", "-1", None, [], {}])
def test_anything_but_an_integer_is_invalid(value):
    assert codes(StrictIntegerField(), value) in (["invalid"], ["null"])


@pytest.mark.django_db
def test_a_value_that_the_database_has_no_room_for_is_a_400(api, alice):
    client = api(alice)

    def overflow(execute, sql, *arguments):
        raise DataError("integer out of range")

    with connection.execute_wrapper(overflow):
        answer = client.get("/api/products")

    assert (answer.status_code, answer.json()["code"]) == (400, "value_out_of_range")
