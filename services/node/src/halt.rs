//! Stopping at a height.

use synod_service::Shutdown;

use crate::chain::ChainHandle;

/// Stops the service once the chain has a height; does nothing without one.
///
/// Blocks that were submitted together with the one at that height are there too.
pub(crate) async fn watch(chain: ChainHandle, height: Option<u32>, shutdown: Shutdown) {
    let Some(height) = height else { return };
    let mut changes = chain.tip_changes();
    while chain.view().height.0 < height {
        tokio::select! {
            () = shutdown.stopping() => return,
            changed = changes.changed() => if changed.is_err() {
                return;
            },
        }
    }
    tracing::info!(height, "the chain has the height to stop at");
    shutdown.begin();
}
