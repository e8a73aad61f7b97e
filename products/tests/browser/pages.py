"""The pages of the admin that axe-core examines and `make screenshots` photographs, on demo data: a line for each."""

from django.conf import settings
from django.contrib.auth.models import User
from selenium.webdriver import Chrome

from products.models import ApiToken, Category, Order, Product, Status

PAGES = {
    "front": "",
    "products": "products/product/",
    "product": "products/product/{product}/change/",
    "new-product": "products/product/add/",
    "receive": "products/product/{product}/receive/",
    "count": "products/product/{product}/count/",
    "sheet": "products/product/sheet/",
    "product-ledger": "products/product/{product}/ledger/",
    "product-history": "products/product/{product}/history/",
    "import": "products/productimport/add/",
    "reports": "products/order/reports/",
    "sales": "products/order/reports/sales-by-day/",
    "exports": "products/order/exports/",
    "orders": "products/order/",
    "order": "products/order/{order}/change/",
    "bulk-jobs": "products/bulkjob/",
    "phone-order": "products/order/add/",
    "packing-slip": "products/order/{order}/packing-slip/",
    "order-history": "products/order/{order}/history/",
    "refund": "products/order/{order}/refund/",
    "ship": "products/order/{order}/ship/",
    "cancel": "products/order/{order}/cancel/",
    "ledger": "products/stockmovement/",
    "categories": "products/category/",
    "category": "products/category/{category}/change/",
    "users": "auth/user/",
    "user": "auth/user/{user}/change/",
    "new-token": "products/apitoken/add/",
    "password": "password_change/",
    "second-factor": "second_factor/",
}
"""{name: path below the admin's}, with the names of a few rows in it."""

LIGHT, DARK, PHONE = "light", "dark", "phone"
SCHEMES = {LIGHT: "light", DARK: "dark", PHONE: "dark"}
WIDTHS = {LIGHT: (1280, 900), DARK: (1280, 900), PHONE: (390, 844)}


def paths() -> dict[str, str]:
    """Return the path of each page, with rows of the demo data in it."""
    rows = {
        "product": Product.objects.get(sku="MUG-STONE"),
        "order": Order.objects.filter(status=Status.PAID).latest("pk"),
        "category": Category.objects.earliest("pk"),
        "user": User.objects.get(username="alice"),
        "token": ApiToken.objects.first(),
    }
    keys = {name: row.pk if row else None for name, row in rows.items()}
    return {name: f"/{settings.ADMIN_URL}{path.format(**keys)}" for name, path in PAGES.items()}


def dress(browser: Chrome, look: str) -> None:
    """Have the browser show pages as on a screen of this size and in this color scheme."""
    width, height = WIDTHS[look]
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": look == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": SCHEMES[look]}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
