"""One order, by its id, for those who may see it."""

from typing import Any

from django.http import Http404
from rest_framework.viewsets import GenericViewSet

from products.api.serializers.orders import OrderAnswer
from products.audit_log import SecurityEvent, record
from products.models import Order


class OrderLookup(GenericViewSet):
    """Whoever asks for somebody else's order is told that there is none; and the log is told that they asked."""

    serializer_class = OrderAnswer
    lookup_value_converter = "uuid"

    def get_object(self) -> Any:
        """The order that the address names. Raises Http404 where there is none, or none that one may see."""
        try:
            return super().get_object()
        except Http404:
            pk = self.kwargs["pk"]
            # Asked on the way to every 404, so that the time it takes tells nobody which orders there are.
            if Order.objects.placed().filter(pk=pk).exists():
                record(SecurityEvent.FOREIGN_ORDER, self.request, user=self.request.user.pk, order=pk)
            raise
