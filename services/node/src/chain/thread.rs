//! The thread that owns the node core.

use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use synod_mempool::Options;
use synod_node_core::{Event, Node, StorageError, UnknownRules};
use synod_primitives::Transaction;
use tokio::sync::{mpsc, oneshot, watch};

use super::handle::{Admission, ChainHandle, Changes, MAX_WAITING_REQUESTS, Reply, Request};
use super::warnings;

/// The most transactions that are verified together.
const MAX_ADMITTED_TOGETHER: usize = 256;
/// The most batches of news that wait for whoever passes them on.
const MAX_WAITING_NEWS: usize = 4096;

/// What happened, in order, for those who tell others.
pub type News = Vec<Event>;

/// The running chain thread and what comes out of it.
pub struct Running {
    /// Speaks to it.
    pub chain: ChainHandle,
    /// What happened, as it happens.
    pub news: mpsc::Receiver<News>,
    /// Ends when it is told to, or when storage fails.
    pub thread: JoinHandle<Result<(), StorageError>>,
}

/// Starts the chain thread on an opened node.
///
/// The thread ends when it is told to, flushes the coins, and returns a failure of storage if
/// one stopped it.
///
/// # Errors
/// The system starts no thread.
pub fn spawn(node: Node, clock: fn() -> u64) -> std::io::Result<Running> {
    let (requests, inbox) = mpsc::channel(MAX_WAITING_REQUESTS);
    let (news, news_out) = mpsc::channel(MAX_WAITING_NEWS);
    let (changes, watching) = watch::channel(Changes::default());
    let view = Arc::new(ArcSwap::from_pointee(node.view()));
    warnings::log_changes(UnknownRules::default(), view.load().unknown_rules);
    let handle = ChainHandle {
        requests,
        view: Arc::clone(&view),
        mempool: node.mempool(),
        changes: watching,
    };
    let publisher = Publisher {
        view,
        news,
        changes,
    };
    let thread = std::thread::Builder::new()
        .name("chain".to_owned())
        .spawn(move || {
            ChainThread {
                node,
                clock,
                publisher,
            }
            .run(inbox)
        })?;
    Ok(Running {
        chain: handle,
        news: news_out,
        thread,
    })
}

struct ChainThread {
    node: Node,
    clock: fn() -> u64,
    publisher: Publisher,
}

struct Publisher {
    view: Arc<ArcSwap<synod_node_core::View>>,
    news: mpsc::Sender<News>,
    changes: watch::Sender<Changes>,
}

impl ChainThread {
    fn run(mut self, mut inbox: mpsc::Receiver<Request>) -> Result<(), StorageError> {
        self.publish();
        let mut next = None;
        while let Some(request) = next.take().or_else(|| inbox.blocking_recv()) {
            let replies = match request {
                Request::Stop => break,
                Request::Run(job) => vec![job(&mut self.node, (self.clock)())?],
                Request::Admit {
                    transaction,
                    options,
                    reply,
                } => {
                    let first = (transaction, options, reply);
                    let (group, after) = gather(first, &mut inbox);
                    next = after;
                    self.admit(group)?
                }
            };
            // Correctness: readers see the change before whoever asked for it is answered.
            self.publish();
            for reply in replies {
                reply();
            }
        }
        self.node.flush()
    }

    fn admit(&mut self, group: Vec<Waiting>) -> Result<Vec<Reply>, StorageError> {
        let options = group[0].1;
        let (transactions, replies): (Vec<Transaction>, Vec<_>) = group
            .into_iter()
            .map(|(transaction, _, reply)| (transaction, reply))
            .unzip();
        let now = (self.clock)();
        let admissions = self.node.submit_transactions(&transactions, options, now)?;
        let answers = admissions.into_iter().zip(replies);
        Ok(answers
            .map(|(admission, reply)| {
                let send: Reply = Box::new(move || {
                    let _ = reply.send(admission);
                });
                send
            })
            .collect())
    }

    fn publish(&mut self) {
        let events = self.node.take_events();
        if events.is_empty() {
            return;
        }
        let is_about_mempool = |event: &Event| {
            matches!(
                event,
                Event::TransactionAdded { .. } | Event::TransactionRemoved { .. }
            )
        };
        let has_mempool = events.iter().any(is_about_mempool);
        let has_tip = !events.iter().all(is_about_mempool);
        if has_tip {
            let view = self.node.view();
            let before = self.publisher.view.load().unknown_rules;
            warnings::log_changes(before, view.unknown_rules);
            self.publisher.view.store(Arc::new(view));
        }
        self.publisher.changes.send_modify(|changes| {
            changes.tip += u64::from(has_tip);
            changes.mempool += u64::from(has_mempool);
        });
        if self.publisher.news.blocking_send(events).is_err() {
            tracing::debug!("nobody listens to the chain any more");
        }
    }
}

type Waiting = (Transaction, Options, oneshot::Sender<Admission>);

/// Takes further transactions that already wait, and the request that ends them.
fn gather(first: Waiting, inbox: &mut mpsc::Receiver<Request>) -> (Vec<Waiting>, Option<Request>) {
    let options = first.1;
    let mut group = vec![first];
    while group.len() < MAX_ADMITTED_TOGETHER {
        match inbox.try_recv() {
            Ok(Request::Admit {
                transaction,
                options: other,
                reply,
            }) if other == options => {
                group.push((transaction, other, reply));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}
