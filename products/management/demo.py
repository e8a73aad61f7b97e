"""A shop to look at: goods, people with known passwords, and orders in every status."""

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.utils.text import slugify

from products.management.demo_goods import GOODS, RETIRED
from products.models import Category, Order, Product

PASSWORDS = {
    "alice": "alice-likes-mugs",
    "bob": "bob-likes-lamps",
    "staff": "staff-runs-the-shop",
    "admin": "admin-runs-the-staff",
}
"""Without a character that means anything to a shell."""


def load() -> bool:
    """Fill the shop, whole or not at all; False where that was done before, and then nothing is touched."""
    with transaction.atomic():
        if Product.objects.filter(sku__in=_skus()).exists():
            return False
        alice, bob, staff, _ = people = [_person(name) for name in PASSWORDS]
        _make_staff(*people[2:])
        _fill_the_shelves(by=staff)
        _order(alice, bob, by=staff)
    return True


def _skus() -> list[str]:
    return [sku for goods in GOODS.values() for sku, *_ in goods]


def _person(name: str) -> User:
    known = User.objects.filter(username=name).first()
    return known or User.objects.create_user(name, f"{name}@example.com", PASSWORDS[name])


def _make_staff(staff: User, admin: User) -> None:
    """`staff` may do everything in the shop and look at its customers; `admin` may also decide who is staff."""
    shop_staff, _ = Group.objects.get_or_create(name="Shop staff")
    shop_staff.permissions.set(
        [
            *Permission.objects.filter(content_type__app_label="products"),
            *Permission.objects.filter(content_type__app_label="auth", codename="view_user"),
        ]
    )
    staff.groups.add(shop_staff)
    staff.is_staff = admin.is_staff = admin.is_superuser = True
    staff.save(update_fields=["is_staff"])
    admin.save(update_fields=["is_staff", "is_superuser"])


def _fill_the_shelves(*, by: User) -> None:
    for name, goods in GOODS.items():
        category, _ = Category.objects.get_or_create(slug=slugify(name), defaults={"name": name})
        for sku, product_name, price, stock in goods:
            Product(sku=sku, name=product_name, price=price, stock=stock, category=category).save(by=by)
    Product.objects.get(sku=RETIRED).retire(by=by)


def _order(alice: User, bob: User, *, by: User) -> None:
    """One order in each status that it takes no deadline to reach, and bob's cart."""
    _placed(alice, [("MUG-ENAMEL", 6), ("TOWEL-LINEN-2", 1)])
    _placed(bob, [("LAMP-DESK", 1)])
    cart = Order.objects.cart_of(bob)
    cart.items = [("CANDLE-3", 4)]
    cart.save()

    paid = _placed(alice, [("NOTE-A5-DOT", 3), ("PEN-FOUNTAIN", 1), ("INK-BLUE", 2)])
    shipped = _placed(bob, [("SHEARS", 1), ("GLOVES-M", 2)])
    delivered = _placed(alice, [("KETTLE-15", 1)])
    returned = _placed(bob, [("CUSHION-WOOL", 2)])
    for number, order in enumerate([paid, shipped, delivered, returned], start=1):
        order.pay(reference=f"TRANSFER-{number:04}", by=by)
    for number, order in enumerate([shipped, delivered, returned], start=1):
        order.ship(carrier="Parcel Post", tracking_number=f"PP{number:08}", by=by)
    delivered.deliver(by=by)
    returned.return_goods(by=by)

    _placed(bob, [("BLANKET-MERINO", 1)]).cancel(by=bob)


def _placed(customer: User, items: list[tuple[str, int]]) -> Order:
    return Order.objects.place_once(customer=customer, items=items)[0]
