"""Orders: what a customer wants, from the cart to the door. `Order.save()` is the one way in."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from products.models.at_once import place_at_once
from products.models.basket import Basket, Item
from products.models.catalogue import Product
from products.models.events import Event
from products.models.lifecycle import GIVES_BACK, Status, check_deadline, check_move
from products.models.order_lines import OrderLine
from products.models.order_queries import OrderQuerySet
from products.models.placing import FROM_CART, Placement, count_not_placed, count_placed, mark_written
from products.models.refusals import AlreadyPlaced, InsufficientStock, InvalidOrder, KeyReused, Problem, Refusal
from products.models.statements import insert, send
from products.models.stock import StockMovement
from products.models.transactions import Snapshot, whole

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class Order(models.Model):
    """What a customer wants. A cart is an order too, in status CART; it holds no stock.

    `Order(customer=alice, items=[(mug, 2), (lamp, 1)]).save()` checks the order and the stock, takes the stock and
    writes order, lines, ledger and event: whole, or not at all.
    """

    Status = Status

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", db_index=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PLACED)
    total = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal("0.00"), editable=False)
    currency = models.CharField(max_length=3, editable=False, help_text="ISO 4217")
    # What the client calls its request, and a digest of what it asked for, to tell a retry from another request.
    idempotency_key = models.CharField(max_length=255, null=True, blank=True, editable=False)  # noqa: DJ001 - unique
    request_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    payment_reference = models.CharField(max_length=200, blank=True, default="")
    carrier = models.CharField(max_length=100, blank=True, default="")
    tracking_number = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    placed_at = models.DateTimeField(null=True, blank=True, editable=False)
    pay_by = models.DateTimeField(null=True, blank=True, help_text="Past this moment an unpaid order is void.")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at", "-id"]
        indexes = [
            models.Index(fields=["customer", "placed_at", "id"], name="orders_of_a_customer"),
            models.Index(fields=["placed_at", "id"], name="orders_by_moment"),
            models.Index(fields=["status", "placed_at", "id"], name="orders_by_status"),
            models.Index(
                fields=["pay_by"], condition=Q(status="PLACED", pay_by__isnull=False), name="orders_to_be_paid"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total__gte=0), name="total_is_not_negative"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="an_order_has_a_known_status"),
            models.CheckConstraint(
                condition=Q(status__in=[Status.CART, Status.CANCELLED]) | Q(placed_at__isnull=False),
                name="a_placed_order_knows_when",
            ),
            models.UniqueConstraint(fields=["customer"], condition=Q(status="CART"), name="one_cart_per_customer"),
            models.UniqueConstraint(
                fields=["idempotency_key", "customer"],  # the key first, as staff look for it without the customer
                condition=Q(idempotency_key__isnull=False),
                name="one_order_per_customer_and_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} order {self.pk}"

    def save(self, **options: Any) -> None:
        """Write the order and everything that its new status brings, whole or not at all.

        Raises InvalidOrder, InsufficientStock, ForbiddenMove; AlreadyPlaced and KeyReused where the key is taken.
        """
        at_once = (lambda: place_at_once(self)) if options.get("update_fields") is None else None
        self._settle(lambda: self._write(options), at_once)

    @property
    def items(self) -> list[Item] | None:
        """What to write as this order's lines: [(product, id or SKU; quantity), …]. None leaves the lines alone."""
        return self.__dict__.get("_items")

    @items.setter
    def items(self, items: Iterable[Item] | None) -> None:
        self._items = None if items is None else list(items)

    @property
    def movements(self) -> models.QuerySet[StockMovement]:
        """What this order did to the stock."""
        return StockMovement.objects.filter(line__order=self).order_by("id")

    # Verbs: each locks the order first and looks again, so of two who ask at once the second is refused.

    def place(self, *, by: "AbstractBaseUser | None" = None, key: str | None = None) -> None:
        """Make the cart an order. Raises InvalidOrder, InsufficientStock, ForbiddenMove, AlreadyPlaced, KeyReused."""
        self._move(Status.PLACED, by, idempotency_key=key, request_digest=FROM_CART)

    def pay(self, *, reference: str = "", by: "AbstractBaseUser | None" = None) -> None:
        """The money is there; `reference` is the payment's. Raises PaymentOverdue past `pay_by`, ForbiddenMove."""
        self._move(Status.PAID, by, payment_reference=reference)

    def ship(self, *, carrier: str = "", tracking_number: str = "", by: "AbstractBaseUser | None" = None) -> None:
        """The parcel has left. Raises ForbiddenMove."""
        self._move(Status.SHIPPED, by, carrier=carrier, tracking_number=tracking_number)

    def deliver(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """The parcel has arrived. Raises ForbiddenMove."""
        self._move(Status.DELIVERED, by)

    def cancel(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """Nobody wants it any more; the stock goes back. Raises ForbiddenMove."""
        self._move(Status.CANCELLED, by)

    def expire(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """Nobody has paid in time; the stock goes back. Raises NotOverdue before `pay_by`, ForbiddenMove."""
        self._move(Status.EXPIRED, by)

    def return_goods(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """The goods came back, and go back on the shelf. Raises ForbiddenMove."""
        self._move(Status.RETURNED, by)

    def _settle(self, work: Callable[[], Any], at_once: Callable[[], Any] | None = None) -> None:
        """Do `work` in one transaction (see whole()), or leave this object as it was."""
        as_it_was = Snapshot(self)

        def work_afresh() -> None:
            as_it_was.restore()  # without what a try that the database has undone left behind
            work()

        try:
            try:
                self._look_twice(work_afresh, at_once)
            except IntegrityError:
                # The key is taken: by an earlier try, or by another request that did not wait for our product locks.
                if self.status == Status.PLACED:
                    self.refuse_a_second_time()
                raise
        except BaseException as error:
            if self.status == Status.PLACED:
                count_not_placed(error)
            as_it_was.restore()
            raise

    def _look_twice(self, work: Callable[[], Any], at_once: Callable[[], Any] | None) -> None:
        """Do `work`; where it is short of stock, expire the overdue orders that hold some, and do it again."""
        try:
            whole(work, at_once)
        except InsufficientStock as shortage:
            if not shortage.overdue:
                raise
            Order.objects.filter(pk__in=shortage.overdue).expire()
            whole(work)

    def _write(self, options: dict[str, Any]) -> None:
        before = None if self._state.adding else self._status_on_record()
        fields = options.get("update_fields")
        if before == self.status or (fields is not None and "status" not in fields):
            self._write_as_it_is(options)
            return
        check_move(before, self.status)
        # A move brings more than the fields that somebody thought of.
        self._enter(before, None, options | {"update_fields": None})

    def _move(self, to: str, by: Any, **details: str | None) -> None:
        def look_again_and_move() -> None:
            self.refresh_from_db(from_queryset=Order.objects.locked())
            before, self.status = self.status, to
            for name, value in details.items():
                setattr(self, name, value)
            if to == Status.PLACED:
                self.refuse_a_second_time()
            check_move(before, to)
            self._enter(before, by, {})

        self._settle(look_again_and_move)

    def _status_on_record(self) -> str:
        return Order.objects.locked().values_list("status", flat=True).get(pk=self.pk)

    def _enter(self, before: str | None, by: Any, options: dict[str, Any]) -> None:
        """Write the order, and what coming from status `before` to this one brings."""
        if self.status == Status.CART:
            self._write_as_it_is(options)
            return
        check_deadline(self.status, self.pay_by)
        if self.status == Status.PLACED:
            self._take_goods(before, by or self.customer, options)
            return
        super().save(**options)
        goods = []
        if before != Status.CART and self.status in GIVES_BACK:
            goods = Product.objects.take_back(list(self.lines.all()), GIVES_BACK[Status(self.status)])
        send(*goods, insert(Event, [Event.objects.of_move(self, before, by)]))

    def _write_as_it_is(self, options: dict[str, Any]) -> None:
        if self.items is None:
            super().save(**options)
            return
        if self.status != Status.CART:
            raise InvalidOrder(Problem("lines_are_frozen", "The lines of a placed order cannot be changed."))
        basket = Basket(self.items)
        basket.look_up()
        basket.check_acceptable()
        super().save(**options)
        self.lines.all().delete()
        lines = [OrderLine(order=self, product=line.product, quantity=line.quantity) for line in basket.lines]
        send(insert(OrderLine, list(map(vars, lines))))
        mark_written(self, lines)

    def _take_goods(self, before: str | None, by: Any, options: dict[str, Any]) -> None:
        """Check the order and the stock, write the order and its lines, and take the stock: the heart of the shop."""
        placement = Placement(self, before)
        try:
            placement.check()
        except Refusal:
            # Perhaps the stock is gone because a first try of this very request took it. That held the lock until it
            # was committed, so now it is seen. A second try that is not refused meets the unique key in the end.
            self.refuse_a_second_time()
            raise
        lines = placement.freeze()
        event = insert(Event, [Event.objects.of_move(self, before, by)])
        goods = [insert(OrderLine, list(map(vars, lines))), *Product.objects.sell(lines), event]
        if self.customer_id is None:
            raise ValueError("An order's customer has to be saved before the order.")
        if before is None:
            send(insert(Order, [vars(self)]), *goods)
        else:
            super().save(**options)
            self.lines.all().delete()
            send(*goods)
        mark_written(self, lines)
        count_placed(lines)

    def refuse_a_second_time(self) -> None:
        """Raise AlreadyPlaced or KeyReused where this customer's key has placed an order before."""
        earlier = Order.objects.with_key(self.customer_id, self.idempotency_key)
        if earlier is not None:
            raise AlreadyPlaced(earlier) if earlier.request_digest == self.request_digest else KeyReused
