import pytest
from rest_framework.test import APIClient, APIRequestFactory

from products.tests.contract import breaches, document


@pytest.fixture(autouse=True)
def _every_answer_keeps_to_the_document(monkeypatch):
    """Check every response in these tests against the OpenAPI document."""
    document()  # drf-spectacular loads its extensions once, which the threads of a race must not do at the same time.

    def ask(client, method, path, data="", content_type="application/octet-stream", *args, **extra):
        answer = APIRequestFactory.generic(client, method, path, data, content_type, *args, **extra)
        assert list(breaches(answer, data, content_type or "")) == [], f"{method} {path}"
        return answer

    monkeypatch.setattr(APIClient, "generic", ask)
