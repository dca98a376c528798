//! Messages of agreement: bytes that only the node behind understands, passed on as they are.
//!
//! They may get lost; nothing is asked for again. Whoever needs one says it again by itself.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use synod_primitives::sha256;

use crate::hear::MALFORMED;
use crate::peers::PeerId;
use crate::port::{NodePort, Verdict};
use crate::table::PeerTable;

/// The longest message in bytes: two statements of evidence and a little more.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// The most messages of one request, and of one turn of a session.
pub const MAX_MESSAGES: usize = 64;
/// The most messages that wait for one peer; past it the oldest are lost.
pub const MAX_WAITING_MESSAGES: usize = 512;
/// The bytes of messages that wait for one peer; past it the oldest are lost.
pub const MAX_WAITING_MESSAGE_BYTES: usize = 1 << 20;
/// How many messages that the peer has are remembered, in each of two halves.
const MAX_KNOWN_MESSAGES: usize = 1024;
/// Points for a message that no honest peer sends.
const INVALID_MESSAGE: u32 = 20;

/// The messages that wait for one peer, in order.
#[derive(Debug, Default)]
pub struct Messages {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    known: BTreeSet<[u8; 32]>,
    known_before: BTreeSet<[u8; 32]>,
}

impl Messages {
    /// Adds a message; one that is too long is never sent.
    ///
    /// A message is said as often as the node says it: only what came from the peer itself is
    /// not told back.
    pub fn push(&mut self, message: &Bytes) {
        let digest = sha256(message);
        let is_theirs = self.known.contains(&digest) || self.known_before.contains(&digest);
        let waits = self.waiting.contains(message);
        if is_theirs || waits || message.len() > MAX_MESSAGE_BYTES {
            return;
        }
        self.bytes += message.len();
        self.waiting.push_back(message.clone());
        while self.waiting.len() > MAX_WAITING_MESSAGES || self.bytes > MAX_WAITING_MESSAGE_BYTES {
            self.pop();
        }
    }

    /// Notes a message that the peer has said.
    pub fn note(&mut self, message: &Bytes) {
        if self.known.len() >= MAX_KNOWN_MESSAGES {
            self.known_before = std::mem::take(&mut self.known);
        }
        self.known.insert(sha256(message));
    }

    /// Takes the next message.
    pub fn pop(&mut self) -> Option<Bytes> {
        let message = self.waiting.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// Takes the next messages, [`MAX_MESSAGES`] at the most.
    pub fn take(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.pop())
            .take(MAX_MESSAGES)
            .collect()
    }

    /// Returns how many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Says whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl<N: NodePort> PeerTable<N> {
    /// Tells all peers a message, but for those that it came from.
    pub fn announce_message(&self, message: &Bytes) {
        self.tell(|outbox| outbox.messages.push(message));
    }

    /// Tells one peer a message.
    pub fn send_message(&self, to: PeerId, message: &Bytes) {
        if let Some(entry) = self.lock().entries.get_mut(&to) {
            entry.outbox.messages.push(message);
            entry.wake.notify_one();
        }
    }

    /// Notes that a peer has sent a message that no honest peer sends.
    pub fn punish(&self, peer: PeerId) {
        self.blame(peer, INVALID_MESSAGE, "an invalid message");
    }

    /// Takes in messages of a peer; returns how many the node could read.
    pub async fn hear_messages(&self, peer: PeerId, messages: Vec<Bytes>) -> usize {
        if messages.iter().any(|it| it.len() > MAX_MESSAGE_BYTES) {
            self.blame(peer, MALFORMED, "a message past its limit");
            return 0;
        }
        self.note(peer, |outbox| {
            for message in &messages {
                outbox.messages.note(message);
            }
        });
        let verdicts = self.node.hear_messages(peer, messages).await;
        for verdict in &verdicts {
            if *verdict == Verdict::Misbehavior {
                self.blame(peer, MALFORMED, "bytes that are no message");
            }
        }
        let is_taken = |it: &&Verdict| **it == Verdict::Accepted;
        verdicts.iter().filter(is_taken).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32, length: usize) -> Bytes {
        let mut bytes = vec![0; length.max(4)];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes.into()
    }

    #[test]
    fn a_storm_of_messages_keeps_within_both_limits_and_the_newest_stay() {
        let mut messages = Messages::default();
        for number in 0..10_000 {
            messages.push(&message(number, 200));
        }
        assert_eq!(messages.len(), MAX_WAITING_MESSAGES);
        assert_eq!(messages.take().len(), MAX_MESSAGES);
        for number in 0..100 {
            messages.push(&message(number, MAX_MESSAGE_BYTES));
        }
        assert!(messages.bytes <= MAX_WAITING_MESSAGE_BYTES);
        assert_eq!(messages.len(), 16);
        assert_eq!(messages.pop(), Some(message(84, MAX_MESSAGE_BYTES)));
        messages.push(&message(1, MAX_MESSAGE_BYTES + 1));
        assert_eq!(messages.len(), 15, "one byte too long");
    }

    #[test]
    fn what_came_from_the_peer_is_not_told_back_and_what_waits_waits_once() {
        let mut messages = Messages::default();
        messages.note(&message(1, 10));
        messages.push(&message(1, 10));
        assert!(messages.is_empty());
        messages.push(&message(2, 10));
        messages.push(&message(2, 10));
        assert_eq!(messages.take(), [message(2, 10)]);
        messages.push(&message(2, 10));
        assert_eq!(messages.len(), 1, "what is said again is told again");
        for number in 0..10_000 {
            messages.note(&message(number, 10));
        }
        assert!(messages.known.len() + messages.known_before.len() <= 2 * MAX_KNOWN_MESSAGES);
    }
}
