"""What staff see and may do. Goods and orders move through the models' verbs, never through an editable field."""

from django.contrib import admin

from products.admin.catalogue import CategoryAdmin, ProductAdmin
from products.admin.history import EventAdmin, StockMovementAdmin
from products.admin.login import StaffLogin
from products.admin.orders import OrderAdmin
from products.admin.people import PersonAdmin, RightsAdmin
from products.admin.tokens import ApiTokenAdmin

__all__ = [
    "ApiTokenAdmin",
    "CategoryAdmin",
    "EventAdmin",
    "OrderAdmin",
    "PersonAdmin",
    "ProductAdmin",
    "RightsAdmin",
    "StockMovementAdmin",
]

admin.site.site_title = admin.site.site_header = "Shop"
admin.site.index_title = "Staff"
admin.site.login_form = StaffLogin
