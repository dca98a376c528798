//! What signatures commit to of the script that is executed.

use std::borrow::Cow;

use crate::builder::push_head;
use crate::instruction::Instructions;

/// How many digests of one script code are kept; a script that uses more hash types hashes again.
const MAX_KEPT_DIGESTS: usize = 8;

/// A part of a script, with the digests that were already computed of it.
///
/// Many signatures over the same code with the same hash type, as in CHECKMULTISIG, then cost one
/// hash.
pub(super) struct ScriptCode<'s> {
    bytes: Cow<'s, [u8]>,
    digests: Vec<(u8, [u8; 32])>,
}

impl<'s> ScriptCode<'s> {
    pub(super) fn new(bytes: &'s [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            digests: Vec::new(),
        }
    }

    /// Returns the code without the signatures, or `None` when none of them is in it.
    ///
    /// Consensus: a signature cannot sign itself, so scripts without witness drop its push
    /// wherever it begins an instruction (Core: `FindAndDelete`).
    pub(super) fn without<'a>(&self, signatures: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut shorter: Option<Vec<u8>> = None;
        for signature in signatures {
            let code = shorter.as_deref().unwrap_or(&self.bytes);
            if let Some(deleted) = find_and_delete(code, signature) {
                shorter = Some(deleted);
            }
        }
        shorter.map(|bytes| Self {
            bytes: Cow::Owned(bytes),
            digests: Vec::new(),
        })
    }

    /// Returns the digest for a hash type, computed by `compute` when it is not known yet.
    pub(super) fn digest(
        &mut self,
        hash_type: u8,
        compute: impl FnOnce(&[u8]) -> [u8; 32],
    ) -> [u8; 32] {
        let known = self.digests.iter().find(|(known, _)| *known == hash_type);
        if let Some((_, digest)) = known {
            return *digest;
        }
        let digest = compute(&self.bytes);
        if self.digests.len() < MAX_KEPT_DIGESTS {
            self.digests.push((hash_type, digest));
        }
        digest
    }
}

/// Removes every push of `data` that begins an instruction; `None` when there is none.
fn find_and_delete(script: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (head, length) = push_head(data.len());
    let head = &head[..length];
    let is_push = |bytes: &[u8]| {
        let rest = bytes.strip_prefix(head);
        rest.is_some_and(|rest| rest.starts_with(data))
    };
    let push_size = head.len() + data.len();
    let mut kept: Option<Vec<u8>> = None;
    let mut start = 0;
    let mut instructions = Instructions::new(script);
    loop {
        let found = instructions.position();
        let mut end = found;
        while is_push(&script[end..]) {
            end += push_size;
        }
        if end > found {
            let kept = kept.get_or_insert_with(Vec::new);
            kept.extend_from_slice(&script[start..found]);
            start = end;
            instructions.skip_bytes(end - found);
        }
        if !matches!(instructions.next(), Some(Ok(_))) {
            break;
        }
    }
    let mut kept = kept?;
    kept.extend_from_slice(&script[start..]);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete(script: &[u8], data: &[u8]) -> Vec<u8> {
        find_and_delete(script, data).unwrap_or_else(|| script.to_vec())
    }

    #[test]
    fn pushes_at_instructions_are_deleted() {
        assert_eq!(delete(&[0x51, 2, 7, 8, 0x52], &[7, 8]), [0x51, 0x52]);
        assert_eq!(delete(&[2, 7, 8, 2, 7, 8, 0x52, 2, 7, 8], &[7, 8]), [0x52]);
        assert_eq!(delete(&[0, 0x51, 0], &[]), [0x51], "the empty push is OP_0");
        assert_eq!(find_and_delete(&[0x51, 1, 7], &[8]), None);
    }

    #[test]
    fn data_and_other_forms_of_the_push_stay() {
        assert_eq!(find_and_delete(&[3, 1, 7, 0x51], &[7]), None, "inside data");
        assert_eq!(find_and_delete(&[0x4c, 1, 7], &[7]), None, "longer form");
        assert_eq!(find_and_delete(&[0x51], &[1]), None, "not the opcode");
    }

    #[test]
    fn deletion_goes_on_to_a_truncated_push() {
        assert_eq!(delete(&[2, 9, 1, 1, 7, 0x51], &[7]), [2, 9, 1, 0x51]);
        assert_eq!(delete(&[1, 7, 2, 7], &[7]), [2, 7]);
        assert_eq!(
            delete(&[1, 7, 3, 1, 7], &[7]),
            [3, 1, 7],
            "nothing is read past it"
        );
    }

    #[test]
    fn digests_are_computed_once_for_each_hash_type() {
        let mut code = ScriptCode::new(&[0x51]);
        assert_eq!(code.digest(1, |_| [1; 32]), [1; 32]);
        assert_eq!(code.digest(1, |_| [2; 32]), [1; 32]);
        assert_eq!(code.digest(2, |_| [2; 32]), [2; 32]);
        for hash_type in 3..20 {
            assert_eq!(code.digest(hash_type, |_| [hash_type; 32]), [hash_type; 32]);
        }
        assert_eq!(code.digests.len(), MAX_KEPT_DIGESTS);
    }
}
