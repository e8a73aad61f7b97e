"""Products: the catalog, which anyone with a token reads, and its changes by staff."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.caching import SharedCaching
from products.api.http.changes import complete_until
from products.api.http.etags import IF_MATCH, IF_MATCH_REQUIRED, check_if_match, etag_of, respond
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.list_query import Filters, ListPage
from products.api.permissions import MayReadCatalog, staff_with
from products.api.product_search import SearchableListQuery
from products.api.schemas.pages import NoQuery, page_of
from products.api.schemas.products import (
    PRICE_HISTORY_DAYS,
    PRODUCT,
    NewProduct,
    PriceHistoryQuery,
    PriceHistoryResponse,
    ProductChange,
    ProductQuery,
    ProductResponse,
    price_history_body,
)
from products.barcodes import forms_of
from products.db.compiled_queries import Param, compile_once
from products.db.retry import atomic_with_retry
from products.models import Product
from products.models.lines import as_line
from products.models.money import MoneyField
from products.models.products import ProductQuerySet, searchable, tag_key
from products.ordering.validation import MAX_ID
from products.policies import ADD_PRODUCTS, CHANGE_PRODUCTS
from products.skus import sku_key

STOCK_FIELDS = ("stock", "in_stock")
"""Fields that a PATCH cannot change. A sale must not make the ETag that a price change is based on stale."""


class ProductViewSet(SharedCaching, GenericViewSet):
    """The catalog."""

    request: ApiRequest
    serializer_class = ProductResponse
    lookup_value_converter = "int"
    staff_permissions = {
        "create": staff_with(ADD_PRODUCTS),
        "partial_update": staff_with(CHANGE_PRODUCTS),
        "destroy": staff_with(CHANGE_PRODUCTS),
    }

    def get_permissions(self) -> list[Any]:
        return [self.staff_permissions.get(self.action, MayReadCatalog)()]

    def get_queryset(self) -> ProductQuerySet:
        """Return the products to change; reads do without model instances."""
        return Product.objects.locked()

    @extend_schema(
        summary="List products", parameters=[ProductQuery], responses=page_of(ProductResponse, since="changed_since")
    )
    def list(self, request: ApiRequest) -> HttpResponse:
        """List the products on sale, searched, filtered, ordered and paginated."""
        query = read_query(request, ProductQuery)
        page = ListPage(PRODUCTS, parse_filters(query), query.get("ordering", ["id"]), query)
        return page.respond(request, PRODUCT.body, **complete_until(query, "changed_since"))

    @extend_schema(summary="Read a product", responses=ProductResponse)
    def retrieve(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return one product, even if it is retired: orders still refer to it."""
        read_query(request, NoQuery)
        return product_response(request, product_row(pk))

    @extend_schema(summary="Add a product", request=NewProduct, responses={201: ProductResponse})
    def create(self, request: ApiRequest) -> HttpResponse:
        """Add a product. If its SKU is taken, the 409 names the product that has it; that may be an earlier try."""
        read_query(request, NoQuery)
        serializer = NewProduct(data=request.data)
        serializer.is_valid(raise_exception=True)
        product = Product(**serializer.validated_data)
        product.save(by=request.user)
        headers = {"Location": reverse("product-detail", [product.pk], request=request)}
        return product_response(request, product_row(product.pk), status.HTTP_201_CREATED, headers)

    @extend_schema(
        summary="Change a product", request=ProductChange, responses=ProductResponse, parameters=[IF_MATCH_REQUIRED]
    )
    def partial_update(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Change a product in the version that the required `If-Match` names. It is compared under a lock."""
        read_query(request, NoQuery)
        serializer = ProductChange(data=request.data)
        serializer.is_valid(raise_exception=True)

        def change() -> None:
            apply_change(self._get_unchanged(pk, required=True), dict(serializer.validated_data), by=request.user)

        atomic_with_retry(change)
        return product_response(request, product_row(pk))

    @extend_schema(summary="Retire a product", responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Take a product off sale. It still exists, for the orders that refer to it."""
        read_query(request, NoQuery)
        atomic_with_retry(lambda: self._get_unchanged(pk).retire(by=request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="products_prices_list",
        summary="Read a product's prices",
        parameters=[PriceHistoryQuery],
        responses=PriceHistoryResponse,
    )
    @action(detail=True)
    def prices(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return the prices of the last days, with the lowest: also the one that was in force when they began."""
        days = read_query(request, PriceHistoryQuery).get("days", PRICE_HISTORY_DAYS)
        product = get_object_or_404(Product.objects.filter(pk__lte=MAX_ID), pk=pk)
        periods = product.price_history(timezone.now() - timedelta(days=days))
        return respond(request, price_history_body(periods, days))

    def _get_unchanged(self, pk: int, *, required: bool = False) -> Product:
        """Return the product, locked, if it is in the version that If-Match names."""
        product: Product = self.get_object()
        etag = product_etag(PRODUCT.body(product_row(pk)))
        check_if_match(self.request, etag, required=required, significant=without_stock)
        return product


def apply_change(product: Product, change: dict[str, Any], *, by: Any) -> None:
    """Save the changed fields, and retire the product or bring it back."""
    retired = change.pop("retired", None)
    if change:
        for name, value in change.items():
            setattr(product, name, value)
        product.save(by=by, update_fields=[*change, "updated_at"])
    if retired is not None:
        product.retire(by=by) if retired else product.bring_back(by=by)


def product_row(pk: int) -> Any:
    """Return the row of a product. Raises Http404."""
    rows = compile_once(one_product).rows({"pk": pk}) if pk <= MAX_ID else []
    if not rows:
        raise Http404
    return PRODUCT.row(*rows[0])


def one_product() -> "QuerySet[Product, Any]":
    return Product.objects.filter(pk=Param("pk", models.BigAutoField())).order_by().values_list(*PRODUCT.columns)


def product_response(
    request: ApiRequest, row: Any, code: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
) -> HttpResponse:
    """Return a product with its ETag."""
    body = PRODUCT.body(row)
    return respond(request, body, code=code, headers=headers, etag=product_etag(body))


def product_etag(body: dict[str, Any]) -> str:
    """Return `"content-stock"`: two parts, because a change is compared with the first one only."""
    content = etag_of({name: value for name, value in body.items() if name not in STOCK_FIELDS})
    return f'{content[:-1]}-{body["stock"]}"'


def without_stock(etag: str) -> str:
    """Return the content part of a product's ETag."""
    return etag.rpartition("-")[0]


def filtered(filters: Filters) -> "QuerySet[Product, Any]":
    """Return the products that match the filters from parse_filters()."""
    products = Product.objects.retired() if filters.get("retired") else Product.objects.on_sale()
    if "category" in filters:
        products = products.in_branch(filters["category"])
    if "tag" in filters:
        products = products.tagged(filters["tag"])
    if "sku" in filters:
        products = products.with_sku_keys([filters["sku"]])
    products = products.filter(**{lookup: filters[name] for name, lookup in LOOKUPS.items() if name in filters})
    if "changed_since" in filters:
        products = products.changed_since(filters["changed_since"])
    if filters.get("in_stock") is True or not filters["out_of_stock"]:
        products = products.in_stock()
    if filters.get("in_stock") is False:
        products = products.sold_out()
    return products.containing_words(filters.get("words", ()))


def parse_filters(query: dict[str, Any]) -> dict[str, Any]:
    """Return the filters in the query parameters and the settings."""
    filters = {name: query[name] for name in (*LOOKUPS, "changed_since", "in_stock", "retired") if name in query}
    if "category" in query:
        filters["category"] = query["category"]
    if "barcode" in query:
        filters["barcode"] = forms_of(query["barcode"])
    if "tag" in query:
        filters["tag"] = as_line(tag_key(query["tag"]))
    if "sku" in query:
        filters["sku"] = sku_key(query["sku"])
    if "search" in query:
        filters["words"] = tuple(searchable(query["search"]).split())
    # Otherwise a client that polls for changes would never see those of a product that is out of stock at the time.
    return filters | {"out_of_stock": settings.LIST_OUT_OF_STOCK or "changed_since" in filters}


LOOKUPS = {
    "barcode": "barcode__in",
    "price_min": "price__gte",
    "price_max": "price__lte",
}
PRODUCTS = SearchableListQuery(
    Product,
    filtered,
    PRODUCT.row,
    PRODUCT.columns,
    params={
        "category": models.SlugField(),
        "sku": models.TextField(),
        "barcode": models.CharField(),
        "tag": models.TextField(),
        "price_min": MoneyField(max_digits=12),
        "price_max": MoneyField(max_digits=12),
        "changed_since": models.DateTimeField(),
        "words": models.TextField(),
    },
)
