# One image for the whole system: the six binaries, git, ssh and tini.
#
# One and not five, so that the five services are always of one version, a node pulls it once, and `coditect migrate`
# and `coditect status` are at hand wherever a service runs. Every container names the binary it runs.
#
#   docker build -t coditect:dev .                                       builds the dashboard and the binaries inside
#   docker build -t coditect:dev --build-arg PROFILE=dev .               quicker to build, slower to run
#   docker build -t coditect:dev --target prebuilt .                     takes binaries that were built outside, from
#                                                                        target/container (`cargo xtask images` does)
#
# An engine without BuildKit makes every stage: there, `mkdir -p target/container` first.
#
# Agents' own programs do not come with it: make an image `FROM` this one that installs them, for executors alone.

ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG RUST_IMAGE=rust:1.95-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# What they run on: nobody in particular, a place for data that any user may write, and tini, which takes over what a
# service leaves behind and hands signals on.
FROM ${DEBIAN_IMAGE} AS base
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 1000 coditect \
 && useradd --uid 1000 --gid 1000 --create-home --shell /usr/sbin/nologin coditect \
 && mkdir --mode 1777 /data \
 && mkdir /repo && chown coditect:coditect /repo
# Folders of their own in there, which they can protect. Besides /data, /repo and /tmp a service only reads.
ENV CODITECT_EXECUTOR__DATA_DIR=/data/executor CODITECT_PLAN__DATA_DIR=/data/plan
WORKDIR /data
USER 1000:1000
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["coditect", "--help"]

# Comes before the stages that build, as engines without BuildKit make every stage above the one that is asked for.
FROM base AS prebuilt
COPY target/container/ /usr/local/bin/

# The dashboard. What it is made of first, which changes less often than itself.
FROM ${NODE_IMAGE} AS dashboard
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci
COPY dashboard/ ./
RUN npm run build

# The binaries, with the dashboard inside the orchestrator's.
FROM ${RUST_IMAGE} AS build
ARG PROFILE=release
WORKDIR /src
COPY . .
COPY --from=dashboard /src/dashboard/dist dashboard/dist
RUN cargo build --locked --profile "$PROFILE" --bins \
      --package coditect --package orchestrator --package sync-daemon --package dependency-resolver \
      --package task-dispatcher --package agent-executor \
 && if [ "$PROFILE" = dev ]; then built=target/debug; else built="target/$PROFILE"; fi \
 && mkdir /out \
 && cd "$built" \
 && cp coditect orchestrator sync-daemon dependency-resolver task-dispatcher agent-executor /out/

# The last stage is what `docker build` makes when no target is named.
FROM base AS coditect
COPY --from=build /out/ /usr/local/bin/
