# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.12-slim

# --- Build stage: dependencies, static files and bytecode; no build tool is copied into the image ----------------
FROM ${PYTHON_IMAGE} AS build

ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
RUN /venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.txt \
    && /venv/bin/pip uninstall --yes pip \
    && /venv/bin/python -m compileall -q /venv/lib

WORKDIR /app
COPY manage.py gunicorn.conf.py LICENSE ./
COPY shop shop
COPY products products
# These secrets exist for this command only; the image contains none.
RUN DEBUG=false ALLOWED_HOSTS=localhost DATABASE_URL=postgres://localhost/shop \
    SECRET_KEY="$(/venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    /venv/bin/python manage.py collectstatic --noinput \
    && /venv/bin/python -m compileall -q .

# --- The image: production settings; it does not start without SECRET_KEY, ALLOWED_HOSTS and DATABASE_URL --------
FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="Shop" \
      org.opencontainers.image.description="A products-and-orders REST API that never sells what it does not have" \
      org.opencontainers.image.licenses="MIT"

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
CMD ["gunicorn", "shop.wsgi"]
