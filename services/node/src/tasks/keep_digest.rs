//! Follows the chain with the digest of all coins, so that asking for it takes no time.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::chain::TipChanges;
use crate::state::AppState;

/// The tip is followed once it has rested for so long and no blocks wait: bulk work moves it all
/// the time.
const REST: Duration = Duration::from_millis(250);
/// The least time between two savings.
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// Follows until the node stops, then saves where it got to.
pub(crate) async fn run(state: AppState) {
    let mut changes = state.chain.tip_changes();
    let mut saved = Instant::now();
    loop {
        let mut followed = changes.borrow_and_update().count;
        if let Err(error) = state.digests.follow_if_cheap().await {
            tracing::warn!(%error, "the digest of the coins was not followed");
        }
        if saved.elapsed() >= SAVED_EVERY {
            save(&state).await;
            saved = Instant::now();
        }
        let rested = async {
            let mut is_open = changes.wait_for(|it| it.count != followed).await.is_ok();
            while is_open {
                is_open = changes.wait_for(|it| !it.is_passing).await.is_ok();
                followed = changes.borrow_and_update().count;
                let moves = |it: &TipChanges| it.count != followed || it.is_passing;
                let moved = timeout(REST, changes.wait_for(moves)).await;
                match moved {
                    Ok(moved) => is_open = moved.is_ok(),
                    Err(_) => break,
                }
            }
            is_open
        };
        tokio::select! {
            () = state.shutdown.stopping() => break,
            is_open = rested => if !is_open { break },
        }
    }
    save(&state).await;
}

async fn save(state: &AppState) {
    if let Err(error) = state.digests.save().await {
        tracing::warn!(%error, "the digest of the coins was not saved");
    }
}
