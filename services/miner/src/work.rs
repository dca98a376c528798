//! A node's template as something to hash.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use synod_api::HashHex;
use synod_api::node::Template;
use synod_api::node::mining::EXTRA_NONCE_BYTES;

use crate::kernel::{HEADER_BYTES, Job, Target};

/// The deepest Merkle branch: a block holds fewer than 2^24 transactions.
const MAX_BRANCH: usize = 24;
/// The most bytes of a coinbase transaction.
const MAX_COINBASE_BYTES: usize = 1_000_000;

/// Why a template cannot be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The node wants an extra nonce of another size.
    #[error("the node's template has an extra nonce of {0} bytes; this miner knows 8")]
    ExtraNonce(u32),
    /// The branch or the coinbase transaction is larger than any block allows.
    #[error("the node's template is larger than any block")]
    TooLarge,
    /// No time is allowed.
    #[error("the node's template allows no time: it ends at {max} and begins at {min}")]
    NoTime {
        /// The earliest time.
        min: u32,
        /// The latest time.
        max: u32,
    },
}

/// A template that was checked, and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    template: Template,
    target: Target,
    received: Instant,
}

/// What a searcher needs to begin: a job, and the numbers that go with its nonce.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// What to search.
    pub(crate) job: Job,
    /// The extra nonce in it.
    pub(crate) extra_nonce: [u8; EXTRA_NONCE_BYTES],
    /// The header's time in it.
    pub(crate) time: u32,
}

impl Work {
    /// Checks a template that came at a moment.
    ///
    /// # Errors
    /// It has parts that no block can have.
    pub(crate) fn new(template: Template, received: Instant) -> Result<Self, TemplateError> {
        if template.extra_nonce_bytes as usize != EXTRA_NONCE_BYTES {
            return Err(TemplateError::ExtraNonce(template.extra_nonce_bytes));
        }
        let coinbase = template.coinbase_prefix.0.len() + template.coinbase_suffix.0.len();
        if template.merkle_branch.len() > MAX_BRANCH || coinbase > MAX_COINBASE_BYTES {
            return Err(TemplateError::TooLarge);
        }
        if let Some(max) = template.max_time.filter(|max| *max < template.min_time) {
            return Err(TemplateError::NoTime {
                min: template.min_time,
                max,
            });
        }
        let target = Target::from_be_bytes(template.target.to_bytes());
        Ok(Self {
            template,
            target,
            received,
        })
    }

    /// Returns the template.
    #[must_use]
    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// Returns the parent's hash.
    #[must_use]
    pub(crate) fn parent(&self) -> HashHex {
        self.template.previous_block_hash
    }

    /// Returns the header's time at a moment: the node's clock, within the template's limits.
    #[must_use]
    pub(crate) fn time_at(&self, now: Instant) -> u32 {
        let elapsed = now.saturating_duration_since(self.received).as_secs();
        let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX);
        let time = self
            .template
            .cur_time
            .saturating_add(elapsed)
            .max(self.template.min_time);
        self.template.max_time.map_or(time, |max| time.min(max))
    }

    /// Returns how long the header's time would run ahead of the node's clock.
    #[must_use]
    pub(crate) fn ahead_of_clock(&self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.received);
        let ahead = self
            .template
            .min_time
            .saturating_sub(self.template.cur_time);
        Duration::from_secs(ahead.into()).saturating_sub(elapsed)
    }

    /// Prepares the search with an extra nonce at a moment.
    #[must_use]
    pub(crate) fn start(&self, extra_nonce: u64, now: Instant) -> Start {
        let extra_nonce = extra_nonce.to_le_bytes();
        let time = self.time_at(now);
        let header = self.header(extra_nonce, time);
        Start {
            job: Job::new(&header, self.target),
            extra_nonce,
            time,
        }
    }

    /// Builds the header with nonce 0.
    #[must_use]
    pub(crate) fn header(
        &self,
        extra_nonce: [u8; EXTRA_NONCE_BYTES],
        time: u32,
    ) -> [u8; HEADER_BYTES] {
        let template = &self.template;
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&template.version.to_le_bytes());
        header[4..36].copy_from_slice(&template.previous_block_hash.to_internal());
        header[36..68].copy_from_slice(&self.merkle_root(extra_nonce));
        header[68..72].copy_from_slice(&time.to_le_bytes());
        header[72..76].copy_from_slice(&u32::from(template.bits).to_le_bytes());
        header
    }

    fn merkle_root(&self, extra_nonce: [u8; EXTRA_NONCE_BYTES]) -> [u8; 32] {
        let coinbase = Sha256::new()
            .chain_update(self.template.coinbase_prefix.as_bytes())
            .chain_update(extra_nonce)
            .chain_update(self.template.coinbase_suffix.as_bytes());
        let txid: [u8; 32] = Sha256::digest(coinbase.finalize()).into();
        self.template
            .merkle_branch
            .iter()
            .fold(txid, |left, right| {
                let pair = Sha256::new()
                    .chain_update(left)
                    .chain_update(right.to_bytes());
                Sha256::digest(pair.finalize()).into()
            })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use synod_api::{AmountSat, BitsHex, HexBytes, MerkleNodeHex, NumberHex};

    use super::*;

    pub(crate) fn template() -> Template {
        Template {
            template_id: "t1".to_owned(),
            longpoll_id: "l1".to_owned(),
            height: 1,
            previous_block_hash: HashHex::from_bytes([3; 32]),
            version: 0x2000_0000,
            bits: BitsHex::from(0x207f_ffff),
            target: NumberHex::from_bytes([0x7f; 32]),
            min_time: 1000,
            cur_time: 2000,
            max_time: Some(9000),
            chain_tip_time: 990,
            bits_is_limit: true,
            coinbase_value_sat: AmountSat::MAX,
            coinbase_prefix: HexBytes(vec![1, 2]),
            coinbase_suffix: HexBytes(vec![3]),
            extra_nonce_bytes: 8,
            merkle_branch: vec![
                MerkleNodeHex::from_bytes([4; 32]),
                MerkleNodeHex::from_bytes([5; 32]),
            ],
            transaction_count: 2,
            fees_sat: AmountSat::ZERO,
            weight: 1000,
            transactions: None,
        }
    }

    #[test]
    fn the_header_is_what_the_template_describes() {
        let work = Work::new(template(), Instant::now()).expect("a template");
        let bytes = work.header(*b"extranon", 1500);
        let header = synod_primitives::Header::decode(&bytes);
        assert_eq!(header.encode(), bytes);
        assert_eq!(
            (header.version, header.time, header.nonce),
            (0x2000_0000, 1500, 0)
        );
        assert_eq!(header.bits.0, 0x207f_ffff);
        assert_eq!(bytes[4..36], [3; 32]);
        let txid = synod_primitives::hash::sha256d(b"\x01\x02extranon\x03");
        let branch = [[4; 32], [5; 32]];
        assert_eq!(
            bytes[36..68],
            synod_primitives::merkle::fold_branch(txid, 0, &branch)
        );
    }

    #[test]
    fn the_time_follows_the_nodes_clock_within_its_limits() {
        let begin = Instant::now();
        let work = Work::new(template(), begin).expect("a template");
        let at = |seconds| work.time_at(begin + Duration::from_secs(seconds));
        assert_eq!((at(0), at(5), at(7000), at(7001)), (2000, 2005, 9000, 9000));
        let late = Template {
            cur_time: 900,
            max_time: None,
            ..template()
        };
        let work = Work::new(late, begin).expect("a template");
        assert_eq!(work.time_at(begin), 1000);
        assert_eq!(work.time_at(begin + Duration::from_secs(101)), 1001);
        assert_eq!(work.ahead_of_clock(begin), Duration::from_secs(100));
        assert_eq!(
            work.ahead_of_clock(begin + Duration::from_secs(100)),
            Duration::ZERO
        );
    }

    #[test]
    fn templates_that_no_block_can_have_are_refused() {
        let refused = |template| Work::new(template, Instant::now()).err();
        let seven = Template {
            extra_nonce_bytes: 7,
            ..template()
        };
        assert_eq!(refused(seven), Some(TemplateError::ExtraNonce(7)));
        let node = MerkleNodeHex::from_bytes([4; 32]);
        let deep = |depth| Template {
            merkle_branch: vec![node; depth],
            ..template()
        };
        assert_eq!(refused(deep(MAX_BRANCH)), None);
        assert_eq!(refused(deep(MAX_BRANCH + 1)), Some(TemplateError::TooLarge));
        let never = Template {
            max_time: Some(999),
            ..template()
        };
        assert_eq!(
            refused(never),
            Some(TemplateError::NoTime {
                min: 1000,
                max: 999
            })
        );
    }
}
