# The image of the dispatcher, with the mirror keeper (git) and the `hive` command. It runs as user 10000 without any
# capability; group 0, so that workers' supervisors, who are root without the right to read others' files, can be let
# read a file. Builds with BuildKit and with the classic builder:
#
#     docker build -f docker/dispatcher.Dockerfile -t hive-dispatcher .
#
# BASE_IMAGE   a Debian with Node 24 or newer and npm
ARG BASE_IMAGE=node:26-bookworm-slim

# Only what npm has to read: a change of code alone then installs nothing anew.
FROM ${BASE_IMAGE} AS source
COPY . /source
WORKDIR /source
RUN mkdir /manifests && cp --parents package.json package-lock.json .npmrc apps/*/package.json packages/*/package.json /manifests

# The pages of the web UI. The tools that make them, and what they are made of, stay here.
FROM ${BASE_IMAGE} AS pages
WORKDIR /opt/hive
COPY --from=source /manifests /opt/hive
RUN npm ci --ignore-scripts --no-update-notifier -w apps/web
COPY --from=source /source/tsconfig.json /opt/hive/tsconfig.json
COPY --from=source /source/packages /opt/hive/packages
COPY --from=source /source/apps/web /opt/hive/apps/web
RUN NODE_ENV=production node_modules/.bin/vite build --config apps/web/vite.config.ts --logLevel warn

FROM ${BASE_IMAGE} AS code
WORKDIR /opt/hive
COPY --from=source /manifests /opt/hive
RUN npm ci --omit=dev --ignore-scripts --no-update-notifier -w apps/dispatcher -w apps/worker -w apps/cli
COPY --from=source /source/packages /opt/hive/packages
COPY --from=source /source/apps /opt/hive/apps
# Of the web UI nothing but its pages.
RUN rm -rf apps/web
COPY --from=source /source/apps/web/package.json /opt/hive/apps/web/package.json
COPY --from=pages /opt/hive/apps/web/dist /opt/hive/apps/web/dist
# Names the code in the image: two images with the same build id run the same program. Nobody but root may change it.
RUN find apps packages package-lock.json -type f -not -path "*/node_modules/*" -print0 | LC_ALL=C sort -z \
  | xargs -0 sha256sum | sha256sum | cut -d " " -f 1 > build-id \
 && chmod -R a+rX,go-w /opt/hive

FROM ${BASE_IMAGE}
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates git > /dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/*.log /var/log/apt
# A new named volume takes owner and mode from the folder it is mounted over.
RUN echo "hive:x:10000:0:Hive:/var/lib/hive:/usr/sbin/nologin" >> /etc/passwd \
 && install -d -o 10000 -g 0 -m 0700 /var/lib/hive \
 && install -d -o 10000 -g 0 -m 0755 /run/hive \
 && install -d -o 10000 -g 0 -m 0711 /var/lib/hive-mirrors
COPY docker/hive /usr/local/bin/hive
COPY --from=code /opt/hive /opt/hive
ENV HIVE_HOST=0.0.0.0 HIVE_DATA=/var/lib/hive HIVE_RUN=/run/hive HIVE_MIRROR_DATA=/var/lib/hive-mirrors \
    HIVE_WORKERS=0 HIVE_LOG=text \
    HIVE_COMMAND="docker exec hive-dispatcher hive"
USER 10000:0
# Settings may be a hive.yaml in the data folder.
WORKDIR /var/lib/hive
VOLUME ["/var/lib/hive"]
EXPOSE 8099
# One request, answered with 200 as long as jobs are accepted; the shell asks, because starting Node takes longer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/bin/bash", "-c", "exec 3<> /dev/tcp/127.0.0.1/${HIVE_PORT:-8099} && printf 'GET /health/ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && test \"$status\" = 200"]
ENTRYPOINT ["node", "/opt/hive/apps/dispatcher/src/main.ts"]
