"""Which door is where."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from shop.metrics import metrics_view

# Everything that no view has answered for.
handler500 = "shop.outages.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("", include("products.api.urls")),
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
]
