"""The pages of the admin that axe-core examines and `make screenshots` photographs, on demo data: a line for each."""

from django.conf import settings
from django.contrib.auth.models import User
from selenium.webdriver import Chrome

from products import reconciliation
from products.imports import product_files, products
from products.models import ApiToken, BulkJob, Category, Order, Product, ProductImport, Status, StockCheck

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
    "imports": "products/productimport/",
    "import-preview": "products/productimport/{batch}/change/?rows=changed",
    "import-bad": "products/productimport/{batch}/change/?rows=bad",
    "stock-check": "products/stockcheck/{check}/change/",
    "reports": "products/order/reports/",
    "sales": "products/order/reports/sales-by-day/",
    "exports": "products/order/exports/",
    "orders": "products/order/",
    "order": "products/order/{order}/change/",
    "returned-order": "products/order/{returned}/change/",
    "webhooks": "products/webhookendpoint/",
    "new-webhook": "products/webhookendpoint/add/",
    "webhook-deliveries": "products/webhookdelivery/",
    "mails": "products/mail/",
    "events": "products/event/",
    "bulk-jobs": "products/bulkjob/",
    "bulk-job": "products/bulkjob/{job}/change/",
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

OF_ANOTHER_FRAME = ("packing-slip",)
"""Pages that are printed, and so without the admin's header."""

GOODS = """sku,name,category,price,list_price,stock,expected
MUG-STONE,"Stoneware mug, grey, 350 ml",Kitchen,13.90,,212,200
MUG-ENAMEL,"Enamel mug, white with blue rim",Kitchen,9.90,12.50,134,134
KETTLE-15,"Stovetop kettle, 1.5 l",Kitchen,45.00,49.00,,
LAMP-DESK,"Desk lamp, brass",Living,94.00,,11,11
SEEDS-HERBS,"Herb seeds, six kinds",Garden,8.90,,40,0
VASE-LOW,"Glass vase, low",Living,24.00,,16,
CLOCK-WALL,"Wall clock, birch",Living,forty,,2,3
PRESS-8,"French press, eight cups",Kitchn,34.90,,38,41
"""
"""A file of products with changed, new and bad rows."""

LIGHT, DARK, PHONE = "light", "dark", "phone"
SCHEMES = {LIGHT: "light", DARK: "dark", PHONE: "dark"}
WIDTHS = {LIGHT: (1280, 900), DARK: (1280, 900), PHONE: (390, 844)}


def paths() -> dict[str, str]:
    """Return the path of each page, with rows of the demo data in it."""
    admin = User.objects.get(username="admin")
    if not ProductImport.objects.exists():
        products.store(product_files.read(GOODS.encode()), GOODS.encode(), "new-prices.csv", by=admin)
        BulkJob.objects.draw_up("cancel", Order.objects.placed(), by=admin)
        reconciliation.check(str)
    rows = {
        "batch": ProductImport.objects.get(),
        "job": BulkJob.objects.get(),
        "check": StockCheck.objects.newest(),
        "product": Product.objects.get(sku="MUG-STONE"),
        "order": Order.objects.filter(status=Status.PAID).latest("pk"),
        "returned": Order.objects.filter(status=Status.RETURNED).earliest("pk"),
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
