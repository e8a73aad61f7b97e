"""The address books of customers. Staff look addresses up and correct them; orders have copies."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from products.admin.versioned_forms import VersionedAdmin
from products.models import Address


@admin.register(Address)
class AddressAdmin(VersionedAdmin):
    list_display = ["__str__", "customer", "is_default"]
    list_select_related = ["customer"]
    search_fields = ["customer__username", "name", "company", "=postal_code", "city"]
    ordering = ["-id"]
    show_full_result_count = False
    readonly_fields = ["customer"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # Customers keep their own.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Address]:
        return super().get_queryset(request).select_related("customer")
