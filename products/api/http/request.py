"""The request as the API's views see it."""

from django.contrib.auth.models import User
from rest_framework.request import Request

from products.models import ApiToken


class ApiRequest(Request):
    """DRF's request in a view that requires a token. For annotations only: DRF's own allows for anonymous users."""

    user: User
    auth: ApiToken
