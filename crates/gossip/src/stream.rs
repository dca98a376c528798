//! What the stream of announcements of a peer carries next.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;

use crate::greet::Listener;
use crate::netgroup::Subscriber;
use crate::port::NodePort;
use crate::table::PeerTable;
use crate::wire::News;

impl<N: NodePort> PeerTable<N> {
    /// Returns the message that says that the stream is open.
    pub fn alive(&self, listener: &Listener) -> Bytes {
        // Whoever reads its stream is there, even while it asks nothing.
        self.note_heard(listener.id);
        self.streamed(listener, &News::Alive)
    }

    /// Takes the next message, if there is one.
    pub fn next_news(&self, listener: &Listener) -> Option<Bytes> {
        let now = self.now_ms();
        let news = self
            .with_outbox(listener.id, |outbox| {
                if let Some(block) = outbox.take_block() {
                    return Some(News::Block(block.compact.clone()));
                }
                if let Some(message) = outbox.messages.pop() {
                    return Some(News::Message(message));
                }
                let batch = outbox.take_transactions(now);
                (!batch.is_empty()).then_some(News::Transactions(batch))
            })
            .flatten()?;
        Some(self.streamed(listener, &news))
    }

    fn streamed(&self, listener: &Listener, news: &News) -> Bytes {
        let bytes = news.encode();
        listener.traffic.send(bytes.len());
        bytes.into()
    }

    /// Returns when there will be a message that waits already.
    pub fn next_news_in(&self, listener: &Listener) -> Option<Duration> {
        let due = self
            .with_outbox(listener.id, |outbox| outbox.due())
            .flatten()?;
        Some(Duration::from_millis(
            due.saturating_sub(self.now_ms()).max(1),
        ))
    }

    /// Says whether the address may be sent blocks now.
    pub fn may_upload(&self, address: IpAddr) -> bool {
        let now = self.now_ms();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.may_send(Subscriber::of(address), now)
    }

    /// Notes bytes of blocks that an address was sent.
    pub fn spend_upload(&self, address: IpAddr, bytes: usize) {
        let now = self.now_ms();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.spend(Subscriber::of(address), bytes, now);
    }
}
