//! The head of the OpenAPI document; its paths come from the routes.

use utoipa::OpenApi;

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Synod explorer",
        description = "The chain and the mempool of a node: the Esplora API under `/api` (and at \
            the root of a listener of its own, and again under `/api/v1`), extras of \
            mempool.space under `/api/v1`, and what is the explorer's own. Refusals of the first \
            two are plain text, of the last problem documents (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "esplora", description = "The Esplora API, as electrs serves it."),
        (name = "mempool-v1", description = "What mempool.space's API has beyond it."),
        (name = "synod", description = "What is the explorer's own."),
        (name = "service", description = "What every service has."),
    ),
)]
pub(crate) struct Document;
