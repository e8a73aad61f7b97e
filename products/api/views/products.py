"""The catalogue over HTTP."""

from functools import partial
from typing import Any, cast

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from products.api.bodies import product_body
from products.api.conditions import IF_MATCH, IF_MATCH_REQUIRED, answer, check_if_match, etag_of
from products.api.lists import KeptPage, Parameters
from products.api.permissions import MayReadCatalog, staff_with
from products.api.product_search import SearchedList
from products.api.requests import address_of, read_query
from products.api.rows import PRODUCT_COLUMNS, ProductRow
from products.api.schema import pages_of
from products.api.serializers.pages import NoQuery
from products.api.serializers.products import NewProduct, ProductAnswer, ProductChange, ProductQuery
from products.db.compiled_queries import Param, compile_once
from products.db.retry import atomic_with_retry
from products.models import Product
from products.models.products import ProductQuerySet, searchable
from products.ordering.validation import MAX_ID

# What a change cannot touch. A sale in between moves the stock, and does not make a change of the price stale.
NOT_CONTENT = ("stock", "in_stock")


class ProductViewSet(GenericViewSet):
    """What the shop sells."""

    serializer_class = ProductAnswer
    lookup_value_converter = "int"
    permission_of = {
        "create": staff_with("products.add_product"),
        "partial_update": staff_with("products.change_product"),
        "destroy": staff_with("products.change_product"),
    }

    def get_permissions(self) -> list[Any]:
        return [self.permission_of.get(self.action, MayReadCatalog)()]

    def get_queryset(self) -> ProductQuerySet:
        return Product.objects.select_related("category")

    @extend_schema(summary="List products", parameters=[ProductQuery], responses=pages_of(ProductAnswer))
    def list(self, request: Request) -> HttpResponse:
        """The products on sale, searched, filtered, ordered, a page at a time."""
        query = read_query(request, ProductQuery)
        page = KeptPage(PRODUCTS, asked_for(query), query.get("ordering", ["id"]), query)
        return page.respond(request, partial(product_body, currency=settings.CURRENCY))

    @extend_schema(summary="Read a product", responses=ProductAnswer)
    def retrieve(self, request: Request, pk: int) -> HttpResponse:
        """One product, retired or not: old orders still name it."""
        read_query(request, NoQuery)
        rows = compile_once(one_product).rows({"pk": pk}) if pk <= MAX_ID else []
        if not rows:
            raise Http404
        return shown(request, ProductRow(*rows[0]))

    @extend_schema(summary="Add a product", request=NewProduct, responses={201: ProductAnswer})
    def create(self, request: Request) -> HttpResponse:
        """Add a product. A SKU that is taken is a 409 that names the product, so a retry can see that it is there."""
        read_query(request, NoQuery)
        new = NewProduct(data=request.data)
        new.is_valid(raise_exception=True)
        product = Product(**new.validated_data)
        product.save(by=cast("Any", request.user))
        product = self.get_queryset().get(pk=product.pk)
        headers = {"Location": address_of(request, f"/api/products/{product.pk}")}
        return shown(request, product, status.HTTP_201_CREATED, headers)

    @extend_schema(
        summary="Change a product", request=ProductChange, responses=ProductAnswer, parameters=[IF_MATCH_REQUIRED]
    )
    def partial_update(self, request: Request, pk: int) -> HttpResponse:
        """Change a product, as it was when you looked: `If-Match` is required, and compared under the lock."""
        read_query(request, NoQuery)
        change = ProductChange(data=request.data)
        change.is_valid(raise_exception=True)
        # A copy for each try, as applying it takes it apart.
        atomic_with_retry(lambda: self._apply(self._locked(request, pk, required=True), dict(change.validated_data)))
        return shown(request, self.get_object())

    @extend_schema(summary="Retire a product", responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, pk: int) -> HttpResponse:
        """Retire a product: it is not sold any more, and stays for the orders that name it."""
        read_query(request, NoQuery)
        atomic_with_retry(lambda: self._locked(request, pk).retire(by=cast("Any", request.user)))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _locked(self, request: Request, pk: int, *, required: bool = False) -> Product:
        self.get_object()  # or 404
        product = Product.objects.locked().get(pk=pk)
        check_if_match(request, etag_of_product(product), required=required, comparing=content_part)
        return product

    def _apply(self, product: Product, change: dict[str, Any]) -> None:
        by, retired = cast("Any", self.request.user), change.pop("retired", None)
        if change:
            for name, value in change.items():
                setattr(product, name, value)
            product.save(by=by, update_fields=[*change, "updated_at"])
        if retired is not None:
            product.retire(by=by) if retired else product.bring_back(by=by)


def wanted(asked: Parameters) -> "QuerySet[Product, Any]":
    """The products that are asked for; see asked_for()."""
    products = Product.objects.retired() if asked.get("retired") else Product.objects.on_sale()
    products = products.filter(**{column: asked[name] for name, column in FILTERS.items() if name in asked})
    if asked.get("in_stock") is True or not asked["out_of_stock"]:
        products = products.in_stock()
    if asked.get("in_stock") is False:
        products = products.sold_out()
    return products.containing_words(asked.get("words", ()))


def asked_for(query: dict[str, Any]) -> dict[str, Any]:
    """What the query string and the settings ask for, without what is about pages."""
    asked = {name: query[name] for name in (*FILTERS, "in_stock", "retired") if name in query}
    if "search" in query:
        asked["words"] = tuple(searchable(query["search"]).split())
    return asked | {"out_of_stock": settings.LIST_OUT_OF_STOCK}


FILTERS = {
    "category": "category__slug",
    "sku": "sku",
    "price_min": "price__gte",
    "price_max": "price__lte",
    "changed_since": "updated_at__gte",
}
PRODUCTS = SearchedList(
    Product,
    wanted,
    ProductRow,
    PRODUCT_COLUMNS,
    values={
        "category": models.SlugField(),
        "sku": models.CharField(),
        "price_min": models.DecimalField(max_digits=10, decimal_places=2),
        "price_max": models.DecimalField(max_digits=10, decimal_places=2),
        "changed_since": models.DateTimeField(),
        "words": models.TextField(),
    },
    keys={"out_of_stock"},
)


def one_product() -> "QuerySet[Product, Any]":
    return Product.objects.filter(pk=Param("pk", models.BigAutoField())).order_by().values_list(*PRODUCT_COLUMNS)


def shown(
    request: Request,
    product: Product | ProductRow,
    code: int = status.HTTP_200_OK,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The answer that shows one product, with its ETag."""
    return answer(request, product_body(product), code=code, headers=headers, etag=etag_of_product(product))


def etag_of_product(product: Product | ProductRow) -> str:
    """`"content-stock"`: two parts, as a change must only have seen the first."""
    body = product_body(product)
    content = etag_of({name: value for name, value in body.items() if name not in NOT_CONTENT})
    return f'{content[:-1]}-{product.stock}"'


def content_part(etag: str) -> str:
    return etag.rpartition("-")[0]
