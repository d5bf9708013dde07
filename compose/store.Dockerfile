# An S3 store for development: Ceph's gateway, all in one container, everything in memory.
ARG DEBIAN=debian:trixie-20260918-slim@sha256:a99cfc517144bc59b1978475ec53b46ecabec7e43635402ee5b77cc54cd1b20a

FROM ${DEBIAN}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ceph-mon=18.2.* ceph-osd=18.2.* radosgw=18.2.* s3cmd \
 && rm -rf /var/lib/apt/lists/*
COPY compose/store /opt/store
ENV PATH=/opt/store:/usr/local/bin:/usr/bin:/bin
USER ceph
EXPOSE 9000
CMD ["run-store"]
LABEL org.opencontainers.image.title="radio-dev-store" \
      org.opencontainers.image.description="An S3 store for the development of radio-supervisor: Ceph RGW in memory" \
      org.opencontainers.image.licenses="MIT"
