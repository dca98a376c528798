//! Seals, votes and evidence.

use bytes::Bytes;
use synod_primitives::{Header, Reader};
use synod_seal::{
    Anchor, Candidacy, Evidence, Seal, SealedHeader, StakeProgram, StakeTable, Statement, Vote,
};

use crate::Input;

/// A seal is written back as it was read.
pub(crate) fn seal(bytes: &[u8]) {
    if let Ok(seal) = Seal::decode(bytes) {
        assert_eq!(seal.encode(), bytes);
    }
}

/// A vote is written back as it was read.
pub(crate) fn vote(bytes: &[u8]) {
    if let Ok(vote) = Vote::decode(bytes) {
        assert_eq!(vote.encode(), bytes);
        let _ = vote.is_signed(&[0; 32]);
    }
}

/// Evidence is two statements, each written back as it was read.
pub(crate) fn evidence(bytes: &[u8]) {
    let mut input = Input(bytes);
    let first = input.sized();
    let second = input.0;
    for bytes in [first, second] {
        if let Ok(statement) = Statement::decode(bytes) {
            assert_eq!(statement.encode(), bytes);
        }
    }
    let _ = Evidence::decode(first, second);
}

/// A proof beside a header is written back as it was read, and is judged.
pub(crate) fn sealed_header(bytes: &[u8]) {
    let mut input = Input(bytes);
    let header = Header::decode(&input.array());
    if let Ok(sealed) = SealedHeader::decode_proof(header, input.0) {
        assert_eq!(sealed.encode_proof(), input.0);
        let _ = sealed.check(&[0; 32]);
    }
}

/// A table of stake is written back as it was read.
pub(crate) fn stake_table(bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&body);
    if let Some(table) = StakeTable::decode(&mut reader) {
        let mut again = Vec::new();
        table.encode(&mut again);
        assert_eq!(again, bytes[..bytes.len() - reader.remaining()]);
    }
}

/// Output scripts of stake, anchors and candidates have one form each.
pub(crate) fn registration(bytes: &[u8]) {
    let candidacy = Candidacy::of_script(bytes);
    if let Some(anchor) = Anchor::of_script(bytes) {
        let written = match &candidacy {
            Some(candidacy) => candidacy.script(),
            None => anchor.script(),
        };
        assert_eq!(written.as_bytes(), bytes);
    }
    if let Some(candidacy) = candidacy {
        assert_eq!(Some(candidacy.anchor), Anchor::of_script(bytes));
    }
    if let Some(program) = StakeProgram::of_script(bytes) {
        assert_eq!(program.script().as_bytes(), bytes);
    }
}
