"""Orders, from the cart to the delivery. Every order is written by `Order.save()`."""

import functools
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Never, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import IntegrityError, models
from django.db.models import Count, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest, Least, Length, Now, Upper
from django.db.models.lookups import Exact, GreaterThanOrEqual
from django.utils import timezone
from uuid_utils.compat import uuid7

from products import policies
from products.countries import validate_country
from products.db.bulk_sql import delete_sql, execute_batch, insert_many_sql, insert_sql
from products.db.compiled_queries import MAX_CACHED, Param, compile_once
from products.exceptions import (
    IdempotencyKeyConflict,
    IdempotentReplay,
    InvalidOrder,
    InvalidTransition,
    NotOverdue,
    Violation,
)
from products.models.addresses import PARTS, Address, check_complete, is_complete, optional_line
from products.models.events import Event
from products.models.fulfilment import Cancellation, Refund, Return, Shipment
from products.models.money import MoneyField
from products.models.order_lines import OrderLine
from products.models.order_status import LATE_PAYMENT, RESTOCKS, Status, check_deadline, check_transition
from products.models.querysets import ValidatedQuerySet
from products.models.stock import StockMovement
from products.order_numbers import (
    INVALID_NUMBER,
    LENGTH,
    OtherCharacters,
    RandomNumber,
    format_number,
    is_number,
    new_number,
    validate_number,
)
from products.ordering import fulfilment, placement, refunds
from products.ordering.pricing import ZERO, RateTotal, due, taxes_of
from products.ordering.requested_lines import RequestedLine
from products.ordering.validation import OrderDraft, RequestedItem, checked_items, digest_of
from products.validators import clean_fields, clean_values, printable, printable_line, visible

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


STATUS_MOVES_BY_VERBS = (
    "The status of an order moves by its verbs, which also move the stock and write the event: place(), pay(), ship(), "
    "deliver(), cancel(), expire() and return_goods()."
)
PLACING_SETS = (
    "Placing an order sets its total, taxes, currency, placed_at and request_digest, and an import its "
    "imported_number; leave them out."
)
ORDER_IS_FROZEN = (
    "{names} of a placed order cannot be changed: cancel() it, or return_goods() after shipping, and place another one."
)
NUMBER_STAYS = "The number of an order never changes: it may have been read out already."
NOT_BY_UPDATE = "update() does not write {names}: placing sets them, or they never change."
MONEY_MOVES_BY_VERBS = "What was paid and refunded moves by the verbs of an order: pay() and refund()."
DEADLINE_IS_BOUND = "pay_by can be changed only while the order is PLACED; later there is nothing left to pay."
ONE_BY_ONE = (
    "Orders are placed one by one, each with its stock: Order.objects.create(customer=…, items=[(product, quantity)]) "
    "or place_once(key=…)."
)

SET_BY_PLACING = (
    "total",
    "shipping_tax_rate",
    "shipping_tax",
    "tax",
    "prices_include_tax",
    "currency",
    "placed_at",
    "request_digest",
    "imported_number",
)
"""What nobody but placing sets, or importing."""

SET_BY_PAYMENTS = ("paid", "refunded")
"""What nobody but pay() and refund() sets."""

SHIP_TO = tuple(f"ship_to_{part}" for part in PARTS)
"""The address that the order is shipped to, a copy: the customer may change theirs."""

CUSTOMER_DETAILS = ("reference", "note", "email", "phone", *SHIP_TO)
"""What the customer says about the order beside its lines."""

REQUIRABLE = {
    "reference": "a reference, such as the number of your purchase order",
    "email": "an e-mail address",
    "phone": "a phone number",
    "ship_to": "an address to ship it to",
}
"""The details that settings.ORDER_REQUIRES may name, as its sentences call them."""

TERMS = ("discount", "shipping")
"""The amounts that staff may set for an order; its lines' own terms are those of a PricedItem."""

FROZEN_FIELDS = ("customer", "number", "idempotency_key", "created_at", *TERMS, *SET_BY_PLACING, *CUSTOMER_DETAILS)
"""What never changes once the order is placed; the database holds the same (products.db.triggers)."""

DEADLINE_CAN_CHANGE = (Status.CART, Status.PLACED)
"""The statuses in which pay_by can be changed."""

BLANK_TEXTS = ("payment_reference", "carrier", "tracking_number")
TEXTS = ("idempotency_key", *BLANK_TEXTS)
"""The texts that come from outside."""

# All values in one pass: placing reads some forty columns of a new order, and most are blank.
_address_of, _details_of = attrgetter(*SHIP_TO), attrgetter(*CUSTOMER_DETAILS)
_blank_texts_of, _set_by_placing_of = attrgetter(*BLANK_TEXTS), attrgetter(*SET_BY_PLACING)
NO_DETAILS, NO_TEXTS = ("",) * len(CUSTOMER_DETAILS), ("",) * len(BLANK_TEXTS)

PHONE = RegexValidator(r"^[0-9+(][0-9 ()./-]{2,39}\Z", "Not a phone number such as +49 30 1234567.", "invalid_phone")


class OrderQuerySet(ValidatedQuerySet["Order"]):
    """Queries over orders, and operations on several of them or that may return an existing one."""

    def update(self, **values: Any) -> int:
        """Update details of these orders, such as the tracking number. Raises TypeError for what verbs write."""
        self._check_writable(values)
        return super().update(**{"updated_at": timezone.now(), **values})

    def bulk_update(self, objs: Iterable["Order"], fields: Iterable[str], *arguments: Any, **options: Any) -> int:
        orders, names = list(objs), list(fields)
        self.filter(pk__in=[order.pk for order in orders])._check_writable(names)
        return super().bulk_update(orders, names, *arguments, **options)  # which ends in update()

    def _check_writable(self, names: Collection[str]) -> None:
        frozen = sorted(name for name in names if name.removesuffix("_id") in {*FROZEN_FIELDS, "id", "pk"})
        if "status" in names:
            raise TypeError(STATUS_MOVES_BY_VERBS)
        if frozen and self.placed().exists():
            raise TypeError(ORDER_IS_FROZEN.format(names=", ".join(frozen)))
        if not {*CUSTOMER_DETAILS}.issuperset(frozen):
            raise TypeError(NOT_BY_UPDATE.format(names=", ".join(frozen)))
        if not {*SET_BY_PAYMENTS}.isdisjoint(names):
            raise TypeError(MONEY_MOVES_BY_VERBS)
        if "pay_by" in names and self.exclude(status__in=DEADLINE_CAN_CHANGE).exists():
            raise TypeError(DEADLINE_IS_BOUND)

    def bulk_create(self, objs: Iterable["Order"], *arguments: Any, **options: Any) -> Never:
        raise TypeError(ONE_BY_ONE)

    def of(self, customer: "User") -> "OrderQuerySet":
        return self.filter(customer=customer)

    def visible_to(self, user: "User | AnonymousUser") -> "OrderQuerySet":
        """Return the user's own orders; all orders for staff with the permission to view them."""
        return self.all() if policies.may_see_all_orders(user) else self.filter(customer=user.pk)

    def placed(self) -> "OrderQuerySet":
        """Return every order that was ever placed, whatever its status is now; not the carts."""
        return self.filter(placed_at__isnull=False)

    def narrowed(
        self,
        *,
        status: Collection[str] | None = None,
        placed_after: datetime | None = None,
        placed_before: datetime | None = None,
        changed_since: datetime | None = None,
        key: str | None = None,
        customer: int | None = None,
        number: str | None = None,
        reference: str | None = None,
    ) -> "OrderQuerySet":
        """Return the orders that match every given condition. `placed_after` and `changed_since` are inclusive."""
        conditions = {
            "status__in": status,
            "placed_at__gte": placed_after,
            "placed_at__lt": placed_before,
            "updated_at__gte": changed_since,
            "idempotency_key": key,
            "number": number,
            "reference": reference,
            "customer__id": customer,  # not "customer", which raises for an id that is larger than any
        }
        return self.filter(**{name: value for name, value in conditions.items() if value is not None})

    def with_lines(self) -> "OrderQuerySet":
        return self.prefetch_related("lines")

    def with_line_count(self) -> "OrderQuerySet":
        """Return these orders, each with the number of its lines as `line_count`."""
        of_order = OrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order")
        number = Subquery(of_order.annotate(number=Count("pk")).values("number"))
        return self.annotate(line_count=Coalesce(number, 0))

    def with_key(self, customer_id: int, key: str | None) -> "Order | None":
        """Return the order that this customer has placed with the idempotency key `key`, with its lines, or None."""
        if not key:
            return None
        rows = compile_once(_with_key, self.model).rows({"customer": customer_id, "key": key})
        return self.with_lines().get(pk=rows[0][0]) if rows else None

    def locked(self) -> "OrderQuerySet":
        """Lock these orders until the transaction ends; NO KEY, because their lines refer to them."""
        return self.order_by("pk").select_for_update(no_key=True)

    def overdue(self, now: "datetime | Param | None" = None) -> "OrderQuerySet":
        """Return the unpaid orders whose payment deadline has passed."""
        return self.filter(status=Status.PLACED, pay_by__lt=now or timezone.now())

    def holding(self, product_ids: Iterable[Any]) -> "OrderQuerySet":
        """Return the orders with a line for any of these products."""
        return self.filter(pk__in=OrderLine.objects.filter(product__id__in=product_ids).values("order"))

    def overdue_holding(self, product_ids: Collection[int]) -> list[UUID]:
        """Return the ids of the overdue orders that hold any of these products."""
        if len(product_ids) > MAX_CACHED:
            return list(self.model.objects.overdue().holding(product_ids).order_by("pk").values_list("pk", flat=True))
        values: dict[Any, Any] = dict(enumerate(product_ids)) | {"now": timezone.now()}
        return [pk for (pk,) in compile_once(_overdue_holding, self.model, len(product_ids)).rows(values)]

    def quantities_of(self, product_ids: Iterable[int]) -> dict[int, int]:
        """Return how many pieces of each of these products the orders hold: {product id: pieces}."""
        lines = OrderLine.objects.filter(order__in=self, product__in=product_ids).order_by()
        return dict(lines.values_list("product").annotate(Sum("quantity")))

    def quote(self, items: Iterable[RequestedItem], **details: Any) -> OrderDraft:
        """Return the draft that placing `items` now would check, with everything that prevents it; writes nothing.

        `details` are the customer's, such as `email` and `ship_to`. Stock that overdue orders hold counts as available,
        because placing would expire them. Raises ValidationError for a detail that is not valid.
        """
        order = Order(**details)
        order.clean_details()
        clean_fields(order, TERMS)
        draft = order.draft(checked_items(items))
        draft.load_products()
        overdue = self.overdue().quantities_of(line.product.pk for line in draft.lines)
        for line in draft.lines:
            line.overdue = overdue.get(line.product.pk, 0)
        return draft

    def expire(self) -> int:
        """Expire each of these orders in a transaction of its own, and return how many; safe to run concurrently."""
        expired = 0
        for order in self.order_by("pk"):
            try:
                order.expire()
            except (InvalidTransition, NotOverdue):
                continue  # changed by someone else in the meantime
            expired += 1
        return expired

    def cart_of(self, customer: "User", *, tries: int = 5) -> "Order":
        """Return the customer's one cart, creating it if there is none."""
        try:
            return self.get_or_create(customer=customer, status=Status.CART)[0]
        except IntegrityError:
            # Other requests have created a cart and placed it since we looked.
            if tries == 1:
                raise
            return self.cart_of(customer, tries=tries - 1)

    def place_once(
        self,
        *,
        key: str | None = None,
        items: Iterable[RequestedItem] | None = None,
        placed_by: "User | None" = None,
        **values: Any,
    ) -> tuple["Order", bool]:
        """Place an order, or return the one that the same request has placed before: (order, whether it is new).

        Raises IdempotencyKeyConflict if `key` has placed a different order, and what `Order.save()` raises.
        """
        order = self.model(idempotency_key=key, **values)
        # Assigned, as the constructor would look up every column in its keyword arguments.
        order.items, order._placed_by = items, placed_by
        try:
            order.save(force_insert=True)
        except IdempotentReplay as replay:
            return replay.order, False
        return order, True

    def placed_by_same_request(self, key: str | None, **values: Any) -> "Order | None":
        """Return the order that the same request has placed with `key`, or None, without reading related rows.

        So `customer` and an Address as `ship_to` need only their id: both may have changed or been deleted since the
        first try. Raises IdempotencyKeyConflict if `key` has placed a different order.
        """
        order = self.model(idempotency_key=key, **values)
        order.request_digest = digest_of(order.items or [], order.requested_details)
        try:
            order.check_idempotency_key()
        except IdempotentReplay as replay:
            earlier: Order = replay.order
            return earlier
        return None


class Order(models.Model):
    """A customer's order. A cart is an order too, in status CART; it holds no stock.

    `Order(customer=alice, items=[(mug, 2), (lamp, 1)]).save()` checks the order and the stock, takes the stock, and
    writes order, lines, ledger and event: all or nothing.
    """

    Status = Status

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", db_index=False)
    number = models.CharField(
        max_length=LENGTH,
        default=new_number,
        db_default=RandomNumber(),
        editable=False,
        validators=[validate_number],
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PLACED)
    discount = MoneyField(default=ZERO, db_default=ZERO, validators=[MinValueValidator(0)])
    # Set when the order is placed, from settings.SHIPPING_FEE if not assigned. None on a cart, and on orders placed
    # before this column.
    shipping = MoneyField(null=True, blank=True, validators=[MinValueValidator(0)])
    shipping_tax_rate = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True, editable=False)
    shipping_tax = MoneyField(default=ZERO, db_default=ZERO, editable=False)
    tax = MoneyField(default=ZERO, db_default=ZERO, editable=False)
    prices_include_tax = models.BooleanField(default=True, db_default=True, editable=False)
    total = MoneyField(default=ZERO, editable=False)
    paid = MoneyField(default=ZERO, db_default=ZERO, editable=False)
    refunded = MoneyField(default=ZERO, db_default=ZERO, editable=False)
    currency = models.CharField(max_length=3, editable=False, help_text="ISO 4217")
    # The client's name for its request, and a digest of what it requested, to tell a retry from another request.
    idempotency_key = models.CharField(max_length=255, null=True, blank=True, editable=False)  # noqa: DJ001 - unique
    request_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    # The number that the order has in the system it was imported from.
    imported_number = models.CharField(  # noqa: DJ001 - unique
        max_length=100, null=True, blank=True, editable=False, validators=[printable_line, visible]
    )
    payment_reference = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])
    carrier = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])
    tracking_number = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])
    reference = optional_line(100)
    note = models.CharField(max_length=1_000, blank=True, default="", db_default="", validators=[printable, visible])
    email = models.EmailField("e-mail", max_length=254, blank=True, default="", db_default="")
    phone = models.CharField(max_length=40, blank=True, default="", db_default="", validators=[PHONE])
    ship_to_name = optional_line(100)
    ship_to_company = optional_line(100)
    ship_to_line1 = optional_line(200, "ship to line 1")
    ship_to_line2 = optional_line(200, "ship to line 2")
    ship_to_postal_code = optional_line(20)
    ship_to_city = optional_line(100)
    ship_to_region = optional_line(100)
    ship_to_country = models.CharField(
        max_length=2,
        blank=True,
        default="",
        db_default="",
        validators=[validate_country],
        help_text="ISO 3166-1 alpha-2",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    placed_at = models.DateTimeField(null=True, blank=True, editable=False)
    pay_by = models.DateTimeField(null=True, blank=True, help_text="Past this moment an unpaid order is void.")
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    placed_lines: list[OrderLine] | None = None
    """The lines as this instance has just written them, to show without another query; None on a loaded order."""

    _items: list[RequestedItem] | None = None
    _placed_by: "User | None" = None
    _address_id: int | None = None

    objects = OrderQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-placed_at", "-id"]
        permissions = [("set_prices", "Can set prices, discounts and shipping of an order")]
        indexes = [
            models.Index(fields=["customer", "placed_at", "id"], name="orders_of_a_customer"),
            models.Index(fields=["placed_at", "id"], name="orders_by_moment"),
            models.Index(fields=["status", "placed_at", "id"], name="orders_by_status"),
            models.Index(fields=["updated_at", "id"], name="orders_by_change"),
            models.Index(
                fields=["pay_by"], condition=Q(status="PLACED", pay_by__isnull=False), name="orders_to_be_paid"
            ),
            models.Index(fields=["reference"], condition=Q(reference__gt=""), name="orders_by_reference"),
            models.Index(Upper("email"), condition=Q(email__gt=""), name="orders_by_email"),
            models.Index(
                Upper("payment_reference"), condition=Q(payment_reference__gt=""), name="orders_by_payment_reference"
            ),
            models.Index(Upper("tracking_number"), condition=Q(tracking_number__gt=""), name="orders_by_tracking"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total__gte=0), name="total_is_not_negative"),
            models.CheckConstraint(condition=Q(total__lt=10**12), name="total_has_at_most_12_digits"),
            models.CheckConstraint(
                condition=Q(discount__gte=0, shipping__gte=0), name="discount_and_shipping_are_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(shipping_tax__gte=0, tax__gte=F("shipping_tax")), name="tax_contains_that_of_shipping"
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least("paid", "refunded"), ZERO),
                name="paid_and_refunded_are_not_negative",
            ),
            models.CheckConstraint(condition=Q(refunded__lte=F("paid")), name="refunded_is_at_most_what_was_paid"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="an_order_has_a_known_status"),
            models.CheckConstraint(
                condition=Q(status__in=[Status.CART, Status.CANCELLED]) | Q(placed_at__isnull=False),
                name="a_placed_order_knows_when",
            ),
            models.CheckConstraint(
                condition=Exact(Greatest(*SHIP_TO), Value("")) | is_complete("ship_to_"),
                name="an_order_has_a_complete_address_or_none",
            ),
            models.CheckConstraint(
                condition=Exact(Length("number"), LENGTH) & Exact(OtherCharacters("number"), Value("")),
                name="a_number_is_eight_characters_to_read_out",
            ),
            # Not unique=True, which makes a second index on PostgreSQL, for LIKE.
            models.UniqueConstraint(fields=["number"], name="a_number_belongs_to_one_order"),
            models.UniqueConstraint(fields=["customer"], condition=Q(status="CART"), name="one_cart_per_customer"),
            models.UniqueConstraint(
                fields=["idempotency_key", "customer"],  # the key first, as staff look for it without the customer
                condition=Q(idempotency_key__isnull=False),
                name="one_order_per_customer_and_key",
            ),
            models.UniqueConstraint(
                fields=["imported_number"],
                condition=Q(imported_number__isnull=False),
                name="an_order_is_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} order {format_number(self.number)}"

    def save(self, **options: Any) -> None:
        """Write the order and everything that its status brings: all or nothing.

        A new order is placed: it is checked, its stock is checked, and the stock is taken, in one transaction
        (products.ordering.placement.place). A changed status is a transition with its own effects.
        Raises InvalidOrder, InsufficientStock and InvalidTransition; IdempotentReplay and IdempotencyKeyConflict if the
        idempotency key is taken; ValidationError for a text that is too long; and TypeError for an assigned value that
        only placing sets or that is frozen.
        """
        if self.customer_id is None:
            raise ValueError("Save the customer before the order.")
        if self._state.adding:
            self._check_new()
        if self._state.adding and self.status == Status.PLACED:
            placement.place(self)
        else:
            placement.run(self, lambda: self._write(options))

    @property
    def items(self) -> list[RequestedItem] | None:
        """The lines to write: [(product, id or SKU; quantity), …]. None leaves the lines alone."""
        return self._items

    @items.setter
    def items(self, items: Iterable[RequestedItem] | None) -> None:
        self._items = None if items is None else checked_items(items)

    @property
    def placed_by(self) -> "User":
        """The user who places the order, as its event records: the customer, or staff for the customer."""
        return self._placed_by or self.customer

    @placed_by.setter
    def placed_by(self, user: "User") -> None:
        self._placed_by = user

    @property
    def ship_to(self) -> dict[str, str] | None:
        """The address that the order is shipped to, {part: text} with all of addresses.PARTS; None if it has none.

        Assign an Address, or a mapping with some of the parts.
        """
        parts: dict[str, str] = dict(zip(PARTS, _address_of(self), strict=True))
        return parts if any(parts.values()) else None

    @ship_to.setter
    def ship_to(self, address: Address | Mapping[str, str] | None) -> None:
        parts = address.parts if isinstance(address, Address) else address or {}
        if unknown := set(parts) - set(PARTS):
            raise TypeError(f"An address has no {', '.join(sorted(unknown))}; its parts are {', '.join(PARTS)}.")
        for part in PARTS:
            setattr(self, f"ship_to_{part}", parts.get(part, ""))
        self._address_id = address.pk if isinstance(address, Address) else None

    @property
    def details(self) -> dict[str, str]:
        """The customer's details that are not blank: {field: text}."""
        return {name: text for name, text in zip(CUSTOMER_DETAILS, _details_of(self), strict=True) if text}

    @property
    def requested_details(self) -> dict[str, Any]:
        """The details and terms as they were requested, for the request's digest: an Address is named by its id.

        Its content may have changed before a retry.
        """
        details: dict[str, Any] = dict(self.details)
        if self._address_id is not None:
            details = {name: value for name, value in details.items() if name not in SHIP_TO}
            details["address"] = self._address_id
        if self.discount:
            details["discount"] = self.discount
        return details if self.shipping is None else {**details, "shipping": self.shipping}

    @property
    def taxes(self) -> list[RateTotal]:
        """The sums for each tax rate, shipping included; empty if the order was placed without taxes."""
        return taxes_of(self.lines.all() if self.placed_lines is None else self.placed_lines, self)

    @property
    def movements(self) -> models.QuerySet[StockMovement]:
        """The stock movements that this order caused."""
        return StockMovement.objects.filter(line__order=self).order_by("id")

    # Verbs: each locks the order and checks its status again, so the second of two concurrent calls is rejected.

    def place(self, *, by: "User | None" = None, key: str | None = None) -> None:
        """Place the cart. Raises InvalidOrder, InsufficientStock, InvalidTransition, IdempotentReplay and
        IdempotencyKeyConflict."""
        self._transition(Status.PLACED, by, idempotency_key=key, request_digest=placement.FROM_CART)

    def pay(self, *, reference: str = "", late: bool = False, by: "User | None" = None) -> None:
        """Mark the order as paid; `reference` is the payment's. Raises PaymentOverdue past `pay_by`,
        InvalidTransition.

        `late` accepts money that arrived after `pay_by`. If the order has expired already, its stock is taken again;
        raises InsufficientStock if it is gone.
        """
        self._transition(Status.PAID, by, late=late, payment_reference=reference)

    def ship(
        self,
        *,
        lines: Iterable[RequestedLine] | None = None,
        carrier: str = "",
        tracking_number: str = "",
        by: "User | None" = None,
        key: str | None = None,
    ) -> Shipment:
        """Ship these lines, `[(product, quantity), …]`, or all that remains; the order is SHIPPED when nothing remains.

        A line is named by its product, the product's id or SKU, itself or its id. `key` is an idempotency key: a retry
        returns the first request's shipment. Raises InvalidTransition, InvalidFulfilment and MoreThanRemains.
        """
        details = {"carrier": carrier, "tracking_number": tracking_number}
        return cast("Shipment", fulfilment.fulfil(self, fulfilment.SHIP, lines, by=by, key=key, details=details))

    def deliver(self, *, by: "User | None" = None) -> None:
        """Mark the order as delivered. Raises InvalidTransition."""
        self._transition(Status.DELIVERED, by)

    def cancel(
        self,
        *,
        lines: Iterable[RequestedLine] | None = None,
        reason: str = "",
        by: "User | None" = None,
        key: str | None = None,
    ) -> Cancellation | None:
        """Cancel these lines, as ship() takes them, or all that remains, and put their stock back; None for a cart.

        If nothing was shipped, the order becomes CANCELLED; if the rest was shipped, SHIPPED. Raises what ship()
        raises.
        """
        details = {"reason": reason}
        return cast(
            "Cancellation | None", fulfilment.fulfil(self, fulfilment.CANCEL, lines, by=by, key=key, details=details)
        )

    def expire(self, *, by: "User | None" = None) -> None:
        """Expire the unpaid order and put its stock back. Raises NotOverdue before `pay_by`, InvalidTransition."""
        self._transition(Status.EXPIRED, by)

    def return_goods(
        self,
        *,
        lines: Iterable[RequestedLine] | None = None,
        by: "User | None" = None,
        key: str | None = None,
    ) -> Return:
        """Take these lines back, or all that was shipped; the order is RETURNED when all that was shipped is back.

        A line is `(product, quantity, restocked)`: `restocked` of the pieces can be sold again; by default all. Raises
        what ship() raises.
        """
        return cast("Return", fulfilment.fulfil(self, fulfilment.RETURN, lines, by=by, key=key, details={}))

    def refund(
        self,
        *,
        amount: Decimal | int | str | None = None,
        lines: Iterable[RequestedLine] | None = None,
        reference: str = "",
        by: "User | None" = None,
        key: str | None = None,
    ) -> Refund:
        """Record a refund of an amount or of these lines; `reference` is that of the repayment.

        The status stays. Raises RefundTooLarge for more than was paid, and InvalidFulfilment, MoreThanRemains,
        ValidationError.
        """
        return refunds.refund(self, amount=amount, requested=lines, reference=reference, by=by, key=key)

    def correct_tracking(self, shipment: int, *, by: "User | None" = None, **changes: str) -> Shipment:
        """Correct `carrier` or `tracking_number` of the shipment with this number, and keep the old one in the history.

        Raises Shipment.DoesNotExist and ValidationError.
        """
        if unknown := set(changes) - {"carrier", "tracking_number"}:
            raise TypeError(f"A shipment's {', '.join(sorted(unknown))} cannot be corrected.")
        return fulfilment.correct_tracking(self, shipment, changes, by=by)

    # Mechanics

    def check_idempotency_key(self) -> None:
        """Raise IdempotentReplay or IdempotencyKeyConflict if this customer's key has placed an order before."""
        earlier = Order.objects.with_key(self.customer_id, self.idempotency_key)
        if earlier is not None:
            same = earlier.request_digest == self.request_digest
            raise IdempotentReplay(earlier) if same else IdempotencyKeyConflict

    def customer_is_gone(self) -> bool:
        """Return whether the customer has been deleted meanwhile."""
        return not get_user_model().objects.filter(pk=self.customer_id).exists()

    def number_is_taken(self) -> bool:
        """Return whether another order has this one's number."""
        return Order.objects.filter(number=self.number).exclude(pk=self.pk).exists()

    def draft(self, items: Iterable[RequestedItem]) -> OrderDraft:
        """Return the draft of this order with these lines, the order's details and its terms."""
        return OrderDraft(
            items,
            details=self.details,
            missing=self.missing_details(),
            discount=self.discount,
            shipping=self.shipping,
        )

    def missing_details(self) -> list[Violation]:
        """Return a violation for each detail that settings.ORDER_REQUIRES names and that is blank."""
        return [
            Violation("required", f"This order needs {REQUIRABLE[name]}.", about=name)
            for name in settings.ORDER_REQUIRES
            if not getattr(self, name)
        ]

    def clean_details(self, names: Collection[str] = CUSTOMER_DETAILS) -> None:
        """Convert and validate the customer's details, those of `names`. Raises ValidationError."""
        given = [name for name in names if getattr(self, name) != ""]  # so that None is refused on every database
        clean_fields(self, given)
        if not {*SHIP_TO}.isdisjoint(names) and self.ship_to is not None:
            try:
                check_complete(self.ship_to)
            except ValidationError as error:
                raise ValidationError({f"ship_to_{part}": each for part, each in error.error_dict.items()}) from None

    def write_row(self, **options: Any) -> None:
        """Write the order's own row, without checks and effects. For the steps of placing, not for callers."""
        if options.get("update_fields"):
            options["update_fields"] = {*options["update_fields"], "updated_at"}
        if not self._state.adding:
            self.updated_at = timezone.now()
        super().save(**options)

    def _check_new(self) -> None:
        if _set_by_placing_of(self) != _before_placing():
            raise TypeError(PLACING_SETS)
        if self.discount is not ZERO or self.shipping is not None:
            clean_fields(self, TERMS)
        if self.paid or self.refunded:
            raise TypeError(MONEY_MOVES_BY_VERBS)
        if self.idempotency_key is not None or _blank_texts_of(self) != NO_TEXTS:
            clean_fields(self, TEXTS)
        if _details_of(self) != NO_DETAILS:
            self.clean_details()
        if not is_number(self.number or ""):
            raise ValidationError({"number": ValidationError(INVALID_NUMBER, "invalid_number")})

    def _transition(self, to: str, by: Any, *, late: bool = False, **details: str | None) -> None:
        details = clean_values(Order, details)

        def lock_and_apply() -> None:
            self.refresh_from_db(from_queryset=Order.objects.locked())
            before, self.status = self.status, to
            for name, value in details.items():
                setattr(self, name, value)
            if to == Status.PLACED:
                self.check_idempotency_key()
            check_transition(before, to, late=late)
            self._apply_transition(before, by, {}, late=late)

        placement.run(self, lock_and_apply)

    def _write(self, options: dict[str, Any]) -> None:
        """Write changes to an existing order: a changed status is a transition, everything else is a plain save."""
        fields = options.get("update_fields")
        before = None if self._state.adding else self._check_assigned(fields)
        if before == self.status or (fields is not None and "status" not in fields):
            self._write_without_transition(options)
            return
        check_transition(before, self.status)
        # A transition changes more fields than the caller named.
        self._apply_transition(before, None, options | {"update_fields": None})

    def _check_assigned(self, fields: Collection[str] | None) -> str:
        """Lock the order, and return its status on record.

        Raises TypeError if a frozen value was assigned, or one that differs from what placing has set, and
        ValidationError for a text that is too long.
        """
        stored = Order.objects.locked().only("status", "pay_by", *SET_BY_PAYMENTS, *FROZEN_FIELDS).get(pk=self.pk)
        written = {field.name for field in self._meta.concrete_fields} - self.get_deferred_fields()
        if fields is not None:
            written &= {*fields}
        clean_fields(self, written.intersection(TEXTS))
        self.clean_details(written.intersection(CUSTOMER_DETAILS))
        clean_fields(self, written.intersection(TERMS))
        names = FROZEN_FIELDS if stored.placed_at is not None else (*SET_BY_PLACING, "number")
        changed = [name for name in names if name in written and self._differs(stored, name)]
        if changed:
            if "status" in written and self.status != stored.status:
                check_transition(stored.status, self.status)  # A stale instance is not a mistake of the caller.
            if stored.placed_at is not None:
                raise TypeError(ORDER_IS_FROZEN.format(names=", ".join(changed)))
            raise TypeError(NUMBER_STAYS if changed == ["number"] else PLACING_SETS)
        if any(name in written and self._differs(stored, name) for name in SET_BY_PAYMENTS):
            raise TypeError(MONEY_MOVES_BY_VERBS)
        if "pay_by" in written and stored.status not in DEADLINE_CAN_CHANGE and self._differs(stored, "pay_by"):
            raise TypeError(DEADLINE_IS_BOUND)
        return stored.status

    def _differs(self, stored: "Order", name: str) -> bool:
        field = self._meta.get_field(name)
        assert isinstance(field, models.Field)  # noqa: S101 - for mypy: none of the relations that point here
        return bool(field.to_python(getattr(self, field.attname)) != getattr(stored, field.attname))

    def _apply_transition(self, before: str | None, by: Any, options: dict[str, Any], *, late: bool = False) -> None:
        """Write the order and the effects of its transition from status `before` to the present one."""
        if self.status == Status.CART:
            self._write_without_transition(options)
            return
        if not late:
            check_deadline(self.status, self.pay_by)
        if self.status == Status.PLACED:
            placement.place_under_lock(self, before, by or self.placed_by)
            return
        if before == LATE_PAYMENT[0]:
            fulfilment.take_again(self, by)
            return
        if before is not None and before != Status.CART and self.status in (Status.SHIPPED, *RESTOCKS):
            fulfilment.complete(self, before, by, options)
            return
        if self.status == Status.PAID:
            lines = fulfilment.lines_of(self)
            self.paid = due(self, lines)
            self.placed_lines = lines
        self.write_row(**options)
        execute_batch(insert_sql(Event, [Event.transition_row(self, before, by)]))

    def _write_without_transition(self, options: dict[str, Any]) -> None:
        if self.items is None:
            self.write_row(**options)
            return
        if self.status != Status.CART:
            raise InvalidOrder(Violation("lines_are_frozen", "The lines of a placed order cannot be changed."))
        draft = OrderDraft(self.items)
        draft.load_products()
        draft.check_lines()
        self.write_row(**options)
        lines = [OrderLine(order=self, product=line.product, quantity=line.quantity) for line in draft.lines]
        execute_batch(
            delete_sql(OrderLine, "order", self.pk), *insert_many_sql(OrderLine, [vars(line) for line in lines])
        )
        self.items = None


@functools.cache
def _before_placing() -> tuple[Any, ...]:
    """Return the values that the fields set by placing have before an order is placed."""
    return _set_by_placing_of(Order())


def _with_key(model: "type[Order]") -> "models.QuerySet[Order, Any]":
    customer, key = Param("customer", models.BigAutoField()), Param("key", models.CharField())
    return model.objects.filter(customer__id=customer, idempotency_key=key).order_by().values_list("pk")


def _overdue_holding(model: "type[Order]", products: int) -> "models.QuerySet[Order, Any]":
    overdue = model.objects.overdue(Param("now", models.DateTimeField()))
    ids = [Param(position, models.BigAutoField()) for position in range(products)]
    return overdue.holding(ids).order_by("pk").values_list("pk")
