"""The API's addresses. They are written without the trailing slash, and answer with it as well."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.routers import SimpleRouter

from products.api.views.orders import OrderViewSet
from products.api.views.products import ProductViewSet
from products.api.views.tokens import TokenView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api/products", ProductViewSet, "product")
router.register("api/orders", OrderViewSet, "order")

urlpatterns = [
    path("api-token-auth", TokenView.as_view(), name="token"),
    path("api/schema", SpectacularJSONAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"),
    *router.urls,
]
