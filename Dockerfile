# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.12-slim

# --- Build stage: dependencies, static files and bytecode; no build tool is copied into the image ----------------
FROM ${PYTHON_IMAGE} AS build

ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
# pip compiles what it installs. Left out are the translations of pages, which are in English; those of dates and
# amounts, django/conf/locale, are for mails.
COPY requirements.txt /tmp/requirements.txt
RUN /venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.txt \
    && /venv/bin/pip uninstall --yes pip \
    && find /venv -name '*.po' -delete \
    && find /venv -path '*/site-packages/*/locale' -not -path '*/django/conf/*' -prune -exec rm -r {} +

WORKDIR /app
COPY manage.py gunicorn.conf.py LICENSE ./
COPY shop shop
COPY products products
# These secrets exist for this command only; the image contains none. Swagger UI's files are collected, so the originals
# can go, like Redoc, which no page uses, and the source maps.
RUN DEBUG=false ALLOWED_HOSTS=localhost DATABASE_URL=postgres://localhost/shop \
    SECRET_KEY="$(/venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    /venv/bin/python manage.py collectstatic --noinput \
    && rm -r /venv/lib/python3*/site-packages/drf_spectacular_sidecar/static staticfiles/drf_spectacular_sidecar/redoc \
    && find staticfiles -name '*.map*' -delete \
    && /venv/bin/python -m compileall -q .

# --- The image: production settings; it does not start without SECRET_KEY, ALLOWED_HOSTS and DATABASE_URL --------
FROM ${PYTHON_IMAGE}

# What was built, from which commit and upon what; `make image` says it.
ARG PYTHON_IMAGE VERSION=unknown REVISION=unknown
LABEL org.opencontainers.image.title="Shop" \
      org.opencontainers.image.description="A products-and-orders REST API that never sells what it does not have" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"

RUN groupadd --gid 10001 shop && useradd --uid 10001 --gid shop --no-create-home --home-dir /nonexistent shop

COPY --from=build /venv /venv
COPY --from=build /app /app

WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DEBUG=false LISTEN_ON=0.0.0.0 PORT=8000
# Return blocks of 1 MiB and more to the system: argon2 needs 19 MiB per password, which glibc would keep per thread.
ENV MALLOC_MMAP_THRESHOLD_=1048576
# A numeric user, so that a platform can check that it is not root.
USER 10001:10001
EXPOSE 8000
# For the servers; Kubernetes ignores it, and compose.yaml switches it off for the workers. It asks no database.
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + os.environ.get('SCRIPT_NAME', '') + '/health/live')"]
CMD ["gunicorn", "shop.wsgi"]
