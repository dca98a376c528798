//! The nonce search: double SHA-256 of headers that differ in four bytes.
//!
//! A header has 80 bytes. The first 64 are hashed once per job (the *midstate*); each nonce then
//! costs two compressions: the rest of the header, and the hash of the hash. The kernels differ
//! in how many nonces they take at once and agree on every result, which the tests compare.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod constants;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sha_extensions;

use std::fmt;

use portable::{compress, hash_header};

/// The bytes of a header.
pub const HEADER_BYTES: usize = 80;

/// A 256-bit number that a block's hash may not exceed, most significant byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target([u8; 32]);

impl Target {
    /// Wraps the number's bytes, most significant first.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Says whether a hash in internal byte order, read as a number, is not above the target.
    #[must_use]
    pub fn is_met_by(&self, hash: &[u8; 32]) -> bool {
        hash.iter().rev().le(self.0.iter())
    }

    /// Returns the most significant 32 bits, which almost every hash fails at.
    fn top(&self) -> u32 {
        u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]])
    }
}

/// All headers that differ from one in the nonce alone.
#[derive(Debug, Clone)]
pub struct Job {
    midstate: [u32; 8],
    /// The header's last 16 bytes without the nonce, as SHA-256 reads them.
    tail: [u32; 3],
    target: Target,
    target_top: u32,
}

impl Job {
    /// Prepares the search for a header; its nonce does not matter.
    #[must_use]
    pub fn new(header: &[u8; HEADER_BYTES], target: Target) -> Self {
        let mut first = [0; 64];
        first.copy_from_slice(&header[..64]);
        let mut midstate = constants::INITIAL;
        compress(&mut midstate, &first);
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let tail = [word(64), word(68), word(72)];
        Self {
            midstate,
            tail,
            target,
            target_top: target.top(),
        }
    }

    /// Returns the hash of the header with a nonce, in internal byte order.
    #[must_use]
    pub fn hash(&self, nonce: u32) -> [u8; 32] {
        hash_header(&self.midstate, &self.tail, nonce)
    }

    /// Checks what a vector kernel found by its first 32 bits.
    fn is_found(&self, nonce: u32) -> bool {
        self.target.is_met_by(&self.hash(nonce))
    }

    /// Says whether the last word of a hash leaves the target in reach.
    #[inline]
    fn may_be_found(&self, last_word: u32) -> bool {
        last_word.swap_bytes() <= self.target_top
    }
}

/// A way to search, chosen by what the processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// `sha2`'s block function, one nonce at a time; runs everywhere.
    Portable,
    /// Eight nonces at a time in AVX2 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Two interleaved nonces by the SHA extensions.
    #[cfg(target_arch = "x86_64")]
    ShaExtensions,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::ShaExtensions => "sha-extensions",
        })
    }
}

impl Kernel {
    /// Returns the kernels that this processor can run, fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if sha_extensions::is_available() {
                found.push(Self::ShaExtensions);
            }
            if avx2::is_available() {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// Returns the fastest kernel that this processor can run.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available()[0]
    }

    /// Searches `count` nonces from `first` on (past the last one it goes on at 0) and returns
    /// the first that meets the target.
    #[must_use]
    pub fn search(self, job: &Job, first: u32, count: u32) -> Option<u32> {
        match self {
            Self::Portable => portable::search(job, first, count),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::search(job, first, count),
            #[cfg(target_arch = "x86_64")]
            Self::ShaExtensions => sha_extensions::search(job, first, count),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn genesis() -> [u8; 80] {
        let header = synod_primitives::Header {
            version: 1,
            ..synod_primitives::Header::decode(&[0; 80])
        };
        header.encode()
    }

    fn plain(header: &[u8; 80]) -> [u8; 32] {
        Sha256::digest(Sha256::digest(header)).into()
    }

    fn with_nonce(mut header: [u8; 80], nonce: u32) -> [u8; 80] {
        header[76..].copy_from_slice(&nonce.to_le_bytes());
        header
    }

    /// The first nonce of a range by the plain double hash.
    fn search_plain(header: &[u8; 80], target: Target, first: u32, count: u32) -> Option<u32> {
        (0..count)
            .map(|step| first.wrapping_add(step))
            .find(|nonce| target.is_met_by(&plain(&with_nonce(*header, *nonce))))
    }

    fn target(leading_zero_bits: u32) -> Target {
        let mut bytes = [0xff; 32];
        for bit in 0..leading_zero_bits as usize {
            bytes[bit / 8] &= !(0x80 >> (bit % 8));
        }
        Target::from_be_bytes(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_kernel_finds_what_the_plain_hash_finds(
            head in proptest::collection::vec(any::<u8>(), 80),
            zeros in 0_u32..12,
            first in prop_oneof![any::<u32>(), Just(0), (u32::MAX - 300)..=u32::MAX],
            count in 0_u32..300,
        ) {
            let header: [u8; 80] = head.try_into().expect("80 bytes");
            let target = target(zeros);
            let job = Job::new(&header, target);
            let want = search_plain(&header, target, first, count);
            for kernel in Kernel::available() {
                prop_assert_eq!(kernel.search(&job, first, count), want, "{}", kernel);
            }
        }

        #[test]
        fn a_job_hashes_as_the_plain_hash(head in proptest::collection::vec(any::<u8>(), 80), nonce: u32) {
            let header: [u8; 80] = head.try_into().expect("80 bytes");
            let job = Job::new(&header, target(0));
            prop_assert_eq!(job.hash(nonce), plain(&with_nonce(header, nonce)));
        }
    }

    #[test]
    fn the_target_itself_is_met_and_one_less_is_not() {
        let header = genesis();
        let mut number = plain(&with_nonce(header, 7));
        number.reverse();
        for kernel in Kernel::available() {
            let job = Job::new(&header, Target::from_be_bytes(number));
            assert_eq!(kernel.search(&job, 7, 1), Some(7), "{kernel}");
            let mut less = number;
            less[31] = less[31].checked_sub(1).expect("the last byte is not zero");
            let job = Job::new(&header, Target::from_be_bytes(less));
            assert_eq!(kernel.search(&job, 7, 1), None, "{kernel}");
        }
    }

    #[test]
    fn the_main_networks_genesis_nonce_is_found() {
        let merkle = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a";
        let mut header = [0; 80];
        header[0] = 1;
        let merkle: synod_api::HexBytes = merkle.parse().expect("hex");
        header[36..68].copy_from_slice(merkle.as_bytes());
        header[68..72].copy_from_slice(&1_231_006_505_u32.to_le_bytes());
        header[72..76].copy_from_slice(&0x1d00_ffff_u32.to_le_bytes());
        let job = Job::new(&header, target(32));
        for kernel in Kernel::available() {
            let found = kernel.search(&job, 2_083_236_893 - 5000, 10_000);
            assert_eq!(found, Some(2_083_236_893), "{kernel}");
        }
    }
}
