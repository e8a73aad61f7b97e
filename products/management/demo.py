"""Demo data: products, users with known passwords, and orders in every status that needs no deadline."""

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.utils.text import slugify

from products.management import roles
from products.models import Category, Order, Product

PASSWORDS = {
    "alice": "alice-likes-mugs",
    "bob": "bob-likes-lamps",
    "staff": "staff-runs-the-shop",
    "admin": "admin-runs-the-staff",
    "viewer": "viewer-looks-at-all",
    "clerk": "clerk-sends-parcels",
    "keeper": "keeper-counts-mugs",
    "manager": "manager-sets-prices",
}
"""Free of characters that are special in a shell."""

IN_ROLE = {"viewer": "Viewer", "clerk": "Clerk", "keeper": "Stock keeper", "manager": "Manager"}

GOODS: dict[str, list[tuple[str, str, str, int]]] = {
    "Kitchen": [
        ("MUG-STONE", "Stoneware mug, grey, 350 ml", "12.50", 200),
        ("MUG-ENAMEL", "Enamel mug, white with blue rim", "9.90", 140),
        ("BOWL-OAT", "Cereal bowl, oat glaze", "14.00", 85),
        ("KETTLE-15", "Stovetop kettle, 1.5 l", "49.00", 24),
        ("PRESS-8", "French press, eight cups", "34.90", 40),
        ("KNIFE-CHEF", "Chef's knife, 20 cm", "79.00", 18),
        ("BOARD-OAK", "Cutting board, oiled oak", "29.50", 35),
        ("PAN-IRON-26", "Cast-iron pan, 26 cm", "54.00", 15),
        ("TOWEL-LINEN-2", "Linen tea towels, set of two", "19.00", 60),
    ],
    "Living": [
        ("LAMP-DESK", "Desk lamp, brass", "89.00", 12),
        ("LAMP-PAPER", "Paper lantern, 45 cm", "17.50", 70),
        ("CUSHION-WOOL", "Wool cushion, 50 × 50 cm", "38.00", 44),
        ("BLANKET-MERINO", "Merino blanket, charcoal", "119.00", 9),
        ("VASE-TALL", "Glass vase, tall", "27.00", 31),
        ("CANDLE-3", "Beeswax candles, set of three", "13.20", 150),
        ("CLOCK-WALL", "Wall clock, birch", "45.00", 3),
        ("FRAME-A4", "Picture frame, A4, walnut", "22.00", 58),
    ],
    "Garden": [
        ("TROWEL", "Hand trowel, ash handle", "16.90", 65),
        ("SHEARS", "Pruning shears", "32.00", 27),
        ("CAN-5", "Watering can, 5 l, galvanised", "36.50", 20),
        ("GLOVES-M", "Garden gloves, medium", "11.00", 90),
        ("TWINE-JUTE", "Jute twine, 100 m", "5.40", 300),
        ("SEEDS-HERBS", "Herb seeds, six kinds", "8.90", 0),
        ("POT-CLAY-20", "Clay pot, 20 cm", "7.50", 110),
    ],
    "Stationery": [
        ("NOTE-A5-DOT", "Notebook A5, dotted", "11.90", 180),
        ("PEN-FOUNTAIN", "Fountain pen, medium nib", "42.00", 22),
        ("INK-BLUE", "Ink, royal blue, 50 ml", "9.50", 75),
        ("PENCIL-12", "Pencils HB, box of twelve", "10.80", 95),
        ("TAPE-PAPER", "Paper tape, three rolls", "6.30", 130),
        ("CALENDAR", "Wall calendar, last year's", "4.00", 6),
    ],
}
"""{category: [(SKU, name, price, stock), …]}"""

RETIRED = "CALENDAR"


def load() -> bool:
    """Load the demo data in one transaction; return False, and change nothing, if it was loaded before."""
    with transaction.atomic():
        if Product.objects.filter(sku__in=_skus()).exists():
            return False
        alice, bob, staff, admin, *in_roles = [_get_or_create_user(name) for name in PASSWORDS]
        _grant_permissions(staff, admin)
        _give_roles(in_roles)
        _create_products(by=staff)
        _create_orders(alice, bob, by=staff)
    return True


def _skus() -> list[str]:
    return [sku for goods in GOODS.values() for sku, *_ in goods]


def _get_or_create_user(name: str) -> User:
    existing = User.objects.filter(username=name).first()
    return existing or User.objects.create_user(name, f"{name}@example.com", PASSWORDS[name])


def _grant_permissions(staff: User, admin: User) -> None:
    """Let `staff` do everything in the shop and view its users; make `admin` a superuser."""
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


def _give_roles(users: list[User]) -> None:
    roles.create()
    for user in users:
        user.groups.add(Group.objects.get(name=IN_ROLE[user.username]))
        user.is_staff = True
        user.save(update_fields=["is_staff"])


def _create_products(*, by: User) -> None:
    for name, goods in GOODS.items():
        category, _ = Category.objects.get_or_create(slug=slugify(name), defaults={"name": name})
        for sku, product_name, price, stock in goods:
            Product(sku=sku, name=product_name, price=price, stock=stock, category=category).save(by=by)
    Product.objects.get(sku=RETIRED).retire(by=by)


def _create_orders(alice: User, bob: User, *, by: User) -> None:
    """Create an order in each status that needs no deadline, and a cart for bob."""
    _place(alice, [("MUG-ENAMEL", 6), ("TOWEL-LINEN-2", 1)])
    _place(bob, [("LAMP-DESK", 1)])
    cart = Order.objects.cart_of(bob)
    cart.items = [("CANDLE-3", 4)]
    cart.save()

    paid = _place(alice, [("NOTE-A5-DOT", 3), ("PEN-FOUNTAIN", 1), ("INK-BLUE", 2)])
    shipped = _place(bob, [("SHEARS", 1), ("GLOVES-M", 2)])
    delivered = _place(alice, [("KETTLE-15", 1)])
    returned = _place(bob, [("CUSHION-WOOL", 2)])
    for number, order in enumerate([paid, shipped, delivered, returned], start=1):
        order.pay(reference=f"TRANSFER-{number:04}", by=by)
    for number, order in enumerate([shipped, delivered, returned], start=1):
        order.ship(carrier="Parcel Post", tracking_number=f"PP{number:08}", by=by)
    delivered.deliver(by=by)
    returned.return_goods(by=by)

    _place(bob, [("BLANKET-MERINO", 1)]).cancel(by=bob)


def _place(customer: User, items: list[tuple[str, int]]) -> Order:
    return Order.objects.place_once(customer=customer, items=items)[0]
