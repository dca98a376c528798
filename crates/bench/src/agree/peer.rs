//! One node of a network, and what it sees of the payments that it sent.

use std::collections::BTreeMap;

use synod_node_core::{Event, Node};
use synod_primitives::{Height, Txid};

/// Confirmations that stand for finality where there is none.
const CONFIRMATIONS: u32 = 6;

/// A payment as its sender sees it; times are milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) at: u64,
    included: Option<(Height, u64)>,
    final_at: Option<u64>,
}

impl Sent {
    pub(super) fn new(at: u64) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    pub(super) fn included_at(&self) -> Option<u64> {
        self.included.map(|(_, at)| at)
    }

    pub(super) fn final_at(&self) -> Option<u64> {
        self.final_at
    }
}

/// A node.
pub(super) struct Peer {
    pub(super) node: Node,
    pub(super) sent: BTreeMap<Txid, Sent>,
    has_finality: bool,
}

impl Peer {
    pub(super) fn new(node: Node) -> Self {
        let has_finality = node.chain().engine().has_finality();
        Self {
            node,
            sent: BTreeMap::new(),
            has_finality,
        }
    }

    /// Says whether all payments that it sent are final.
    pub(super) fn is_done(&self) -> bool {
        self.sent.values().all(|it| it.final_at.is_some())
    }

    /// Notes what happened to its payments until `now`, in milliseconds.
    ///
    /// # Errors
    /// Storage failed.
    pub(super) fn look(&mut self, now: u64) -> anyhow::Result<()> {
        for event in self.node.take_events() {
            match event {
                Event::BlockConnected { hash, height, .. } => {
                    let block = self.node.chain_mut().block(hash)?;
                    for transaction in block.transactions() {
                        if let Some(sent) = self.sent.get_mut(&transaction.txid()) {
                            sent.included = Some((height, now));
                        }
                    }
                    if !self.has_finality {
                        let deep = height.0.saturating_sub(CONFIRMATIONS - 1);
                        self.settle(Height(deep), now);
                    }
                }
                Event::BlockDisconnected { height, .. } => {
                    for sent in self.sent.values_mut() {
                        sent.included = sent.included.filter(|(at, _)| *at < height);
                    }
                }
                Event::Finalized { height, .. } => self.settle(height, now),
                _ => {}
            }
        }
        Ok(())
    }

    fn settle(&mut self, height: Height, now: u64) {
        for sent in self.sent.values_mut() {
            let is_deep = sent.included.is_some_and(|(at, _)| at <= height);
            if is_deep && sent.final_at.is_none() {
                sent.final_at = Some(now);
            }
        }
    }
}
