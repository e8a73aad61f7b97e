"""Who may come in at all; what each of them sees is the querysets' business."""

from django.conf import settings
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from products.models import Order


class MayReadCatalogue(IsAuthenticated):
    """Anyone with a token; anyone at all where the shop says so (settings.CATALOGUE_IS_PUBLIC)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.CATALOGUE_IS_PUBLIC or super().has_permission(request, view)


class MayMoveOrders(IsAuthenticated):
    """Staff with the permission to change orders; customers may cancel their own."""

    def has_object_permission(self, request: Request, view: APIView, order: Order) -> bool:
        if getattr(view, "action", None) == "cancel" and order.customer_id == request.user.pk:
            return True
        return request.user.is_staff and request.user.has_perm("products.change_order")


def staff_may(permission: str) -> type[BasePermission]:
    """A permission class: staff who have the model permission `permission`, as in "products.change_product"."""

    class StaffMay(IsAuthenticated):
        def has_permission(self, request: Request, view: APIView) -> bool:
            user = request.user
            return super().has_permission(request, view) and user.is_staff and user.has_perm(permission)

    return StaffMay
