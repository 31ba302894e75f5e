# The image of every Muniment process: docker build -t muniment:0.1.0 .
# What is installed comes from the lock file, hash by hash. The second stage gets the finished environment and
# compiles nothing; no stage sees a secret, and none of the files that .dockerignore holds back.

FROM python:3.13.15-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/muniment
COPY requirements/run.txt /build/requirements.txt
RUN /opt/muniment/bin/pip install --require-hashes -r /build/requirements.txt
COPY pyproject.toml README.md LICENSE /build/
# The same packages as pyproject.toml finds; a test holds the two lists together.
COPY core /build/core
COPY vault /build/vault
COPY audit /build/audit
COPY accounts /build/accounts
COPY records /build/records
COPY exports /build/exports
COPY ingest /build/ingest
COPY search /build/search
COPY retention /build/retention
COPY app /build/app
COPY api /build/api
RUN /opt/muniment/bin/pip install --no-deps --no-build-isolation /build

FROM python:3.13.15-slim-bookworm
# More languages to read: --build-arg OCR_PACKAGES="tesseract-ocr-fra tesseract-ocr-ron"
ARG OCR_PACKAGES=""
# A volume that is mounted on one of the three folders for the first time takes over its owner and mode.
RUN if [ -n "$OCR_PACKAGES" ]; then \
        apt-get update && apt-get install -y --no-install-recommends $OCR_PACKAGES && rm -rf /var/lib/apt/lists/*; \
    fi \
    && groupadd --gid 10001 muniment \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin muniment \
    && install -d -o muniment -g muniment -m 0700 /data /keys /log-key
COPY --from=build /opt/muniment /opt/muniment
# The root is read-only: nothing is written beside the code.
ENV PATH=/opt/muniment/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MUNIMENT_DATA=/data \
    MUNIMENT_KEYS=/keys
USER 10001:10001
WORKDIR /data
EXPOSE 8470
ENTRYPOINT ["muniment"]
CMD ["serve"]
