"""The catalogue over HTTP."""

from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from products.api.bodies import product_body
from products.api.conditions import IF_MATCH, IF_MATCH_REQUIRED, answer, check_if_match, etag_of
from products.api.pagination import KeysetPage
from products.api.permissions import MayReadCatalogue, staff_may
from products.api.requests import read_query
from products.api.schema import pages_of
from products.api.serializers.pages import NoQuery
from products.api.serializers.products import NewProduct, ProductAnswer, ProductChange, ProductQuery
from products.models import Product
from products.models.product_queries import ProductQuerySet
from products.models.transactions import whole

# What a change cannot touch. A sale in between moves the stock, and does not make a change of the price stale.
NOT_CONTENT = ("stock", "in_stock")


class ProductViewSet(GenericViewSet):
    """What the shop sells."""

    serializer_class = ProductAnswer
    lookup_value_converter = "int"
    permission_of = {
        "create": staff_may("products.add_product"),
        "partial_update": staff_may("products.change_product"),
        "destroy": staff_may("products.change_product"),
    }

    def get_permissions(self) -> list[Any]:
        return [self.permission_of.get(self.action, MayReadCatalogue)()]

    def get_queryset(self) -> ProductQuerySet:
        return Product.objects.select_related("category")

    @extend_schema(summary="List products", parameters=[ProductQuery], responses=pages_of(ProductAnswer))
    def list(self, request: Request) -> Response:
        """The products on sale, searched, filtered, ordered, a page at a time."""
        query = read_query(request, ProductQuery)
        page = KeysetPage(wanted(self.get_queryset(), query), query.get("ordering", ["id"]), query)
        return page.respond(request, product_body)

    @extend_schema(summary="Read a product", responses=ProductAnswer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """One product, retired or not: old orders still name it."""
        read_query(request, NoQuery)
        return shown(request, self.get_object())

    @extend_schema(summary="Add a product", request=NewProduct, responses={201: ProductAnswer})
    def create(self, request: Request) -> Response:
        """Add a product. A SKU that is taken is a 409 that names the product, so a retry can see that it is there."""
        read_query(request, NoQuery)
        new = NewProduct(data=request.data)
        new.is_valid(raise_exception=True)
        product = Product(**new.validated_data)
        product.save(by=cast("Any", request.user))
        product = self.get_queryset().get(pk=product.pk)
        headers = {"Location": request.build_absolute_uri(f"/api/products/{product.pk}")}
        return shown(request, product, status.HTTP_201_CREATED, headers)

    @extend_schema(
        summary="Change a product", request=ProductChange, responses=ProductAnswer, parameters=[IF_MATCH_REQUIRED]
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a product, as it was when you looked: `If-Match` is required, and compared under the lock."""
        read_query(request, NoQuery)
        change = ProductChange(data=request.data)
        change.is_valid(raise_exception=True)
        # A copy for each try, as applying it takes it apart.
        whole(lambda: self._apply(self._locked(request, pk, required=True), dict(change.validated_data)))
        return shown(request, self.get_object())

    @extend_schema(summary="Retire a product", responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, pk: int) -> Response:
        """Retire a product: it is not sold any more, and stays for the orders that name it."""
        read_query(request, NoQuery)
        whole(lambda: self._locked(request, pk).retire(by=cast("Any", request.user)))
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


def wanted(products: ProductQuerySet, query: dict[str, Any]) -> ProductQuerySet:
    """Those of `products` that the query string asks for."""
    products = products.retired() if query.get("retired") else products.on_sale()
    columns = {"category": "category__slug", "sku": "sku", "price_min": "price__gte", "price_max": "price__lte"}
    columns["changed_since"] = "updated_at__gte"
    products = products.filter(**{column: query[name] for name, column in columns.items() if name in query})
    if not settings.LIST_OUT_OF_STOCK or query.get("in_stock") is True:
        products = products.in_stock()
    if query.get("in_stock") is False:
        products = products.sold_out()
    return products.search(query["search"]) if "search" in query else products


def shown(
    request: Request, product: Product, code: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
) -> Response:
    """The answer that shows one product, with its ETag."""
    return answer(request, product_body(product), code=code, headers=headers, etag=etag_of_product(product))


def etag_of_product(product: Product) -> str:
    """`"content-stock"`: two parts, as a change must only have seen the first."""
    body = product_body(product)
    content = etag_of({name: value for name, value in body.items() if name not in NOT_CONTENT})
    return f'{content[:-1]}-{product.stock}"'


def content_part(etag: str) -> str:
    return etag.rpartition("-")[0]
