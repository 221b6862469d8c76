# The image of a worker: a supervisor that starts as root (with the four capabilities that compose.yaml or the fleet
# leave it) and runs each job as a user without any. Builds with BuildKit and with the classic builder:
#
#     docker build -f docker/worker.Dockerfile -t hive-worker .
#     docker build -f docker/worker.Dockerfile -t hive-worker --build-arg AGENTS="@anthropic-ai/claude-code@2.1.197" .
#
# BASE_IMAGE   a Debian with Node 24 or newer and npm
# AGENTS       npm packages of agent CLIs, each pinned as name@1.2.3, separated by spaces. Default: none
# BUILD_TOOLS  0 leaves out the C and C++ compiler, which is two thirds of the packages' size. Default: 1
ARG BASE_IMAGE=node:26-bookworm-slim

# Only what npm has to read: a change of code alone then installs nothing anew.
FROM ${BASE_IMAGE} AS source
COPY . /source
WORKDIR /source
RUN mkdir /manifests && cp --parents package.json package-lock.json .npmrc apps/*/package.json packages/*/package.json /manifests

FROM ${BASE_IMAGE} AS code
WORKDIR /opt/hive
COPY --from=source /manifests /opt/hive
RUN npm ci --omit=dev --ignore-scripts --no-update-notifier -w apps/worker \
 && rm -rf node_modules/@hive/cli node_modules/@hive/dispatcher node_modules/@hive/sdk node_modules/@hive/web
COPY --from=source /source/packages/core /opt/hive/packages/core
COPY --from=source /source/packages/protocol /opt/hive/packages/protocol
COPY --from=source /source/apps/worker /opt/hive/apps/worker
# Names the code in the image: two images with the same build id run the same program. Nobody but root may change it.
RUN rm -rf apps/cli apps/dispatcher apps/web packages/sdk \
 && find apps packages package-lock.json -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum \
  | sha256sum | cut -d " " -f 1 > build-id \
 && chmod -R a+rX,go-w /opt/hive

FROM ${BASE_IMAGE}
# What jobs of most languages need: git over https and ssh, archives, a search, Python with its own environments.
# Other languages come with a pool's own image. util-linux (setpriv, unshare) and procps (ps) are the supervisor's.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates curl git jq openssh-client procps python3 \
    python3-venv ripgrep unzip util-linux xz-utils zip > /dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/*.log /var/log/apt
# A compiler, for packages that bring C or C++ code.
ARG BUILD_TOOLS=1
RUN test "$BUILD_TOOLS" = 0 || { export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends g++ libc6-dev make patch pkg-config > /dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/*.log /var/log/apt; }
# Programs look their user up (ssh refuses to run without a name): the users that jobs run as, one for each slot.
RUN for slot in $(seq 0 99); do \
      echo "agent-$slot:x:$((20000 + slot)):$((20000 + slot))::/workspace:/bin/bash" >> /etc/passwd; \
      echo "agent-$slot:x:$((20000 + slot)):" >> /etc/group; \
    done
ARG AGENTS=""
RUN for agent in $AGENTS; do \
      expr "$agent" : '.*[^@]@[0-9][0-9.]*[0-9]$' > /dev/null \
      || { echo "AGENTS: \"$agent\" is not pinned; write it as name@1.2.3"; exit 1; }; \
    done \
 && if [ -n "$AGENTS" ]; then \
      npm install --global --no-update-notifier --no-fund --no-audit $AGENTS && npm cache clean --force \
      && chmod -R a+rX,go-w "$(npm root --global)"; \
    fi
# Empty places that the container's own file systems are mounted over; the root file system itself is read-only.
RUN mkdir -m 0700 /run/hive && mkdir /workspace /mirrors
COPY --from=code /opt/hive /opt/hive
# One start writes down what Node compiled: workers that live for one job only start in half the time. It ends at once,
# for it is told nothing of a server.
ENV NODE_COMPILE_CACHE=/opt/hive/compile-cache
RUN node /opt/hive/apps/worker/src/main.ts 2> /dev/null; test -n "$(ls -A "$NODE_COMPILE_CACHE")" && chmod -R a+rX,go-w "$NODE_COMPILE_CACHE"
ENV HIVE_PROVIDER=docker HIVE_WORKER_DATA=/workspace HIVE_CONTACT_FILE=/run/hive/contact HIVE_LOG=text
WORKDIR /workspace
# A worker that talked to its server within the last 90 seconds is well: it asks for work, or beats, far more often.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=2 \
  CMD ["/bin/sh", "-c", "test -n \"$(find \"$HIVE_CONTACT_FILE\" -newermt '90 seconds ago' 2> /dev/null)\""]
ENTRYPOINT ["node", "/opt/hive/apps/worker/src/main.ts"]
