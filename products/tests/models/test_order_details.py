"""What the customer says about an order beside its lines: reference, note, e-mail, phone and address."""

import hashlib

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from products.models import Address, Cart, CustomerGone, IdempotencyKeyConflict, InvalidOrder, Order, Status
from products.ordering.validation import digest_of

pytestmark = pytest.mark.django_db

AT_HOME = {"name": "Alice", "line1": "Hauptstr. 1", "postal_code": "10827", "city": "Berlin", "country": "DE"}
NOWHERE = {"company": "", "line2": "", "region": ""}
DETAILS = {
    "reference": "PO 4711",
    "note": "Ring twice;\nthe dog is friendly.",
    "email": "alice@shop.example",
    "phone": "+49 (30) 123-45.67",
    "ship_to": AT_HOME,
}


def stored(order):
    order = Order.objects.get(pk=order.pk)
    return {name: getattr(order, name) for name in DETAILS}


def test_an_order_keeps_what_the_customer_said(alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)], **DETAILS)

    assert stored(order) == DETAILS | {"ship_to": AT_HOME | NOWHERE}


def test_an_order_without_details_has_none(alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert stored(order) == {"reference": "", "note": "", "email": "", "phone": "", "ship_to": None}


def test_an_address_is_copied(alice, a_product):
    address = Address.objects.create(customer=alice, **AT_HOME)
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)], ship_to=address)

    address.city = "Hamburg"
    address.save()

    assert stored(order)["ship_to"] == AT_HOME | NOWHERE


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ({"reference": "x" * 101}, {"reference": ["Ensure this value has at most 100 characters (it has 101)."]}),
        ({"reference": "a\nb"}, {"reference": ["Write it in one line, without tabs; remove U+000A (line feed)."]}),
        ({"note": "x\x07"}, {"note": ["Control characters cannot be printed; remove U+0007 (control character)."]}),
        ({"email": "alice"}, {"email": ["Enter a valid email address."]}),
        ({"note": None}, {"note": ["This field cannot be null."]}),
        ({"carrier": None}, {"carrier": ["This field cannot be null."]}),
        ({"phone": "call me"}, {"phone": ["Not a phone number such as +49 30 1234567."]}),
        (
            {"ship_to": AT_HOME | {"country": "XX"}},
            {"ship_to_country": ["Not an ISO 3166-1 country code such as DE."]},
        ),
        (
            {"ship_to": {"postal_code": "10827"}},
            {
                "ship_to_name": ["An address needs a name or a company."],
                "ship_to_line1": ["An address needs this."],
                "ship_to_city": ["An address needs this."],
                "ship_to_country": ["An address needs this."],
            },
        ),
    ],
)
def test_a_detail_that_is_not_valid_is_refused(alice, a_product, given, sentences):
    mug = a_product(stock=1)

    with pytest.raises(ValidationError) as refused:
        Order.objects.create(customer=alice, items=[(mug, 1)], **given)

    assert refused.value.message_dict == sentences
    assert (mug.refreshed().stock, Order.objects.count()) == (1, 0)


@pytest.mark.parametrize(("length", "fits"), [(3, True), (40, True), (2, False), (41, False)])
def test_a_phone_number_has_3_to_40_characters(alice, length, fits):
    cart = Order.objects.cart_of(alice)
    cart.phone = "0" * length

    if fits:
        cart.save()
    else:
        with pytest.raises(ValidationError):
            cart.save()

    assert Order.objects.filter(phone="0" * length).exists() is fits


def test_an_address_has_known_parts_only(alice):
    with pytest.raises(TypeError, match=r"An address has no street; its parts are name, company, line1"):
        Order(customer=alice, ship_to={"street": "Hauptstr. 1"})


class TestRequired:
    @pytest.fixture(autouse=True)
    def _require_all(self, settings):
        settings.ORDER_REQUIRES = ["reference", "email", "phone", "ship_to"]

    def test_every_missing_detail_is_named_with_the_lines_at_fault(self, alice):
        with pytest.raises(InvalidOrder) as refused:
            Order.objects.create(customer=alice, items=[("NOTHING", 1)], email="alice@shop.example")

        assert [(each.code, each.about, each.positions) for each in refused.value.violations] == [
            ("required", "reference", ()),
            ("required", "phone", ()),
            ("required", "ship_to", ()),
            ("unknown_product", None, (0,)),
        ]
        assert str(refused.value).startswith("This order needs a reference, such as the number of your purchase order.")

    def test_an_order_with_all_of_them_is_placed(self, alice, a_product):
        order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)], **DETAILS)

        assert order.status == Status.PLACED

    def test_a_cart_needs_none_until_it_is_placed(self, alice, a_product):
        Cart(alice).put(a_product(stock=1), 1)
        with pytest.raises(InvalidOrder, match="This order needs an e-mail address"):
            Cart(alice).place()

        Cart(alice).describe(**DETAILS)
        order, _ = Cart(alice).place()

        assert stored(order) == DETAILS | {"ship_to": AT_HOME | NOWHERE}

    def test_a_quote_names_what_is_missing(self, a_product):
        draft = Order.objects.quote([(a_product(stock=1), 1)], email="alice@shop.example")

        assert [violation.about for violation in draft.violations()] == ["reference", "phone", "ship_to"]


class TestCart:
    def test_a_cart_is_described_step_by_step(self, alice):
        Cart(alice).describe(email="alice@shop.example")
        Cart(alice).describe(ship_to=AT_HOME)
        Cart(alice).describe(note="Ring twice.", email="")

        assert stored(Order.objects.get()) == {
            "reference": "",
            "note": "Ring twice.",
            "email": "",
            "phone": "",
            "ship_to": AT_HOME | NOWHERE,
        }

    def test_a_detail_that_is_not_valid_changes_nothing(self, alice):
        Cart(alice).describe(email="alice@shop.example")

        with pytest.raises(ValidationError):
            Cart(alice).describe(note="new", email="alice")

        assert stored(Order.objects.get())["email"] == "alice@shop.example"
        assert stored(Order.objects.get())["note"] == ""

    def test_a_cart_is_described_by_known_words_only(self, alice):
        with pytest.raises(TypeError, match="total"):
            Cart(alice).describe(total="0")


class TestUpdatesOfCarts:
    @pytest.fixture
    def cart(self, alice):
        return Order.objects.cart_of(alice)

    def test_the_details_of_carts_are_updated(self, cart):
        Order.objects.filter(pk=cart.pk).update(note="Ring twice.")

        cart.refresh_from_db()
        assert cart.note == "Ring twice."

    def test_what_is_not_valid_is_refused(self, cart):
        with pytest.raises(ValidationError):
            Order.objects.filter(pk=cart.pk).update(email="alice")

    @pytest.mark.parametrize("values", [{"total": 1}, {"customer_id": 1}, {"note": "x", "number": "AAAAAAAA"}])
    def test_what_placing_sets_is_refused_in_words_that_fit_a_cart(self, cart, values):
        with pytest.raises(TypeError, match=r"update\(\) does not write .*: placing sets them, or they never change"):
            Order.objects.filter(pk=cart.pk).update(**values)

    def test_with_a_placed_order_among_them_they_are_frozen(self, cart, alice, a_product):
        Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

        with pytest.raises(TypeError, match="note of a placed order cannot be changed"):
            Order.objects.update(note="x")


class TestFrozen:
    @pytest.fixture
    def order(self, alice, a_product):
        return Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)], **DETAILS)

    @pytest.mark.parametrize("name", ["number", "reference", "note", "email", "phone", "ship_to_city"])
    def test_python_refuses_to_change_them(self, order, name):
        setattr(order, name, "another")

        with pytest.raises((TypeError, ValidationError)):
            order.save()
        with pytest.raises(TypeError, match=f"{name} of a placed order cannot be changed"):
            Order.objects.filter(pk=order.pk).update(**{name: "another"})

    @pytest.mark.parametrize("name", ["number", "reference", "note", "email", "phone", "ship_to_city"])
    def test_the_database_refuses_to_change_them(self, order, name):
        with pytest.raises(IntegrityError, match="of a placed order are frozen"), transaction.atomic():
            connection.cursor().execute(f"UPDATE products_order SET {name} = 'another'")


def test_the_same_key_with_other_details_is_another_request(alice, a_product):
    mug = a_product(stock=5)
    Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k", **DETAILS)

    again, new = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k", **DETAILS)
    with pytest.raises(IdempotencyKeyConflict):
        Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k", **DETAILS | {"note": "Ring once."})

    assert (new, again.note, mug.refreshed().stock) == (False, DETAILS["note"], 4)


def test_a_retry_with_an_address_that_has_changed_is_the_same_request(alice, a_product):
    mug, home = a_product(stock=5), Address.objects.create(customer=alice, **AT_HOME)
    first, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k", ship_to=home)
    home.city = "Hamburg"
    home.save()

    again, new = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k", ship_to=home)

    assert (again, new, again.ship_to_city) == (first, False, "Berlin")


def test_the_fingerprint_of_an_order_without_details_is_the_one_before_there_were_any():
    digest = digest_of([(1, 2), ("MUG", 3)], {})

    assert digest == hashlib.sha256(b'[[1, 2], ["MUG", 3]]').hexdigest()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["order", "cart", "description"])
def test_who_has_been_deleted_meanwhile_orders_nothing(alice, a_product, way):
    mug = a_product(stock=1)
    User.objects.filter(pk=alice.pk).delete()
    works = {
        "order": lambda: Order.objects.create(customer=alice, items=[(mug, 1)]),
        "cart": lambda: Cart(alice).put(mug, 1),
        "description": lambda: Cart(alice).describe(note="Ring twice."),
    }

    with pytest.raises(CustomerGone):
        works[way]()

    assert (mug.refreshed().stock, Order.objects.count()) == (1, 0)


def test_an_address_that_is_not_saved_may_be_incomplete(alice):
    cart = Order.objects.cart_of(alice)
    cart.ship_to_line1, cart.note = "Hauptstr. 1", "Ring twice."

    cart.save(update_fields=["note"])

    cart.refresh_from_db()
    assert (cart.note, cart.ship_to) == ("Ring twice.", None)
