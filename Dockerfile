# All programs of Synod in one image. The base images are arguments, so that an installation
# without access to a public registry can use its own.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --workspace --bins && mkdir /out \
    && cp target/release/synod target/release/synod-node target/release/synod-miner \
          target/release/synod-explorer target/release/synod-wallet /out/ \
    && strip --strip-debug /out/*

FROM ${RUN_IMAGE}
COPY --from=build /out/ /usr/local/bin/
COPY docker/devnet.toml /etc/synod/devnet.toml
# Nobody in particular; volumes belong to this user.
USER 10001:10001
ENTRYPOINT []
CMD ["synod", "--help"]
