//! The validator's and the signer's REST.

mod keys;
mod sign_seal;
mod sign_vote;
mod start;
mod status;
mod stop;

use synod_service::{Token, docs};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::signer::LocalSigner;
use crate::state::State;

/// The validator's name and description in its document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Synod validator",
        description = "Seals blocks and signs votes under slashing protection. The routes of the \
            tag `signer` are served by `synod-validator signer` only, which holds keys for \
            validators on other machines.",
        contact(name = "Synod")
    ),
    tags(
        (name = "validator", description = "What the validator does and should do."),
        (name = "signer", description = "Signatures for typed messages, under protection."),
        (name = "service", description = "Health and metrics, the same in every service."),
    )
)]
struct Document;

/// Returns the document that the service's own routes are added to.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The validator's routes.
pub(crate) fn routes(token: &Token) -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .merge(token.protect(writes()))
}

fn writes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(start::start))
        .routes(routes!(stop::stop))
}

/// The signer's routes, all of which want the token.
pub(crate) fn signer_routes(token: &Token) -> OpenApiRouter<LocalSigner> {
    token.protect(signer())
}

fn signer() -> OpenApiRouter<LocalSigner> {
    OpenApiRouter::new()
        .routes(routes!(keys::keys))
        .routes(routes!(sign_seal::sign_seal))
        .routes(routes!(sign_vote::sign_vote))
}

/// Returns the OpenAPI document of validator and signer, as `/openapi.json` serves its parts.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, validator) = OpenApiRouter::with_openapi(document())
        .routes(routes!(status::status))
        .merge(writes())
        .split_for_parts();
    let (_, signer) = OpenApiRouter::new().merge(signer()).split_for_parts();
    let mut own = validator;
    own.merge(signer);
    docs::complete(own)
}
