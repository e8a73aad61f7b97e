"""The admin site. Stock and orders change through the models' verbs, never through an editable field."""

from products.admin.addresses import AddressAdmin
from products.admin.bulk_jobs import BulkJobAdmin
from products.admin.events import EventAdmin
from products.admin.imports import ProductImportAdmin
from products.admin.mail import MailAdmin
from products.admin.orders import OrderAdmin
from products.admin.products import CategoryAdmin, ProductAdmin
from products.admin.stock import StockMovementAdmin
from products.admin.stock_checks import StockCheckAdmin
from products.admin.tokens import ApiTokenAdmin
from products.admin.users import GroupAdmin, UserAdmin
from products.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = [
    "AddressAdmin",
    "ApiTokenAdmin",
    "BulkJobAdmin",
    "CategoryAdmin",
    "EventAdmin",
    "GroupAdmin",
    "MailAdmin",
    "OrderAdmin",
    "ProductAdmin",
    "ProductImportAdmin",
    "StockCheckAdmin",
    "StockMovementAdmin",
    "UserAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
