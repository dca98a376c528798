//! Reading the node's events and passing them on.

use std::time::Duration;

use synod_api::node::{EventKind, RemovalReason};
use synod_primitives::Txid;
use synod_service::Shutdown;
use tokio::sync::mpsc;

use crate::node::{Node, event_txid};

/// Waits between attempts to connect: the first and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// News that may wait for the follower; beyond that the reader of the stream waits too.
pub(super) const QUEUE: usize = 1024;

/// What happened at the node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// The chain changed.
    Chain,
    /// A transaction joined the mempool.
    Added(Txid),
    /// A transaction left the mempool.
    Removed(Txid),
    /// Events may have been missed.
    Unknown,
}

/// Reads events until a stop is asked for; connects again when the stream breaks.
pub(super) async fn read_events(node: Node, news: mpsc::Sender<News>, shutdown: Shutdown) {
    let mut stream = node.events();
    let mut wait = FIRST_WAIT;
    loop {
        let next = tokio::select! {
            () = shutdown.stopping() => return,
            next = stream.next() => next,
        };
        let item = match next {
            Ok(event) => {
                wait = FIRST_WAIT;
                match event.kind {
                    EventKind::BlockConnected { .. }
                    | EventKind::BlockDisconnected { .. }
                    | EventKind::Reorg { .. } => News::Chain,
                    EventKind::Transaction { txid, .. } => News::Added(event_txid(txid)),
                    // Its block takes it out of the view, together with its effects.
                    EventKind::TransactionRemoved {
                        reason: RemovalReason::Mined,
                        ..
                    } => News::Chain,
                    EventKind::TransactionRemoved { txid, .. } => News::Removed(event_txid(txid)),
                    EventKind::Resync { .. } => News::Unknown,
                    EventKind::Finalized { .. } => News::Chain,
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the node's event stream broke");
                tokio::select! {
                    () = shutdown.stopping() => return,
                    () = tokio::time::sleep(wait) => {}
                }
                wait = (wait * 2).min(LONGEST_WAIT);
                // A new connection may be to a node that was restarted and counts from 1 again.
                stream = node.events();
                News::Unknown
            }
        };
        if news.send(item).await.is_err() {
            return;
        }
    }
}
