//! `/openapi.json` and `/docs`, offline.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Server};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::Config;

use crate::{ApiError, Health, Metrics, cache, health, metrics};

/// The name under which a document's operations ask for the bearer token.
pub const BEARER: &str = "bearer";

/// What the pages load and no more; Swagger UI sets styles on elements.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Adds what all services' documents have: the kit's routes, the server, the token's scheme.
#[must_use]
pub fn complete(mut document: OpenApi) -> OpenApi {
    let (_, own) = OpenApiRouter::new()
        .merge(health::routes(Health::default()))
        .merge(metrics::routes(Metrics::default()))
        .split_for_parts();
    document.merge(own);
    document.servers = Some(vec![Server::new("/")]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "The operator's token from the 0600 file in the data directory.",
        ))
        .build();
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    document
}

/// Writes a document as it is committed: pretty, with a final line break.
///
/// # Errors
/// The document has a part that is not JSON.
pub fn to_json(document: &OpenApi) -> Result<String, serde_json::Error> {
    Ok(document.to_pretty_json()? + "\n")
}

/// A document written once, and the settings of its page.
#[derive(Clone)]
pub(crate) struct Documents {
    json: Bytes,
    etag: String,
    page: Arc<Config<'static>>,
}

impl Documents {
    pub(crate) fn new(document: &OpenApi) -> Self {
        let json = to_json(document).unwrap_or_else(|error| {
            tracing::error!(%error, "the OpenAPI document could not be written");
            "{}\n".to_owned()
        });
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let page = Config::new(["/openapi.json"])
            .try_it_out_enabled(true)
            .validator_url("none");
        Self {
            json: json.into(),
            etag,
            page: Arc::new(page),
        }
    }
}

pub(crate) fn routes(documents: Documents) -> Router {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(index))
        .route("/docs/{*file}", get(file))
        .with_state(documents)
}

async fn document(State(documents): State<Documents>, headers: HeaderMap) -> Response {
    cache::revalidated(&headers, &documents.etag, || {
        (
            [(header::CONTENT_TYPE, "application/json")],
            documents.json.clone(),
        )
            .into_response()
    })
}

async fn index(State(documents): State<Documents>, headers: HeaderMap) -> Response {
    page(&documents, "", &headers)
}

async fn file(
    State(documents): State<Documents>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    page(&documents, &file, &headers)
}

/// Serves a file of Swagger UI from the program itself.
fn page(documents: &Documents, file: &str, headers: &HeaderMap) -> Response {
    match utoipa_swagger_ui::serve(file, Arc::clone(&documents.page)) {
        Ok(Some(found)) => cache::revalidated(headers, &documents.etag, || {
            let fields = [
                (header::CONTENT_TYPE, found.content_type.as_str()),
                (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            ];
            (fields, found.bytes.into_owned()).into_response()
        }),
        Ok(None) => ApiError::not_found("There is no such page.").into_response(),
        Err(error) => ApiError::internal(error).into_response(),
    }
}
