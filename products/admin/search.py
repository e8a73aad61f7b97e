"""Finding things by the id of an order."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest


class FindsOrders:
    """Lets a list be searched for the id of an order too, and straight through the index."""

    order_field = "pk"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        try:
            return queryset.filter(**{self.order_field: UUID(search_term.strip())}), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[misc]
