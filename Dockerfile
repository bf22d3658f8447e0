# syntax=docker/dockerfile:1
# Builds the plugin from this folder and puts it into Grafana; also the nodes of the demo. docker-compose.yaml uses both.
ARG GRAFANA_VERSION=12.4.10
ARG GO_VERSION=1.26
ARG NODE_VERSION=22

FROM node:${NODE_VERSION}-bookworm-slim AS frontend
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM golang:${GO_VERSION}-bookworm AS backend
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go tool mage backend && CGO_ENABLED=0 go build -trimpath -o /out/nodes ./pkg/cmd/simnode && \
    CGO_ENABLED=0 go build -trimpath -o /out/storj_monitor ./pkg/cmd/storj_monitor && mkdir /out/logs

# Simulated nodes to look at, for a first visit without a storage node. Their logs are in the volume /logs.
FROM scratch AS nodes
COPY --from=backend /out/nodes /nodes
COPY --from=backend --chown=65534:65534 /out/logs /logs
USER 65534:65534
EXPOSE 14002-14006
VOLUME /logs
ENTRYPOINT ["/nodes"]
CMD ["--demo", "/logs", "--demo-listen", "0.0.0.0:14002", "--advertise", "nodes"]

FROM grafana/grafana:${GRAFANA_VERSION} AS grafana
USER root
# The plugin stays in the image and what it learns in the volume /data: a newer image then brings a newer plugin. Where it
# keeps its data can be said in grafana.ini only: Grafana reads no environment variable for a plugin's own section.
RUN mkdir -p /data && chown 472:0 /data && \
    printf '\n[plugin.storagenode-monitor-datasource]\ndata_dir = /data/storagenode-monitor-datasource\n' >> /etc/grafana/grafana.ini
COPY --from=frontend /src/dist /var/lib/grafana/plugins/storagenode-monitor-datasource
COPY --from=backend --chmod=0755 /src/dist/gpx_storagenode_monitor_* /var/lib/grafana/plugins/storagenode-monitor-datasource/
# The command line, for a look from where the plugin is: docker compose exec grafana storj_monitor check --node …
COPY --from=backend /out/storj_monitor /usr/local/bin/storj_monitor
COPY provisioning /etc/grafana/provisioning
USER 472
ENV GF_PATHS_DATA=/data \
    GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=storagenode-monitor-datasource
VOLUME /data
