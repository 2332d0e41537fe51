# FiLot's images: `backend` for all but the worker, `ocr-gpu` for the worker.
#
#   docker build --target backend -t filot-backend .
#   docker run --read-only --tmpfs /tmp --env-file settings filot-backend filot-migrate up
#   docker run --gpus all --read-only --tmpfs /tmp --env-file settings filot-ocr-gpu
#
# Both are made from nothing but Debian 13's files that the commands in them
# need: no shell, no package manager, nothing setuid. What is in an image is
# told by /usr/share/filot/sbom.spdx.json and, for scanners, dpkg's status.
#
# The worker has code for GPUs (CUDA 12.4, drivers from 525 on) and reads
# without one, too. CUDA's compiler, from Debian's section non-free, stays
# behind in the stage `cuda`: all that is taken from it is the runtime's
# static library. --build-arg CUDA_ARCHS=86 builds for one kind of GPU only.
#
# Same inputs, same digest: SOURCE_DATE_EPOCH is the one time in an image,
# BASE_DIGEST pins Debian's image and SNAPSHOT its archive:
#
#   --build-arg BASE_DIGEST=sha256:… --build-arg SNAPSHOT=20261121T120000Z
#
# With neither, a build takes Debian's newest packages. The deployment scripts
# take both from infra/settings.
ARG BASE=docker.io/library/debian:trixie-slim
ARG BASE_DIGEST=

FROM ${BASE}${BASE_DIGEST:+@${BASE_DIGEST}} AS packages
ARG SNAPSHOT=
WORKDIR /src
COPY scripts/lib/common.sh scripts/lib/packages.sh scripts/lib/
RUN bash -euc ' \
    if [[ -n $SNAPSHOT ]]; then \
      rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; \
      for suite in debian/trixie debian/trixie-updates debian-security/trixie-security; do \
        echo "deb [check-valid-until=no] http://snapshot.debian.org/archive/${suite%/*}/$SNAPSHOT ${suite#*/} main"; \
      done >/etc/apt/sources.list; \
    fi; \
    apt-get -q update; \
    apt-get -q -y upgrade; \
    source scripts/lib/common.sh; \
    source scripts/lib/packages.sh; \
    dependencies_install build; \
    packages_install jq tini tesseract-ocr-osd fonts-liberation poppler-data'

FROM packages AS cuda
ARG SNAPSHOT=
COPY scripts/build-image-cuda scripts/
RUN scripts/build-image-cuda

FROM packages AS build
COPY . .
ARG VERSION=0.1.0
RUN make -j"$(nproc)" VERSION="$VERSION" PREFIX=/usr DESTDIR=/installed install
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
RUN scripts/build-image-root /installed /root-backend backend \
      filot-api filot-buli2 filot-enqueue filot-healthd filot-migrate filot-requeue filot-smoke filot-temporal \
      -- tini ca-certificates

# What `build` has made, and the code for GPUs.
FROM cuda AS build-gpu
COPY --from=build /src /src
ARG VERSION=0.1.0
ARG CUDA_ARCHS
RUN make -j"$(nproc)" VERSION="$VERSION" PREFIX=/usr DESTDIR=/installed install
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
RUN scripts/build-image-root /installed /root-ocr-gpu ocr-gpu \
      filot-ocr-gpu filot-healthd \
      -- tini ca-certificates tesseract-ocr-eng tesseract-ocr-osd fontconfig-config fonts-liberation poppler-data

FROM scratch AS backend
COPY --from=build /root-backend /
ARG BASE
ARG BASE_DIGEST
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="FiLot backend" \
      org.opencontainers.image.description="API, health, migrations, smoke tests, BULI2, Temporal and the queue's tools" \
      org.opencontainers.image.vendor="FiLot" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
ENV PATH=/usr/bin
USER 10001:10001
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
# Kept by docker, and by podman and buildah with --format docker; ECS goes by
# the task definition, which says the same.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["filot-healthd", "--probe", "http://127.0.0.1:8080/livez"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["filot-api"]

FROM scratch AS ocr-gpu
COPY --from=build-gpu /root-ocr-gpu /
ARG BASE
ARG BASE_DIGEST
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="FiLot OCR worker" \
      org.opencontainers.image.description="The worker that reads documents, with its reader processes, models and health" \
      org.opencontainers.image.vendor="FiLot" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-only AND LicenseRef-NVIDIA-CUDA" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
# NVIDIA's container runtime puts the driver in: that of all GPUs, unless who
# starts the container says otherwise, as ECS does for the one of the task.
ENV PATH=/usr/bin \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
# The worker listens nowhere: its container ends with it, and healthd tells
# when its heartbeat stops. A healthd of this image is probed by its task.
HEALTHCHECK NONE
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["filot-ocr-gpu", "--queue"]
