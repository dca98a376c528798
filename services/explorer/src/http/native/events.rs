//! `GET /v1/events`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::error::RecvError;

use crate::follow::LiveEvent;
use crate::http::state::Explorer;

/// The longest silence on a stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What changes, as server-sent events
///
/// Each event says that something changed; what it changed to is read from the other routes. So
/// a listener that was away needs nothing but to read again.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "streamEvents",
    tag = "synod",
    responses(
        (status = 200, description = "A stream of `tip`, `reorg`, `mempool` and `resync` events.", body = LiveEvent, content_type = "text/event-stream"),
        (status = 503, description = "Too many listeners.", body = synod_api::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn stream(
    State(explorer): State<Explorer>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = explorer.live.listen();
    let shutdown = explorer.shutdown.clone();
    let events = stream::unfold(
        (receiver, shutdown),
        |(mut receiver, shutdown)| async move {
            let event = tokio::select! {
                () = shutdown.stopping() => return None,
                event = receiver.recv() => event,
            };
            let event = match event {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => LiveEvent::Resync,
                Err(RecvError::Closed) => return None,
            };
            // The only failure is a value that is not JSON, which these are not.
            let message = Event::default()
                .event(event.name())
                .json_data(&event)
                .unwrap_or_default();
            Some((Ok(message), (receiver, shutdown)))
        },
    );
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}
