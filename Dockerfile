# Two images from one file: `web` without torch, `worker` with it.
#   docker build --target web -t concord-web .
#   docker build --target worker -t concord-worker .
# A worker without a GPU is much smaller with torch's CPU build:
#   --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

FROM python:3.11-slim-bookworm AS python
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

FROM python AS web-packages
RUN python -m venv /opt/venv
COPY requirements-web.txt ./
RUN pip install --requirement requirements-web.txt

FROM web-packages AS worker-packages
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt ./
RUN pip install --requirement requirements.txt

# The code belongs to root and is only read; what is written goes to /app/var.
FROM python AS site
ENV STATIC_ROOT=/app/static
RUN useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin concord \
    && install --directory --owner concord --group concord var
COPY requirements-model.txt manage.py ./
COPY templates ./templates
COPY locale ./locale
COPY annotation ./annotation
COPY training ./training
COPY webapp ./webapp

FROM site AS worker
COPY --from=worker-packages /opt/venv /opt/venv
USER concord
CMD ["celery", "--app", "webapp", "worker", "--queues", "gpu", "--hostname", "gpu@%h", "--pool", "solo", "--loglevel", "WARNING"]

FROM site AS web
COPY --from=web-packages /opt/venv /opt/venv
# The key is for this one command; the image keeps none.
RUN SECRET_KEY=only-to-collect-static-files python manage.py collectstatic --noinput
USER concord
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(web.Request('http://127.0.0.1:8000/healthz', headers={'Host': os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0]}), timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "--blocking-threads", "8", "--respawn-failed-workers", "webapp.wsgi:application"]
