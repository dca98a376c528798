//! Rules of a header at its place in the chain (Core: `ContextualCheckBlockHeader`), apart
//! from `bits` and proof of work, which are the engine's.

use synod_primitives::{Header, Height};

use crate::error::HeaderError;
use crate::rules::Rules;

/// How far a block's time may be ahead of the clock, in seconds, under proof of work.
pub const MAX_FUTURE_BLOCK_TIME_S: u64 = 7_200;

/// How far the first block of a period may lie before its parent, in seconds (BIP94).
pub const MAX_TIMEWARP_S: u32 = 600;

/// Where a header stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderContext {
    /// The height that the block would have.
    pub height: Height,
    /// The parent's time, in seconds since 1970.
    pub parent_time: u32,
    /// The median time of the parent and the ten blocks before it.
    pub parent_median_time: u32,
    /// The clock, in seconds since 1970.
    pub now: u64,
}

/// Checks a header at its place; the genesis block has none and is not checked.
///
/// # Errors
/// The first rule that is broken, in Core's order. Core looks at `bits` before all of these.
pub fn check_header(
    header: &Header,
    context: &HeaderContext,
    rules: &Rules,
) -> Result<(), HeaderError> {
    if header.time <= context.parent_median_time {
        return Err(HeaderError::TimeTooOld);
    }
    let opens_period = rules
        .bip94_interval
        .is_some_and(|interval| interval != 0 && context.height.0.is_multiple_of(interval));
    if opens_period && header.time < context.parent_time.saturating_sub(MAX_TIMEWARP_S) {
        return Err(HeaderError::TimewarpAttack);
    }
    if u64::from(header.time) > context.now.saturating_add(rules.max_future_block_time_s) {
        return Err(HeaderError::TimeTooNew);
    }
    let least_versions = [
        (2, rules.activations.bip34),
        (3, rules.activations.dersig),
        (4, rules.activations.cltv),
    ];
    let is_outdated = |(least, activation)| header.version < least && context.height >= activation;
    if least_versions.into_iter().any(is_outdated) {
        return Err(HeaderError::BadVersion(header.version));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_primitives::{BlockHash, CompactTarget, MerkleRoot};

    const CONTEXT: HeaderContext = HeaderContext {
        height: Height(10),
        parent_time: 10_000,
        parent_median_time: 5_000,
        now: 20_000,
    };

    fn header(version: i32, time: u32) -> Header {
        Header {
            version,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        }
    }

    fn code(header: &Header, context: &HeaderContext) -> Option<&'static str> {
        let verdict = check_header(header, context, &Rules::regtest());
        verdict.err().map(|error| error.code())
    }

    #[test]
    fn c12_the_time_is_after_the_median_and_at_most_two_hours_ahead() {
        assert_eq!(code(&header(4, 5_000), &CONTEXT), Some("time-too-old"));
        assert_eq!(code(&header(4, 5_001), &CONTEXT), None);
        assert_eq!(code(&header(4, 27_200), &CONTEXT), None);
        assert_eq!(code(&header(4, 27_201), &CONTEXT), Some("time-too-new"));
        assert_eq!(code(&header(4, 0), &CONTEXT), Some("time-too-old"));
        assert_eq!(code(&header(4, u32::MAX), &CONTEXT), Some("time-too-new"));
    }

    #[test]
    fn c12_a_block_too_new_is_valid_when_the_clock_has_passed() {
        let early = header(4, 27_201);
        let error = check_header(&early, &CONTEXT, &Rules::regtest()).expect_err("too new");
        assert!(error.is_transient() && !HeaderError::TimeTooOld.is_transient());
        let later = HeaderContext {
            now: 20_001,
            ..CONTEXT
        };
        assert_eq!(code(&early, &later), None);
        let end_of_time = HeaderContext {
            now: u64::MAX,
            ..CONTEXT
        };
        assert_eq!(code(&header(4, u32::MAX), &end_of_time), None);
    }

    #[test]
    fn c11_every_144th_block_is_at_most_600_s_older_than_its_parent() {
        let at = |height| HeaderContext {
            height: Height(height),
            ..CONTEXT
        };
        let warped = Some("time-timewarp-attack");
        assert_eq!(code(&header(4, 9_399), &at(144)), warped);
        assert_eq!(code(&header(4, 9_400), &at(144)), None);
        assert_eq!(code(&header(4, 9_399), &at(288)), warped);
        assert_eq!(code(&header(4, 9_399), &at(143)), None);
        assert_eq!(code(&header(4, 9_399), &at(145)), None);
        let without = Rules {
            bip94_interval: None,
            ..Rules::regtest()
        };
        assert_eq!(check_header(&header(4, 9_399), &at(144), &without), Ok(()));
        let young = HeaderContext {
            parent_time: 599,
            parent_median_time: 0,
            ..at(144)
        };
        assert_eq!(code(&header(4, 1), &young), None);
    }

    #[test]
    fn versions_are_refused_from_each_activation_on() {
        assert_eq!(code(&header(3, 10_000), &CONTEXT), Some("bad-version"));
        assert_eq!(
            code(&header(i32::MIN, 10_000), &CONTEXT),
            Some("bad-version")
        );
        let mut rules = Rules::regtest();
        rules.activations.bip34 = Height(11);
        rules.activations.dersig = Height(12);
        rules.activations.cltv = Height(13);
        let accepts = |version, height| {
            let context = HeaderContext {
                height: Height(height),
                ..CONTEXT
            };
            check_header(&header(version, 10_000), &context, &rules).is_ok()
        };
        assert!(accepts(1, 10) && !accepts(1, 11));
        assert!(accepts(2, 11) && !accepts(2, 12));
        assert!(accepts(3, 12) && !accepts(3, 13));
        assert!(accepts(4, 13) && accepts(i32::MAX, 13));
    }
}
