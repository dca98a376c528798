//! The header that a signed request carries, and why one is refused.

use std::fmt;

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::SignatureHex;

use super::digest::{self, Asked, Route};
use super::key::MemberId;

/// The version of the format, the header's first word.
const VERSION: &str = "1";

/// Why a request between members is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MemberError {
    /// It is not signed.
    #[error("the nodes of this network sign what they say")]
    Missing,
    /// The header is not of the form.
    #[error("the signature's header is not understood")]
    Malformed,
    /// It was signed for another chain.
    #[error("the request was signed for another chain")]
    OtherChain,
    /// The signer is no member.
    #[error("the signer is no member of this network")]
    Unknown,
    /// It was signed for another member.
    #[error("the request was signed for another member")]
    OtherReceiver,
    /// It was signed for an earlier start of this node.
    #[error("the request was signed for another run of this node; say hello again")]
    OtherRun,
    /// The signature is not that of this request.
    #[error("the signature is not one of this request")]
    Forged,
    /// It was taken before, or is older than can be told.
    #[error("the request was taken before")]
    Replayed,
    /// A later request of the same conversation was taken before it.
    #[error("a later request of the conversation was taken before this one")]
    Reordered,
    /// It carries the session of another member.
    #[error("the session belongs to another member")]
    OtherSession,
}

impl MemberError {
    /// All reasons, in a fixed order.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Malformed,
        Self::OtherChain,
        Self::Unknown,
        Self::OtherReceiver,
        Self::OtherRun,
        Self::Forged,
        Self::Replayed,
        Self::Reordered,
        Self::OtherSession,
    ];

    /// Returns the stable code of the reason.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "member-signature-missing",
            Self::Malformed => "member-signature-malformed",
            Self::OtherChain => "member-other-chain",
            Self::Unknown => "member-unknown",
            Self::OtherReceiver => "member-other-receiver",
            Self::OtherRun => "member-other-run",
            Self::Forged => "member-signature-invalid",
            Self::Replayed => "member-replayed",
            Self::Reordered => "member-out-of-order",
            Self::OtherSession => "member-other-session",
        }
    }
}

/// What the header of a signed request says.
///
/// Its text is seven words with one space between them: the version, chain id, signer, receiver,
/// the receiver's run, sequence number, signature; bytes as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The chain that both are on.
    pub chain_id: [u8; 32],
    /// Who signs.
    pub from: MemberId,
    /// To whom.
    pub to: MemberId,
    /// The receiver's run.
    pub run: [u8; 16],
    /// The number of the request, greater with each one to the same receiver.
    pub sequence: u64,
    /// BIP340, over [`Envelope::digest`].
    pub signature: [u8; 64],
}

impl Envelope {
    /// Reads a header.
    ///
    /// # Errors
    /// [`MemberError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, MemberError> {
        let bad = |_| MemberError::Malformed;
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(MemberError::Malformed);
        if next()? != VERSION {
            return Err(MemberError::Malformed);
        }
        let envelope = Self {
            chain_id: HashHex::parse(next()?).map_err(bad)?.to_bytes(),
            from: MemberId(HashHex::parse(next()?).map_err(bad)?.to_bytes()),
            to: MemberId(HashHex::parse(next()?).map_err(bad)?.to_bytes()),
            run: NodeIdHex::parse(next()?).map_err(bad)?.to_bytes(),
            sequence: next()?.parse().map_err(|_| MemberError::Malformed)?,
            signature: SignatureHex::parse(next()?).map_err(bad)?.to_bytes(),
        };
        // One written form: no signs, no zeros in front, nothing behind.
        if envelope.to_string() == text {
            Ok(envelope)
        } else {
            Err(MemberError::Malformed)
        }
    }

    /// Returns what is signed.
    #[must_use]
    pub fn digest(&self, asked: &Asked<'_>) -> [u8; 32] {
        let route = Route {
            chain_id: &self.chain_id,
            from: self.from,
            to: self.to,
        };
        digest::request(&route, &self.run, self.sequence, asked)
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{VERSION} {} {} {} {} {} {}",
            HashHex::from_bytes(self.chain_id),
            self.from,
            self.to,
            NodeIdHex::from_bytes(self.run),
            self.sequence,
            SignatureHex::from_bytes(self.signature),
        )
    }
}
