"""DRF permission classes; the decisions are in products.policies, and what a user sees is up to the querysets."""

from django.conf import settings
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from products import policies
from products.models import Order, Status

STATUS_OF_ACTION = {
    "cancel": Status.CANCELLED,
    "pay": Status.PAID,
    "ship": Status.SHIPPED,
    "deliver": Status.DELIVERED,
    "return_goods": Status.RETURNED,
}


class MayReadCatalog(IsAuthenticated):
    """Any user with a token; anyone at all if settings.CATALOGUE_IS_PUBLIC."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.CATALOGUE_IS_PUBLIC or super().has_permission(request, view)


class MayChangeOrderStatus(IsAuthenticated):
    """Staff who may change orders; customers may cancel their own."""

    def has_object_permission(self, request: Request, view: APIView, order: Order) -> bool:
        to = STATUS_OF_ACTION[getattr(view, "action", "")]
        return policies.may_change_status(request.user, order.customer_id, to)


def staff_with(permission: str) -> type[BasePermission]:
    """Return a permission class for staff with a model permission, such as "products.change_product"."""

    class StaffWith(IsAuthenticated):
        def has_permission(self, request: Request, view: APIView) -> bool:
            return super().has_permission(request, view) and policies.is_staff_with(request.user, permission)

    return StaffWith
