//! Taking in votes and evidence from peers and validators.

use bytes::Bytes;
use synod_engine::{Input, Millis, PeerId};
use synod_gossip::Verdict;
use synod_node_core::{Node, StorageError};
use synod_seal::{Evidence, SealKey, Vote};

use super::Duties;
use super::spread::{Incoming, Outgoing, decode_message, encode_evidence};
use crate::chain::{ChainHandle, Unavailable};
use crate::state::clock_ms;

/// The number under which the engine knows the node's own validators; peers count from 0.
const OWN: PeerId = PeerId(u64::MAX);

/// A message of a peer that passed what needs no chain.
enum Checked {
    Engine(Bytes),
    Evidence(SealKey, Box<Evidence>),
    Nothing,
}

/// Takes in messages of a peer.
pub(crate) async fn hear(
    chain: &ChainHandle,
    duties: &Duties,
    from: u64,
    messages: Vec<Bytes>,
) -> Vec<Verdict> {
    let checked = messages.iter().map(|it| check(duties, it));
    let checked: Vec<Checked> = checked.collect();
    let verdicts = checked.iter().map(|it| match it {
        Checked::Nothing => Verdict::Misbehavior,
        _ => Verdict::Accepted,
    });
    let verdicts: Vec<Verdict> = verdicts.collect();
    let shared = duties.clone();
    let done = chain.run(move |node, _| {
        for message in checked {
            match message {
                Checked::Engine(bytes) => {
                    let from = PeerId(from);
                    node.tell(Millis(clock_ms()), Input::Message { from, bytes })?;
                }
                Checked::Evidence(key, evidence) => {
                    shared.accuse(node, key, &evidence);
                }
                Checked::Nothing => {}
            }
        }
        Ok(())
    });
    match done.await {
        Ok(()) => verdicts,
        Err(_) => vec![Verdict::Unavailable; verdicts.len()],
    }
}

fn check(duties: &Duties, message: &Bytes) -> Checked {
    match decode_message(message) {
        // Without slots there is nothing to agree on by messages.
        _ if duties.clockwork.is_none() => Checked::Nothing,
        Some(Incoming::Engine(bytes)) => Checked::Engine(bytes),
        Some(Incoming::Evidence(evidence)) => match duties.offences.judge(&evidence) {
            Some(key) => Checked::Evidence(key, evidence),
            None => Checked::Nothing,
        },
        None => Checked::Nothing,
    }
}

/// What became of evidence that somebody shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accused {
    /// It is the first against its key.
    New,
    /// There was some before.
    Known,
    /// The key has nothing to lose.
    Baseless,
    /// There is no room for more.
    Full,
}

impl Duties {
    /// Takes in evidence that holds, and passes it on, where its key has something to lose.
    ///
    /// Security: keys cost nothing, bonds do; so strangers cannot fill the list.
    pub(crate) fn accuse(&self, node: &Node, key: SealKey, evidence: &Evidence) -> Accused {
        if self.offences.find(&key).is_some() {
            return Accused::Known;
        }
        let bonds = node.chain().engine().bonds_of(&key.delegate_hash());
        if bonds.is_empty() && !self.offences.is_leaving(&key.delegate_hash()) {
            return Accused::Baseless;
        }
        if !self.offences.add(key, evidence) {
            return Accused::Full;
        }
        tracing::warn!(key = %synod_api::HashHex::from_bytes(key.0), "a validator has contradicted itself");
        self.tell(Outgoing::Broadcast(encode_evidence(evidence)));
        Accused::New
    }

    /// Messages may get lost; what does not fit the queue is.
    pub(super) fn tell(&self, outgoing: Outgoing) {
        if self.outgoing.try_send(outgoing).is_err() {
            tracing::debug!("a message of agreement was lost: too many wait");
        }
    }
}

/// Takes in evidence that holds.
pub(crate) async fn hear_evidence(
    chain: &ChainHandle,
    duties: &Duties,
    key: SealKey,
    evidence: Evidence,
) -> Result<Accused, Unavailable> {
    let shared = duties.clone();
    chain
        .run(move |node, _| Ok(shared.accuse(node, key, &evidence)))
        .await
}

/// Takes in a vote that a validator has signed; says whether the engine has it now.
///
/// The engine takes what it asked for itself; a vote that another node asked for comes in as a
/// peer would send it.
pub(crate) async fn hear_vote(chain: &ChainHandle, vote: Vote) -> Result<bool, Unavailable> {
    chain.run(move |node, _| take_vote(node, vote)).await
}

fn take_vote(node: &mut Node, vote: Vote) -> Result<bool, StorageError> {
    let now = Millis(clock_ms());
    node.tell(now, Input::Voted(vote))?;
    if !node.chain().engine().has_vote(&vote)
        && let Some(bytes) = node.chain().engine().message_of(&vote)
    {
        node.tell(now, Input::Message { from: OWN, bytes })?;
    }
    Ok(node.chain().engine().has_vote(&vote))
}
