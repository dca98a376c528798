//! `GET /v1/events`.

use axum::extract::State;
use axum::response::Response;
use synod_api::Problem;
use synod_api::node::Event;
use synod_service::{ApiError, EventRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// The topics of the stream.
const TOPICS: [&str; 3] = ["blocks", "transactions", "finality"];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

/// Streams what happens, as server-sent events.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "streamEvents",
    summary = "Follow events",
    description = "Server-sent events: blocks connected and disconnected, reorganisations, \
                   transactions. `Last-Event-ID` resumes, also when the node was started again \
                   meanwhile; a reader that fell too far behind gets `resync` and reads the chain \
                   and the mempool again.",
    params(
        ("topics" = Option<String>, Query, description = "Topics by commas: blocks, transactions, finality; all by default"),
        ("last_event_id" = Option<u64>, Query, description = "As the header Last-Event-ID"),
    ),
    responses(
        (status = 200, description = "The stream; each event's data is one object", body = Event, content_type = "text/event-stream"),
        (status = 400, description = "A topic is not known", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There are too many streams", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stream_events(
    State(state): State<AppState>,
    request: EventRequest,
) -> Result<Response, ApiError> {
    request.check_topics(&TOPICS)?;
    Ok(state.events.respond(request, &state.shutdown))
}
