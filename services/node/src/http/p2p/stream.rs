//! `GET /p2p/v1/stream`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use synod_api::Problem;
use synod_gossip::{Listener, PeerId};
use synod_service::ApiError;

use super::seat::Seat;
use crate::state::AppState;

/// The longest silence of a stream.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Streams announcements to a peer that opened it.
#[utoipa::path(
    get, path = "/p2p/v1/stream", tag = "p2p", operation_id = "streamAnnouncements",
    summary = "Listen to announcements",
    description = "Blocks and transactions as this node gets them, for as long as the sender reads: each \
                   message is a byte for its kind, a length in 4 bytes little-endian, and so many \
                   bytes. Kind 0 says that the stream is open, 1 is a compact block, 2 wtxids of 32 \
                   bytes each, 3 a message of agreement. A node behind a translator of addresses needs no more than this to \
                   hear what happens.",
    responses(
        (status = 200, description = "Messages", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The sender listens already", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stream_announcements(
    State(state): State<AppState>,
    Seat(peer): Seat,
) -> Result<Response, ApiError> {
    let listener = state.peers.open_stream(peer).ok_or_else(|| {
        ApiError::conflict("already-listening", "The peer reads a stream already.")
    })?;
    let reader = Reader {
        closing: Closing {
            state: state.clone(),
            peer,
        },
        listener,
        is_new: true,
    };
    let messages = stream::unfold(reader, |mut reader| async move {
        let bytes = reader.next().await?;
        Some((Ok::<_, Infallible>(bytes), reader))
    });
    let messages = messages.take_until(state.shutdown.stopping_owned());
    let head = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((head, Body::from_stream(messages)).into_response())
}

/// Notes the end of a stream, however it ends.
struct Closing {
    state: AppState,
    peer: PeerId,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.state.peers.close_stream(self.peer);
    }
}

struct Reader {
    closing: Closing,
    listener: Listener,
    is_new: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        let peers = &self.closing.state.peers;
        if std::mem::take(&mut self.is_new) {
            return Some(peers.alive(&self.listener));
        }
        loop {
            if let Some(message) = peers.next_news(&self.listener) {
                return Some(message);
            }
            let wait = peers.next_news_in(&self.listener).unwrap_or(HEARTBEAT);
            tokio::select! {
                () = self.listener.stop.cancelled() => return None,
                () = self.listener.wake.notified() => {}
                () = tokio::time::sleep(wait.min(HEARTBEAT)) => {
                    if wait >= HEARTBEAT {
                        return Some(peers.alive(&self.listener));
                    }
                }
            }
        }
    }
}
