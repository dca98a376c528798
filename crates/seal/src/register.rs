//! Registrations: `OP_RETURN` outputs beside a bond that tell what its sealing key needs.
//!
//! | output | meaning |
//! |---|---|
//! | `OP_RETURN <"SYNA" \|\| delegate hash \|\| anchor>` | an [`Anchor`] |
//! | `OP_RETURN <"SYNR" \|\| delegate hash \|\| anchor \|\| name>` | a [`Candidacy`] |
//!
//! Both are one direct push (75 bytes at most), within what nodes relay.

use synod_primitives::Script;

use crate::quantity::DelegateHash;

const OP_RETURN: u8 = 0x6a;
const ANCHOR_TAG: [u8; 4] = *b"SYNA";
const CANDIDACY_TAG: [u8; 4] = *b"SYNR";
const FIXED_SIZE: usize = 4 + 20 + 32;

/// The longest name of a candidate in bytes.
pub const MAX_CANDIDATE_NAME: usize = 75 - FIXED_SIZE;

/// The start of a sealing key's hash chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Anchor {
    /// Whose.
    pub delegate: DelegateHash,
    /// What the first reveal hashes to.
    pub anchor: [u8; 32],
}

impl Anchor {
    /// Returns the output script.
    #[must_use]
    pub fn script(&self) -> Script {
        data_script(ANCHOR_TAG, self, &[])
    }

    /// Reads an output script of either form; `None` when it is none.
    #[must_use]
    pub fn of_script(script: &[u8]) -> Option<Self> {
        let (body, name) = read(script, ANCHOR_TAG).or_else(|| read(script, CANDIDACY_TAG))?;
        let is_well_formed = if script[2..6] == ANCHOR_TAG {
            name.is_empty()
        } else {
            is_name(name)
        };
        is_well_formed.then_some(body)
    }
}

/// The announcement of somebody who wants to be elected.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Candidacy {
    /// Key and hash chain.
    pub anchor: Anchor,
    /// What voters call the candidate: lower-case letters, digits, dots and dashes.
    pub name: String,
}

impl Candidacy {
    /// Makes a candidacy; `None` for a name that is empty, too long or of other characters.
    #[must_use]
    pub fn new(anchor: Anchor, name: &str) -> Option<Self> {
        is_name(name.as_bytes()).then(|| Self {
            anchor,
            name: name.to_owned(),
        })
    }

    /// Returns the output script.
    #[must_use]
    pub fn script(&self) -> Script {
        data_script(CANDIDACY_TAG, &self.anchor, self.name.as_bytes())
    }

    /// Reads an output script; `None` when it is no candidacy.
    #[must_use]
    pub fn of_script(script: &[u8]) -> Option<Self> {
        let (anchor, name) = read(script, CANDIDACY_TAG)?;
        Self::new(anchor, std::str::from_utf8(name).ok()?)
    }
}

fn is_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    (1..=MAX_CANDIDATE_NAME).contains(&name.len()) && name.iter().all(is_allowed)
}

fn data_script(tag: [u8; 4], anchor: &Anchor, name: &[u8]) -> Script {
    let length = u8::try_from(FIXED_SIZE + name.len()).expect("names are limited");
    let mut script = vec![OP_RETURN, length];
    script.extend_from_slice(&tag);
    script.extend_from_slice(&anchor.delegate.0);
    script.extend_from_slice(&anchor.anchor);
    script.extend_from_slice(name);
    Script::new(script)
}

/// Splits a registration with this tag into its anchor and what follows.
fn read(script: &[u8], tag: [u8; 4]) -> Option<(Anchor, &[u8])> {
    let [OP_RETURN, length, data @ ..] = script else {
        return None;
    };
    if usize::from(*length) != data.len() || data.len() > FIXED_SIZE + MAX_CANDIDATE_NAME {
        return None;
    }
    let data = data.strip_prefix(&tag)?;
    let (delegate, data) = data.split_first_chunk::<20>()?;
    let (anchor, name) = data.split_first_chunk::<32>()?;
    let anchor = Anchor {
        delegate: DelegateHash(*delegate),
        anchor: *anchor,
    };
    Some((anchor, name))
}
