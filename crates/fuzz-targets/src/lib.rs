//! What has to hold for any bytes.
//!
//! Each target is a function of bytes that panics when a promise is broken: a decoder that
//! fails in no other way than by its error, and what it reads is written back as it was. The
//! workspace `fuzz/` runs them under libFuzzer; the tests of this crate replay the corpus
//! that lies beside it, and random bytes, in every ordinary test run.
//!
//! Depends on whatever it looks into; nothing may depend on it but the fuzzer.

mod agreement;
mod blocks;
mod files;
mod kept;
mod messages;
mod numbers;
mod peers;
mod scripts;
mod seals;
mod text;
mod wallets;

pub use scripts::spend;

/// What has to hold for any bytes; panics when it does not.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("address", text::address),
    ("address_book", peers::address_book),
    ("block", blocks::block),
    ("block_file", files::block_file),
    ("chain_spec", text::chain_spec),
    ("coin", files::coin),
    ("compact_block", peers::compact_block),
    ("compact_target", numbers::compact_target),
    ("descriptor", wallets::descriptor),
    ("engine", agreement::engine),
    ("event_journal", kept::event_journal),
    ("evidence", seals::evidence),
    ("frames", messages::frames),
    ("header", blocks::header),
    ("headers_message", messages::headers),
    ("interpreter", scripts::interpreter),
    ("json", messages::json),
    ("member_envelope", peers::member_envelope),
    ("mempool_file", files::mempool_file),
    ("merkle", numbers::merkle),
    ("muhash", files::muhash),
    ("news", peers::news),
    ("node_message", agreement::node_message),
    ("peer_url", text::peer_url),
    ("psbt", wallets::psbt),
    ("registration", seals::registration),
    ("script", scripts::script),
    ("seal", seals::seal),
    ("sealed_header", seals::sealed_header),
    ("signature", scripts::signature),
    ("snapshot", kept::snapshot),
    ("stake_table", seals::stake_table),
    ("transaction", blocks::transaction),
    ("undo", files::undo),
    ("vote", seals::vote),
    ("wallet_text", wallets::text),
];

/// Finds a target by its name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}

/// Takes numbers and pieces off the front of the bytes, zeros and nothing when they run out.
pub(crate) struct Input<'b>(pub(crate) &'b [u8]);

impl<'b> Input<'b> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.piece(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// At most so many bytes.
    pub(crate) fn piece(&mut self, length: usize) -> &'b [u8] {
        let (piece, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        piece
    }

    /// A piece whose length stands before it, in two bytes.
    pub(crate) fn sized(&mut self) -> &'b [u8] {
        let length = u16::from_le_bytes(self.array());
        self.piece(length.into())
    }
}
