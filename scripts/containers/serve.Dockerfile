# keel serve, as small as it runs: no MPI, no shell script, a user without rights. From the root of the tree:
#   docker build -f scripts/containers/serve.Dockerfile -t keel-serve .
#   docker run --rm --read-only --tmpfs /tmp --stop-timeout 60 -p 127.0.0.1:8080:8080 -v /data/models:/models:ro keel-serve \
#       /models/chexnet.safetensors --listen 0.0.0.0:8080
# docker stop kills after 10 s, requests under way may take longer: --stop-timeout. The DICOM node's queue wants a volume, and a port:
#   -v keel-queue:/var/lib/keel -p 11112:11112 ... --dicom KEEL@0.0.0.0:11112 --dicom-queue /var/lib/keel/dicom --dicom-peer PACS@host:104
# scripts/containers/serve.yaml runs the same image on Kubernetes.
FROM debian:12-slim AS build
WORKDIR /keel
COPY . .
RUN rm -rf build && bash -c '. scripts/packages.sh && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $KEEL_PACKAGES' \
    && cmake --preset release -DKEEL_TESTS=OFF -DKEEL_BENCH=OFF -DKEEL_MPI=OFF -DKEEL_PYTHON=OFF \
    && cmake --build --preset release --target keel \
    && install -D -s build/release/cli/keel /opt/keel/bin/keel

FROM debian:12-slim
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libdnnl2 libfmt9 libspdlog1.10 libisal2 \
        libjpeg62-turbo libtiff6 libwebp7 libwebpdemux2 libgif7 libdcmtk17 libcharls2 libopenjp2-7 libre2-9 libxxhash0 libgomp1 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --no-log-init --uid 65532 --home-dir /var/lib/keel --create-home --shell /usr/sbin/nologin keel
COPY --from=build /opt/keel /opt/keel
ENV PATH=/opt/keel/bin:$PATH
USER 65532:65532
EXPOSE 8080 11112
STOPSIGNAL SIGTERM
ENTRYPOINT ["keel", "serve"]
