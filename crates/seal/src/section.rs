//! The sections of a seal: what certifies blocks before this one.
//!
//! Encoded as one byte, the number of sections, then each section: one byte, its kind, and its
//! body. Kinds ascend, so each comes once at most. There is one kind:
//!
//! * 1, checkpoint votes: one byte, the number of groups; each group a link of 80 bytes, one
//!   byte, the number of signatures, and for each the key and the signature. Links and, within
//!   a link, keys ascend by their bytes.

use synod_primitives::Reader;

use crate::error::SealError;
use crate::quantity::SealKey;
use crate::seal::Signature;
use crate::vote::{Vote, VoteLink};

/// The most links that one seal may carry votes for.
pub const MAX_VOTE_GROUPS: usize = 4;
/// The most votes that one seal may carry, over all links: two thirds of the largest set of
/// validators fit one block.
pub const MAX_VOTES_PER_SEAL: usize = 128;
/// The most bytes of sections.
pub(crate) const MAX_SECTIONS_SIZE: usize =
    1 + 1 + 1 + MAX_VOTE_GROUPS * (VoteLink::SIZE + 1) + MAX_VOTES_PER_SEAL * (32 + 64);

const KIND_VOTES: u8 = 1;

/// Votes of several keys for one link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoteGroup {
    /// What they vote for.
    pub link: VoteLink,
    /// Who votes, with their signatures; keys ascend.
    pub signatures: Vec<(SealKey, Signature)>,
}

/// What a seal carries beside its maker's statement.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sections {
    groups: Vec<VoteGroup>,
}

impl Sections {
    /// Takes votes in any order and keeps as many as fit, in their canonical order.
    ///
    /// Of several votes of one key for one link the first by its bytes stays; past
    /// [`MAX_VOTE_GROUPS`] links or [`MAX_VOTES_PER_SEAL`] votes the ones with the earliest
    /// targets are left out.
    #[must_use]
    pub fn from_votes(votes: &[Vote]) -> Self {
        let mut sorted = votes.to_vec();
        sorted.sort_unstable_by_key(|vote| {
            (
                std::cmp::Reverse(vote.link.target.epoch),
                vote.link,
                vote.key,
                vote.signature,
            )
        });
        sorted.dedup_by_key(|vote| (vote.link, vote.key));
        let mut groups: Vec<VoteGroup> = Vec::new();
        for vote in sorted.into_iter().take(MAX_VOTES_PER_SEAL) {
            let entry = (vote.key, vote.signature);
            let is_full = groups.len() == MAX_VOTE_GROUPS;
            match groups.last_mut().filter(|it| it.link == vote.link) {
                Some(group) => group.signatures.push(entry),
                None if is_full => break,
                None => groups.push(VoteGroup {
                    link: vote.link,
                    signatures: vec![entry],
                }),
            }
        }
        groups.sort_unstable_by_key(|group| group.link.encode());
        Self { groups }
    }

    /// Borrows the votes by their links.
    #[must_use]
    pub fn groups(&self) -> &[VoteGroup] {
        &self.groups
    }

    /// Goes through all votes.
    pub fn votes(&self) -> impl Iterator<Item = Vote> + '_ {
        self.groups.iter().flat_map(|group| {
            let link = group.link;
            group.signatures.iter().map(move |(key, signature)| Vote {
                link,
                key: *key,
                signature: *signature,
            })
        })
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        if self.groups.is_empty() {
            out.push(0);
            return;
        }
        out.extend_from_slice(&[1, KIND_VOTES, count_byte(self.groups.len())]);
        for group in &self.groups {
            out.extend_from_slice(&group.link.encode());
            out.push(count_byte(group.signatures.len()));
            for (key, signature) in &group.signatures {
                out.extend_from_slice(&key.0);
                out.extend_from_slice(signature);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, SealError> {
        let byte = |reader: &mut Reader<'_>| reader.read_u8().map_err(|_| SealError::Section);
        match byte(reader)? {
            0 => return Ok(Self::default()),
            1 if byte(reader)? == KIND_VOTES => {}
            _ => return Err(SealError::Section),
        }
        let count = usize::from(byte(reader)?);
        if count == 0 || count > MAX_VOTE_GROUPS {
            return Err(SealError::Section);
        }
        let mut left = MAX_VOTES_PER_SEAL;
        let mut groups: Vec<VoteGroup> = Vec::with_capacity(count);
        for _ in 0..count {
            let group = read_group(reader, left)?;
            left -= group.signatures.len();
            let ascends = groups
                .last()
                .is_none_or(|before| before.link.encode() < group.link.encode());
            if !ascends {
                return Err(SealError::Section);
            }
            groups.push(group);
        }
        Ok(Self { groups })
    }
}

fn read_group(reader: &mut Reader<'_>, left: usize) -> Result<VoteGroup, SealError> {
    let short = |_| SealError::Section;
    let link = VoteLink::read(reader)?;
    let count = usize::from(reader.read_u8().map_err(short)?);
    if count == 0 || count > left {
        return Err(SealError::Section);
    }
    let mut signatures: Vec<(SealKey, Signature)> = Vec::with_capacity(count);
    for _ in 0..count {
        let key = SealKey(reader.read_array().map_err(short)?);
        if signatures.last().is_some_and(|(before, _)| *before >= key) {
            return Err(SealError::Section);
        }
        signatures.push((key, reader.read_array().map_err(short)?));
    }
    Ok(VoteGroup { link, signatures })
}

fn count_byte(count: usize) -> u8 {
    u8::try_from(count).expect("groups and votes are limited below 256")
}
