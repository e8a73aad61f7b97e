"""Categories: read like the catalog, and changed by staff."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.caching import SharedCaching
from products.api.http.etags import IF_MATCH, IF_MATCH_REQUIRED, check_if_match, etag_of, respond
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import MayReadCatalog, staff_with
from products.api.schemas.categories import CategoryChange, CategoryQuery, CategoryResponse, NewCategory, category_body
from products.api.schemas.pages import NoQuery, page_of
from products.db.retry import atomic_with_retry
from products.models import Category
from products.models.categories import CategoryQuerySet
from products.policies import ADD_CATEGORIES, CHANGE_CATEGORIES, DELETE_CATEGORIES

LOOKUPS = {"slug": "slug", "parent": "parent__slug"}


class CategoryViewSet(SharedCaching, GenericViewSet):
    """The categories of the catalog, a tree."""

    request: ApiRequest
    serializer_class = CategoryResponse
    lookup_value_converter = "int"
    staff_permissions = {
        "create": staff_with(ADD_CATEGORIES),
        "partial_update": staff_with(CHANGE_CATEGORIES),
        "destroy": staff_with(DELETE_CATEGORIES),
    }

    def get_permissions(self) -> list[Any]:
        return [self.staff_permissions.get(self.action, MayReadCatalog)()]

    def get_queryset(self) -> CategoryQuerySet:
        return Category.objects.select_related("parent")

    @extend_schema(summary="List categories", parameters=[CategoryQuery], responses=page_of(CategoryResponse))
    def list(self, request: ApiRequest) -> HttpResponse:
        """List categories, each after the one that it is below, filtered and paginated."""
        query = read_query(request, CategoryQuery)
        found = self.get_queryset().filter(**{lookup: query[name] for name, lookup in LOOKUPS.items() if name in query})
        return KeysetPage(found, ["depth", "name", "id"], query).respond(request, category_body)

    @extend_schema(summary="Read a category", responses=CategoryResponse)
    def retrieve(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return one category."""
        read_query(request, NoQuery)
        return respond(request, category_body(self.get_object()))

    @extend_schema(summary="Add a category", request=NewCategory, responses={201: CategoryResponse})
    def create(self, request: ApiRequest) -> HttpResponse:
        """Add a category. If its slug is taken, the 409 names the category that has it; that may be an earlier try."""
        read_query(request, NoQuery)
        serializer = NewCategory(data=request.data)
        serializer.is_valid(raise_exception=True)
        category = Category(**serializer.validated_data)
        category.save()
        headers = {"Location": reverse("category-detail", [category.pk], request=request)}
        return respond(request, category_body(category), code=status.HTTP_201_CREATED, headers=headers)

    @extend_schema(
        summary="Change a category", request=CategoryChange, responses=CategoryResponse, parameters=[IF_MATCH_REQUIRED]
    )
    def partial_update(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Rename or move a category in the version that the required `If-Match` names. All below it move along."""
        read_query(request, NoQuery)
        serializer = CategoryChange(data=request.data)
        serializer.is_valid(raise_exception=True)

        def change() -> dict[str, Any]:
            category = self._get_unchanged(required=True)
            for name, value in serializer.validated_data.items():
                setattr(category, name, value)
            category.save(update_fields=[*serializer.validated_data])
            return category_body(category)

        return respond(request, atomic_with_retry(change))

    @extend_schema(summary="Remove a category", responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Remove a category that has no products, retired ones included, and no categories below it."""
        read_query(request, NoQuery)
        atomic_with_retry(lambda: self._get_unchanged().delete())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _get_unchanged(self, *, required: bool = False) -> Category:
        """Return the category, locked with all others, if it is in the version that If-Match names."""
        Category.objects.lock_tree()
        category: Category = self.get_object()
        check_if_match(self.request, etag_of(category_body(category)), required=required)
        return category
