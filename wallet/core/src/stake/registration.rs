//! What a bond says beside it of the key that it is for: the anchor of its hash chain, and the
//! name under which a candidate wants to be elected.

use bdk_wallet::bitcoin::{Script, ScriptBuf, hex::FromHex};

use super::{Delegate, StakeError, data_script};

const OP_RETURN: u8 = 0x6a;
const ANCHOR_TAG: [u8; 4] = *b"SYNA";
const CANDIDACY_TAG: [u8; 4] = *b"SYNR";
const FIXED_BYTES: usize = 4 + 20 + 32;

/// The longest name of a candidate, so that all of it is one direct push.
pub const MAX_NAME_BYTES: usize = 75 - FIXED_BYTES;

/// `OP_RETURN <"SYNA" || delegate || anchor>` or, with a name, `<"SYNR" || delegate || anchor || name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    delegate: Delegate,
    anchor: [u8; 32],
    name: Option<String>,
}

impl Registration {
    /// Makes a registration of a key.
    ///
    /// # Errors
    /// When the anchor is not 64 hex digits, or the name is too long or of other characters.
    pub fn parse(delegate: Delegate, anchor: &str, name: Option<&str>) -> Result<Self, StakeError> {
        let anchor = <[u8; 32]>::from_hex(anchor.trim()).map_err(|_| StakeError::Anchor)?;
        if name.is_some_and(|name| !is_name(name.as_bytes())) {
            return Err(StakeError::Name);
        }
        Ok(Self {
            delegate,
            anchor,
            name: name.map(str::to_owned),
        })
    }

    /// Reads an output script; `None` when it is no registration.
    pub fn of_script(script: &Script) -> Option<Self> {
        let [OP_RETURN, length, data @ ..] = script.as_bytes() else {
            return None;
        };
        if usize::from(*length) != data.len() || data.len() > FIXED_BYTES + MAX_NAME_BYTES {
            return None;
        }
        let (tag, data) = data.split_first_chunk::<4>()?;
        let (delegate, data) = data.split_first_chunk::<20>()?;
        let (anchor, name) = data.split_first_chunk::<32>()?;
        let name = match *tag {
            ANCHOR_TAG if name.is_empty() => None,
            CANDIDACY_TAG if is_name(name) => Some(std::str::from_utf8(name).ok()?.to_owned()),
            _ => return None,
        };
        Some(Self {
            delegate: Delegate(*delegate),
            anchor: *anchor,
            name,
        })
    }

    /// Returns the output script.
    pub fn script(&self) -> ScriptBuf {
        let tag = if self.name.is_some() {
            CANDIDACY_TAG
        } else {
            ANCHOR_TAG
        };
        let name = self.name.as_deref().unwrap_or_default();
        data_script(&[&tag[..], &self.delegate.0, &self.anchor, name.as_bytes()].concat())
    }

    /// Returns whose it is.
    pub fn delegate(&self) -> Delegate {
        self.delegate
    }

    /// Returns what the key's first reveal hashes to.
    pub fn anchor(&self) -> &[u8; 32] {
        &self.anchor
    }

    /// Returns the candidate's name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

fn is_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: &str = "81a70ffd5be8649fe1fa95bb2716e720ed3587eedc916ca97b2f2292f5676efa";

    #[test]
    fn registrations_survive_their_scripts() {
        for name in [None, Some("a"), Some("validator-1.example")] {
            let made = Registration::parse(Delegate([3; 20]), ANCHOR, name).expect("valid");
            let script = made.script();
            assert!(script.is_op_return() && script.len() <= 77);
            assert_eq!(Registration::of_script(&script), Some(made), "{name:?}");
        }
    }

    #[test]
    fn names_and_anchors_are_taken_at_their_limits_and_refused_past_them() {
        let with = |anchor: &str, name: &str| {
            let made = Registration::parse(Delegate([3; 20]), anchor, Some(name));
            made.map(|_| ())
        };
        assert_eq!(with(ANCHOR, &"a".repeat(MAX_NAME_BYTES)), Ok(()));
        for bad in ["", "A", "a b", "é", &"a".repeat(MAX_NAME_BYTES + 1)] {
            assert_eq!(with(ANCHOR, bad), Err(StakeError::Name), "{bad}");
        }
        assert_eq!(with(&ANCHOR[1..], "a"), Err(StakeError::Anchor));
    }

    #[test]
    fn other_data_is_no_registration() {
        let script = Registration::parse(Delegate([3; 20]), ANCHOR, None)
            .expect("valid")
            .script();
        let mut longer = script.to_bytes();
        longer.push(b'a');
        longer[1] += 1;
        let mut wrong_tag = script.to_bytes();
        wrong_tag[2] ^= 1;
        let wrong_length = script.to_bytes()[..script.len() - 1].to_vec();
        for bytes in [longer, wrong_tag, wrong_length, Vec::new(), vec![0x6a]] {
            assert_eq!(Registration::of_script(Script::from_bytes(&bytes)), None);
        }
    }
}
