//! Brings the saved mempool back after a start, and saves it at intervals.

use std::time::Duration;

use synod_mempool::{Restored, SavedMempool};
use synod_service::Shutdown;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::chain::{ChainHandle, Unavailable};
use crate::mempool_file::MempoolFile;
use crate::state::read;

/// Transactions that are taken back in one turn of the chain thread: other requests come
/// between.
const RESTORED_AT_ONCE: usize = 256;
/// The wait before a chain thread is asked again whose queue or disk is full.
const BUSY_WAIT: Duration = Duration::from_millis(50);

/// Says whether the saved mempool is back, so that saving loses nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// All of it was looked at.
    Restored,
    /// The node stopped before.
    Unfinished,
}

/// Restores and then saves whenever something has changed, until the node stops.
pub(crate) async fn run(
    chain: ChainHandle,
    file: MempoolFile,
    every: Duration,
    shutdown: Shutdown,
) -> Standing {
    let restored = restore(&chain, &file, &shutdown).await;
    if restored.is_err() || end_restoring(&chain, &shutdown).await.is_err() {
        return Standing::Unfinished;
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut saved_generation = None;
    loop {
        tokio::select! {
            () = shutdown.stopping() => return Standing::Restored,
            _ = ticks.tick() => {}
        }
        let generation = read(chain.mempool()).generation();
        if saved_generation != Some(generation) {
            save(&chain, &file).await;
            saved_generation = Some(generation);
        }
    }
}

/// Saves the mempool as it is now; a failure is only named, as nothing was promised.
pub(crate) async fn save(chain: &ChainHandle, file: &MempoolFile) {
    let (mempool, file) = (chain.mempool().clone(), file.clone());
    // Correctness: the lock is free again before anything is written.
    let saving = spawn_blocking(move || {
        let saved = read(&mempool).save();
        file.save(&saved)
    });
    match saving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the mempool was not saved"),
        Err(error) => tracing::error!(%error, "saving the mempool"),
    }
}

/// Takes the saved transactions back, part by part; an error says that the node stops.
async fn restore(
    chain: &ChainHandle,
    file: &MempoolFile,
    shutdown: &Shutdown,
) -> Result<(), Unavailable> {
    let loading = file.clone();
    let loaded = spawn_blocking(move || loading.load()).await;
    let mut saved = match loaded {
        Ok(Ok(Some(saved))) => saved,
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the saved mempool is not used; the mempool starts empty");
            return Ok(());
        }
        Err(error) => {
            tracing::error!(%error, "reading the saved mempool");
            return Ok(());
        }
    };
    let mut sum = Restored::default();
    let count = saved.transactions.len();
    let mut transactions = std::mem::take(&mut saved.transactions).into_iter();
    loop {
        let part = SavedMempool {
            transactions: transactions.by_ref().take(RESTORED_AT_ONCE).collect(),
            fee_deltas: std::mem::take(&mut saved.fee_deltas),
        };
        if part.transactions.is_empty() && part.fee_deltas.is_empty() {
            break;
        }
        let restored = restore_part(chain, part, shutdown).await?;
        sum.admitted += restored.admitted;
        sum.expired += restored.expired;
        sum.refused += restored.refused;
    }
    tracing::info!(
        saved = count,
        admitted = sum.admitted,
        expired = sum.expired,
        refused = sum.refused,
        "the mempool is back"
    );
    Ok(())
}

async fn end_restoring(chain: &ChainHandle, shutdown: &Shutdown) -> Result<(), Unavailable> {
    while !shutdown.is_stopping() {
        let ending = chain.run(|node, _| {
            node.end_restoring();
            Ok(())
        });
        match ending.await {
            Err(Unavailable::Busy | Unavailable::StorageFull) => sleep(BUSY_WAIT).await,
            other => return other,
        }
    }
    Err(Unavailable::Stopped)
}

async fn restore_part(
    chain: &ChainHandle,
    part: SavedMempool,
    shutdown: &Shutdown,
) -> Result<Restored, Unavailable> {
    let part = std::sync::Arc::new(part);
    while !shutdown.is_stopping() {
        let given = std::sync::Arc::clone(&part);
        let restoring = chain.run(move |node, now| node.restore_mempool(&given, now));
        match restoring.await {
            Err(Unavailable::Busy | Unavailable::StorageFull) => sleep(BUSY_WAIT).await,
            other => return other,
        }
    }
    Err(Unavailable::Stopped)
}
