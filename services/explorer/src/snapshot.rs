//! Consistent reading: one state of the index together with the mempool that belongs to it.
//!
//! Correctness: the writer stages the next view before it commits the blocks that it belongs to,
//! and settles it after. A reader looks at the tip that its own database transaction sees and
//! takes the view with that tip. So it finds one at every moment, and no reader waits for
//! the writer or sees blocks without the mempool that they left.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::pool::PoolView;
use crate::store::{Reader, Store, StoreError, Tip};

/// How often a reader starts again when the writer was faster; twice is already rare.
const MAX_TRIES: usize = 64;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// Not even the first block is there yet.
    #[error("the index is empty: the explorer is waiting for its node")]
    Empty,
    /// The writer was faster every time.
    #[error("the index is moving too fast to be read")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The views that readers may need right now.
#[derive(Clone, Debug)]
struct Views {
    previous: Arc<PoolView>,
    settled: Arc<PoolView>,
    staged: Option<Arc<PoolView>>,
}

/// Where readers get their snapshots from and the writer puts its views.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    store: Store,
    views: Arc<ArcSwap<Views>>,
}

/// One consistent state. Everything that answers a request comes from one of these.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) tip: Tip,
    pub(crate) pool: Arc<PoolView>,
    pub(crate) reader: Reader,
}

impl Snapshots {
    /// Starts with an empty mempool on no tip.
    pub(crate) fn new(store: Store) -> Self {
        let view = Arc::new(PoolView::default());
        let views = Views {
            previous: view.clone(),
            settled: view,
            staged: None,
        };
        Self {
            store,
            views: Arc::new(ArcSwap::from_pointee(views)),
        }
    }

    /// The newest settled view, for what needs no index.
    pub(crate) fn pool(&self) -> Arc<PoolView> {
        self.views.load().settled.clone()
    }

    /// Takes a snapshot.
    ///
    /// # Errors
    /// An empty index, a database that fails, or a writer that is faster every time.
    pub(crate) async fn take(&self) -> Result<Snapshot, SnapshotError> {
        for _ in 0..MAX_TRIES {
            let mut reader = self.store.begin().await?;
            let tip = reader.tip().await?.ok_or(SnapshotError::Empty)?;
            if let Some(pool) = self.view_at(tip) {
                return Ok(Snapshot { tip, pool, reader });
            }
            drop(reader);
            tokio::task::yield_now().await;
        }
        Err(SnapshotError::Busy)
    }

    fn view_at(&self, tip: Tip) -> Option<Arc<PoolView>> {
        let views = self.views.load();
        let candidates = [
            Some(&views.settled),
            views.staged.as_ref(),
            Some(&views.previous),
        ];
        candidates
            .into_iter()
            .flatten()
            .find(|view| view.tip == Some(tip))
            .cloned()
    }

    /// Replaces the view while the tip stays.
    pub(crate) fn publish(&self, view: Arc<PoolView>) {
        let views = self.views.load();
        let previous = views.previous.clone();
        self.views.store(Arc::new(Views {
            previous,
            settled: view,
            staged: None,
        }));
    }

    /// Shows the view of a tip that is about to be committed.
    pub(crate) fn stage(&self, view: Arc<PoolView>) {
        let views = Views::clone(&self.views.load());
        self.views.store(Arc::new(Views {
            staged: Some(view),
            ..views
        }));
    }

    /// Makes the staged view the newest one after the commit, or forgets it when that failed.
    pub(crate) fn settle(&self, committed: bool) {
        let views = Views::clone(&self.views.load());
        let next = match (committed, views.staged) {
            (true, Some(staged)) => Views {
                previous: views.settled,
                settled: staged,
                staged: None,
            },
            _ => Views {
                staged: None,
                ..views
            },
        };
        self.views.store(Arc::new(next));
    }

    /// Puts the view on the tip that the index is found at, at the start.
    pub(crate) fn start_at(&self, tip: Option<Tip>) {
        self.publish(Arc::new(PoolView::at(tip)));
    }

    /// Closes the readers' connections.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}
