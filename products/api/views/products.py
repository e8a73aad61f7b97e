"""The catalogue over HTTP."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from products.api.bodies import product_body
from products.api.pagination import KeysetPage
from products.api.permissions import MayReadCatalogue
from products.api.requests import read_query
from products.api.schema import pages_of
from products.api.serializers.pages import NoQuery, PageQuery
from products.api.serializers.products import ProductAnswer
from products.models import Product
from products.models.product_queries import ProductQuerySet


class ProductViewSet(GenericViewSet):
    """What the shop sells."""

    permission_classes = [MayReadCatalogue]
    serializer_class = ProductAnswer
    lookup_value_converter = "int"

    def get_queryset(self) -> ProductQuerySet:
        return Product.objects.select_related("category")

    @extend_schema(parameters=[PageQuery], responses=pages_of(ProductAnswer))
    def list(self, request: Request) -> Response:
        """The products on sale, a page at a time."""
        products = self.get_queryset().on_sale()
        if not settings.LIST_OUT_OF_STOCK:
            products = products.in_stock()
        return KeysetPage(products, ["id"], read_query(request, PageQuery)).respond(request, product_body)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One product, retired or not: old orders still name it."""
        read_query(request, NoQuery)
        return Response(product_body(self.get_object()))
