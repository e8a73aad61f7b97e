"""The strict fields of request bodies: what they accept, and their bounds."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from rest_framework.exceptions import ValidationError

from products.api.http.fields import StrictIntegerField, StrictTimestampField
from products.models import Order


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


@pytest.mark.parametrize(
    ("moment", "microsecond"),
    [
        ("2026-11-27T08:13:37Z", 0),
        ("2026-11-27T08:13:37.1Z", 100_000),
        ("2026-11-27T08:13:37.196833Z", 196_833),
        ("2026-11-27T08:13:37.1968332Z", 196_833),  # .NET
        ("2026-11-27T08:13:37.196833239Z", 196_833),  # Java's Instant.now()
        ("2026-11-27T08:13:37.999999999Z", 999_999),
        ("2026-11-27t09:13:37.196833999999999999999999+01:00", 196_833),
        ("2026-11-27T08:13:37." + "1" * 3_000 + "z", 111_111),
    ],
)
def test_a_timestamp_may_have_any_number_of_decimals_and_is_cut_at_microseconds(moment, microsecond):
    expected = datetime(2026, 11, 27, 8, 13, 37, microsecond, UTC)

    assert StrictTimestampField().run_validation(moment) == expected


@pytest.mark.parametrize("moment", ["2026-11-27T08:13:37.Z", "2026-11-27T08:13:37,5Z", "2026-11-27T08:13:37.٣Z"])
def test_a_timestamp_with_a_malformed_fraction_is_invalid(moment):
    assert codes(StrictTimestampField(), moment) == ["invalid"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/products", "changed_since"),
        ("/api/orders", "placed_after"),
        ("/api/orders", "placed_before"),
        ("/api/products/{product}/stock", "at"),
    ],
)
def test_every_parameter_that_is_a_moment_accepts_nanoseconds(api, staff, a_product, path, parameter):
    address = path.format(product=a_product().pk)

    answer = api(staff).get(address, {parameter: "2026-11-27T08:13:37.196833239Z"})

    assert answer.status_code == 200
    assert answer.json().get("at", "2026-11-27T08:13:37.196833Z") == "2026-11-27T08:13:37.196833Z"


@pytest.mark.django_db
def test_a_value_that_the_database_has_no_room_for_is_a_400(api, alice):
    client = api(alice)

    def overflow(execute, sql, *arguments):
        raise DataError("integer out of range")

    with connection.execute_wrapper(overflow):
        answer = client.get("/api/products")

    assert (answer.status_code, answer.json()["code"]) == (400, "value_out_of_range")


@pytest.mark.django_db
def test_a_character_that_cannot_be_seen_is_named_with_everything_else_that_is_wrong(api, staff):
    product = {"sku": "MUG\u200b", "name": "a\tb", "description": "\x1b[1m", "price": "cheap"}

    answer = api(staff).post("/api/products", product)

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"], error["detail"]) for error in answer.json()["errors"]] == [
        ("/sku", "invisible_character", "Remove U+200B (zero width space), which cannot be seen."),
        ("/name", "control_character", "Write it in one line, without tabs; remove U+0009 (tab)."),
        (
            "/description",
            "control_character",
            "Control characters cannot be printed; remove U+001B (escape).",
        ),
        ("/price", "invalid", "Not an amount such as 4.50, with at most four decimals."),
    ]


@pytest.mark.django_db
def test_every_text_of_which_nothing_can_be_seen_is_refused(api, staff, alice, a_product):
    client, mug = api(staff), a_product(stock=5)
    order = Order.objects.create(customer=alice, items=[(mug, 1)])
    mark = "\u200b"

    answers = [
        client.post("/api/products", {"sku": "CUP", "name": mark, "price": "1"}),
        client.patch(f"/api/products/{mug.pk}", {"name": mark}, HTTP_IF_MATCH="*"),
        client.post(f"/api/products/{mug.pk}/stock", {"delta": 1, "note": mark}),
        client.post(f"/api/orders/{order.pk}/pay", {"reference": mark}),
        client.post(f"/api/orders/{order.pk}/ship", {"carrier": mark}),
        client.post(f"/api/orders/{order.pk}/ship", {"tracking_number": mark}),
        client.post("/api-token-auth", {"username": "alice", "password": "x", "name": mark}),
    ]

    assert [(answer.status_code, [error["code"] for error in answer.json()["errors"]]) for answer in answers] == [
        (400, ["invisible_character"])
    ] * 7
    assert all("U+200B (zero width space)" in answer.json()["errors"][0]["detail"] for answer in answers)


@pytest.mark.django_db
def test_a_password_may_be_of_any_printable_characters(api, alice):
    password = " \u200b \u3164 "
    alice.set_password(password)
    alice.save()

    assert api().post("/api-token-auth", {"username": "alice", "password": password}).status_code == 200
