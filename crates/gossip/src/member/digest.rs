//! What members sign: tagged hashes (BIP340) over everything that a message means.

use synod_api::hex::NodeIdHex;
use synod_primitives::{sha256, tagged_hash};

use super::key::MemberId;

/// A request as it is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The session that it carries; empty for none.
    pub session: &'a str,
    /// The kind of the body; empty for none.
    pub kind: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What precedes every message: where, from whom, to whom.
pub(super) struct Route<'a> {
    pub(super) chain_id: &'a [u8; 32],
    pub(super) from: MemberId,
    pub(super) to: MemberId,
}

/// Digests a request.
pub(super) fn request(
    route: &Route<'_>,
    run: &[u8; 16],
    sequence: u64,
    asked: &Asked<'_>,
) -> [u8; 32] {
    let mut texts = Vec::new();
    for text in [asked.method, asked.target, asked.session, asked.kind] {
        texts.extend_from_slice(&(text.len() as u64).to_le_bytes());
        texts.extend_from_slice(text.as_bytes());
    }
    let body = sha256(asked.body);
    tagged_hash(
        "synod/member/request",
        &[
            route.chain_id,
            &route.from.0,
            &route.to.0,
            run,
            &sequence.to_le_bytes(),
            &texts,
            &body,
        ],
    )
}

/// Digests one piece of the answer to a request.
pub(super) fn piece(
    route: &Route<'_>,
    asked: &[u8; 32],
    index: u64,
    is_last: bool,
    bytes: &[u8],
) -> [u8; 32] {
    let body = sha256(bytes);
    tagged_hash(
        "synod/member/answer",
        &[
            route.chain_id,
            &route.from.0,
            &route.to.0,
            asked,
            &index.to_le_bytes(),
            &[u8::from(is_last)],
            &body,
        ],
    )
}

/// Digests a hello.
pub(super) fn hello(
    chain_id: &[u8; 32],
    from: MemberId,
    to: MemberId,
    nonce: &NodeIdHex,
    run: &[u8; 16],
    next: u64,
) -> [u8; 32] {
    tagged_hash(
        "synod/member/hello",
        &[
            chain_id,
            &from.0,
            &to.0,
            &nonce.to_bytes(),
            run,
            &next.to_le_bytes(),
        ],
    )
}
