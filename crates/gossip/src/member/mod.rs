//! Members of a permissioned network: every request between them is signed by its sender, every
//! answer by who gives it.
//!
//! A node with a list of members speaks to nobody else. Before anything else the opener of a
//! conversation learns the key of the other side, its *run* (a number drawn at each start) and
//! from which sequence number it takes requests ([`MemberHello`]); from then on it signs all that
//! it asks ([`Envelope`]), and checks the signature of every piece of the answers
//! ([`AnswerReader`]). A clock is not needed for any of it.
//!
//! Security: the run makes what was said to a node worthless after its restart, the sequence
//! number while it runs; receiver and chain are signed too, so nothing said to one node can be
//! said again to another. The format is in `docs/adr/0010-members-sign-what-they-say.md`.

mod answer;
mod digest;
mod envelope;
mod key;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::MemberHello;
use synod_primitives::tagged_hash;

pub use answer::{AnswerError, AnswerReader, AnswerSealer, MAX_PIECE};
pub use digest::Asked;
pub use envelope::{Envelope, MemberError};
pub use key::{MemberId, MemberKey};
use window::Window;

/// The most members of a network.
pub const MAX_MEMBERS: usize = 1024;

/// The members of the network, and this node among them.
#[derive(Debug)]
pub struct Members {
    key: MemberKey,
    chain_id: [u8; 32],
    run: [u8; 16],
    known: BTreeSet<MemberId>,
    /// What was received of each member; as long as `known` at the most.
    windows: Mutex<BTreeMap<MemberId, Window>>,
    /// The next number towards each member; as long as `known` at the most.
    next: Mutex<BTreeMap<MemberId, u64>>,
    nonces: AtomicU64,
    refused: [AtomicU64; MemberError::ALL.len()],
}

/// Why a node is no member of a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoMember {
    /// Its key is not on the list.
    #[error(
        "this node's member key {0} is not on the list of members; add it to the list of every node"
    )]
    NotListed(MemberId),
    /// A key on the list is no point of the curve.
    #[error("the member key {0} is no X-only key")]
    NoKey(MemberId),
    /// The list is too long.
    #[error("a network has at most {MAX_MEMBERS} members")]
    TooMany,
}

/// The other side of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its key.
    pub to: MemberId,
    run: [u8; 16],
}

/// A request that was signed by a member, and is taken for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed {
    /// Who signed it.
    pub from: MemberId,
    /// Its number among those of the member.
    pub sequence: u64,
    /// What was signed; the answer names it.
    pub digest: [u8; 32],
}

impl Members {
    /// Makes this node, with its key, one of the members; `run` is random and of this start.
    ///
    /// # Errors
    /// The list is too long, holds what is no key, or lacks this node.
    pub fn new(
        key: MemberKey,
        chain_id: [u8; 32],
        run: NodeIdHex,
        known: BTreeSet<MemberId>,
    ) -> Result<Self, NoMember> {
        if known.len() > MAX_MEMBERS {
            return Err(NoMember::TooMany);
        }
        if let Some(bad) = known.iter().find(|it| !it.is_key()) {
            return Err(NoMember::NoKey(*bad));
        }
        if !known.contains(&key.id()) {
            return Err(NoMember::NotListed(key.id()));
        }
        Ok(Self {
            key,
            chain_id,
            run: run.to_bytes(),
            known,
            windows: Mutex::default(),
            next: Mutex::default(),
            nonces: AtomicU64::new(0),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
        })
    }

    /// Returns this node's key.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.key.id()
    }

    /// Returns how many requests were refused for each reason.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.refused.iter().map(|it| it.load(Ordering::Relaxed));
        MemberError::ALL.iter().map(|it| it.code()).zip(counts)
    }

    /// Counts a refusal and returns it.
    pub fn refuse(&self, error: MemberError) -> MemberError {
        let place = MemberError::ALL.iter().position(|it| *it == error);
        if let Some(count) = place.and_then(|place| self.refused.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        error
    }

    /// Says who this node is to one that says it is a member; `nonce` makes the answer fresh.
    ///
    /// # Errors
    /// There is no such member.
    pub fn hello(&self, from: HashHex, nonce: NodeIdHex) -> Result<MemberHello, MemberError> {
        let from = MemberId(from.to_bytes());
        if !self.known.contains(&from) {
            return Err(self.refuse(MemberError::Unknown));
        }
        let next = self.windows().get(&from).map_or(1, Window::next);
        let digest = digest::hello(&self.chain_id, self.id(), from, &nonce, &self.run, next);
        Ok(MemberHello {
            key: HashHex::from_bytes(self.id().0),
            run: NodeIdHex::from_bytes(self.run),
            next,
            signature: self.key.sign_hex(&digest),
        })
    }

    /// Draws the nonce of a question for a hello.
    #[must_use]
    pub fn nonce(&self) -> NodeIdHex {
        let count = self.nonces.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let parts: [&[u8]; 3] = [self.key.secret(), &self.run, &count];
        let hash = tagged_hash("synod/member/nonce", &parts);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&hash[..16]);
        NodeIdHex::from_bytes(nonce)
    }

    /// Takes the other side's hello.
    ///
    /// # Errors
    /// It is no member, or did not sign it for this node and this nonce.
    pub fn meet(&self, hello: &MemberHello, nonce: NodeIdHex) -> Result<Link, MemberError> {
        let to = MemberId(hello.key.to_bytes());
        if !self.known.contains(&to) {
            return Err(MemberError::Unknown);
        }
        let run = hello.run.to_bytes();
        let digest = digest::hello(&self.chain_id, to, self.id(), &nonce, &run, hello.next);
        if !to.has_signed(&digest, &hello.signature) {
            return Err(MemberError::Forged);
        }
        let mut next = self.next();
        let known = next.entry(to).or_insert(hello.next);
        *known = hello.next.max(*known);
        Ok(Link { to, run })
    }

    /// Signs a request; returns the text of its header and what was signed.
    #[must_use]
    pub fn sign(&self, link: &Link, asked: &Asked<'_>) -> (String, [u8; 32]) {
        let sequence = {
            let mut next = self.next();
            let next = next.entry(link.to).or_insert(1);
            let sequence = *next;
            *next = next.saturating_add(1);
            sequence
        };
        let mut envelope = Envelope {
            chain_id: self.chain_id,
            from: self.id(),
            to: link.to,
            run: link.run,
            sequence,
            signature: [0; 64],
        };
        let digest = envelope.digest(asked);
        envelope.signature = self.key.sign(&digest);
        (envelope.to_string(), digest)
    }

    /// Checks a request's header against the request; one that passes is never taken again.
    ///
    /// # Errors
    /// As [`MemberError`] says; each is counted.
    pub fn check(&self, header: Option<&str>, asked: &Asked<'_>) -> Result<Signed, MemberError> {
        self.judge(header, asked)
            .map_err(|error| self.refuse(error))
    }

    fn judge(&self, header: Option<&str>, asked: &Asked<'_>) -> Result<Signed, MemberError> {
        let envelope = Envelope::parse(header.ok_or(MemberError::Missing)?)?;
        if envelope.chain_id != self.chain_id {
            return Err(MemberError::OtherChain);
        }
        if !self.known.contains(&envelope.from) {
            return Err(MemberError::Unknown);
        }
        if envelope.to != self.id() {
            return Err(MemberError::OtherReceiver);
        }
        if envelope.run != self.run {
            return Err(MemberError::OtherRun);
        }
        let (from, sequence) = (envelope.from, envelope.sequence);
        // A repeat costs no signature check.
        if self
            .windows()
            .get(&from)
            .is_some_and(|it| it.has_seen(sequence))
        {
            return Err(MemberError::Replayed);
        }
        let digest = envelope.digest(asked);
        if !from.has_signed_bytes(&digest, &envelope.signature) {
            return Err(MemberError::Forged);
        }
        // Security: only what was signed moves the window; of two at once one passes.
        if !self.windows().entry(from).or_default().take(sequence) {
            return Err(MemberError::Replayed);
        }
        Ok(Signed {
            from,
            sequence,
            digest,
        })
    }

    /// Begins the signed answer to a request.
    #[must_use]
    pub fn seal_answer(self: &Arc<Self>, to: &Signed) -> AnswerSealer {
        AnswerSealer::new(Arc::clone(self), to.from, to.digest)
    }

    /// Reads the signed answer to a request that this node signed.
    #[must_use]
    pub fn read_answer(&self, link: &Link, asked: [u8; 32]) -> AnswerReader {
        AnswerReader::new(self.chain_id, link.to, self.id(), asked)
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<MemberId, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> MutexGuard<'_, BTreeMap<MemberId, u64>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
