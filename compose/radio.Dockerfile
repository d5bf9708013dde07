# The station: the supervisor, and Debian's FFmpeg, which can read ALSA devices.
# The images of this folder begin alike, so that they share layers.
ARG DEBIAN=debian:trixie-20260918-slim@sha256:a99cfc517144bc59b1978475ec53b46ecabec7e43635402ee5b77cc54cd1b20a

FROM ${DEBIAN} AS python
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

FROM python AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/radio-supervisor
COPY requirements.lock /build/
# wheels alone: nothing is compiled, on any architecture
RUN /opt/pip/bin/pip --python /opt/radio-supervisor/bin/python install \
      --require-hashes --only-binary :all: -r /build/requirements.lock
COPY pyproject.toml README.md LICENSE /build/
COPY ffmpeg_profiles /build/ffmpeg_profiles
COPY radio-client /build/radio-client
COPY supervisor /build/supervisor
RUN /opt/pip/bin/pip --python /opt/radio-supervisor/bin/python install --no-deps --no-build-isolation /build

FROM ${DEBIAN}
# FFmpeg can also show pictures; the graphics drivers for that are half of what it brings along, and there is no screen
RUN printf 'path-exclude /usr/lib/*/%s*\n' libLLVM libgallium libz3 >/etc/dpkg/dpkg.cfg.d/no-screen \
 && apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg=7:7.1.* python3 \
 && rm -rf /var/lib/apt/lists/*
# where the compose file mounts the recordings and the operator's settings (as .env)
RUN install -d -o 1000 -g 1000 /recordings && install -d /etc/radio-server
COPY compose/keep-on-air /usr/local/bin/
COPY --from=build /opt/radio-supervisor /opt/radio-supervisor
ENV PATH=/opt/radio-supervisor/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    RADIO_RECORDINGS_DIR=/recordings
WORKDIR /etc/radio-server
USER 1000:1000
ENTRYPOINT ["keep-on-air"]
CMD ["start"]
LABEL org.opencontainers.image.title="radio-supervisor" \
      org.opencontainers.image.description="A lossless internet radio without a streaming server: ALSA to a bucket" \
      org.opencontainers.image.licenses="MIT AND BSD-3-Clause AND LGPL-3.0-or-later"
