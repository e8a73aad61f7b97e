"""The API's URLs. They have no trailing slash; the middleware accepts one."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from products.api.views.addresses import AddressViewSet
from products.api.views.cart import CartViewSet
from products.api.views.categories import CategoryViewSet
from products.api.views.customers import CustomerViewSet
from products.api.views.docs import DocsView, SchemaView
from products.api.views.events import EventTypesView, FeedView
from products.api.views.fulfilment import FulfilmentViewSet
from products.api.views.orders import OrderViewSet
from products.api.views.products import ProductViewSet
from products.api.views.stock import BulkStockView, StockView
from products.api.views.tokens import OwnTokenViewSet, TokenView
from products.api.views.webhooks import WebhookViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api/products", ProductViewSet, "product")
router.register("api/orders", OrderViewSet, "order")
router.register("api/categories", CategoryViewSet, "category")
router.register("api/addresses", AddressViewSet, "address")
router.register("api/customers", CustomerViewSet, "customer")
router.register("api/webhooks", WebhookViewSet, "webhook")

urlpatterns = [
    *router.urls,  # First, because the first match is used and most requests are for these.
    path("api/orders/<uuid:pk>/shipments", FulfilmentViewSet.as_view({"get": "shipments"}), name="order-shipments"),
    path(
        "api/orders/<uuid:pk>/shipments/<int:number>",
        FulfilmentViewSet.as_view({"patch": "correct_tracking"}),
        name="order-shipment",
    ),
    path(
        "api/orders/<uuid:pk>/cancellations",
        FulfilmentViewSet.as_view({"get": "cancellations"}),
        name="order-cancellations",
    ),
    path("api/orders/<uuid:pk>/returns", FulfilmentViewSet.as_view({"get": "returns"}), name="order-returns"),
    path(
        "api/orders/<uuid:pk>/refunds",
        FulfilmentViewSet.as_view({"get": "refunds", "post": "refund"}),
        name="order-refunds",
    ),
    path("api/cart", CartViewSet.as_view({"get": "show", "patch": "describe", "delete": "empty"}), name="cart"),
    path("api/cart/checkout", CartViewSet.as_view({"post": "checkout"}), name="checkout"),
    path(
        "api/cart/lines/<int:product>",
        CartViewSet.as_view({"put": "put_line", "delete": "remove_line"}),
        name="cart-line",
    ),
    path("api/products/<int:pk>/stock", StockView.as_view(), name="stock"),
    path("api/stock", BulkStockView.as_view(), name="bulk-stock"),
    path("api/events", FeedView.as_view(), name="events"),
    path("api/events/types", EventTypesView.as_view(), name="event-types"),
    path("api/tokens", OwnTokenViewSet.as_view({"get": "list", "delete": "revoke_all"}), name="own-tokens"),
    path("api/tokens/<int:pk>", OwnTokenViewSet.as_view({"delete": "revoke"}), name="own-token"),
    path("api-token-auth", TokenView.as_view(), name="token"),
    path("api/docs", DocsView.as_view(), name="docs"),
    path("api/schema", SchemaView.as_view(), name="schema"),
]
