# The listener's page, served by Deno as Deno Deploy does it.
ARG DEBIAN=debian:trixie-20260918-slim@sha256:a99cfc517144bc59b1978475ec53b46ecabec7e43635402ee5b77cc54cd1b20a

FROM ${DEBIAN} AS python
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

# Deno's own binary for this architecture, from PyPI, where its hash can be held to
FROM python AS deno
COPY compose/client.lock /
RUN python3 -m venv /opt/deno \
 && /opt/deno/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r /client.lock

FROM ${DEBIAN}
COPY --from=deno /opt/deno/bin/deno /usr/local/bin/deno
ENV DENO_DIR=/deno DENO_NO_UPDATE_CHECK=1
WORKDIR /client
COPY radio-client/deno.json radio-client/deno.lock ./
COPY radio-client/main.tsx ./
RUN deno install --frozen --entrypoint main.tsx
COPY radio-client/page page
COPY radio-client/player player
USER 1000:1000
ENV DENO_SERVE_ADDRESS=tcp:0.0.0.0:3000
EXPOSE 3000
ENTRYPOINT ["deno", "run", "--cached-only", "--frozen", "--no-prompt", "--allow-env=R2_PUBLIC_URL,STATION_NAME", "--allow-read=/client"]
# whoever knows where the bucket is narrows this: --allow-net=0.0.0.0:3000,HOST
CMD ["--allow-net", "main.tsx"]
LABEL org.opencontainers.image.title="radio-client" \
      org.opencontainers.image.description="The listener's page of radio-supervisor, served by Deno" \
      org.opencontainers.image.licenses="MIT AND BSD-3-Clause AND LGPL-3.0-or-later"
