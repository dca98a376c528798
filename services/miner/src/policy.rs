//! When to search: a function of the policy, the template and the time.

use std::time::{Duration, Instant};

use synod_api::miner::MiningPolicy;

use crate::work::Work;

/// Blocks that are mined at once on a fresh chain whose `bits` is the limit: the first coinbase
/// output is then 100 deep and can be spent.
pub(crate) const FIRST_BLOCKS: u32 = 101;

/// What the miner should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Search.
    Search,
    /// Wait until a moment, or for a change before it.
    WaitUntil(Instant),
    /// Wait for a change.
    Wait,
}

/// What a decision rests on, besides the template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// The policy.
    pub(crate) policy: MiningPolicy,
    /// The time between two blocks under `interval`.
    pub(crate) block_time: Duration,
    /// Blocks that `POST /v1/mine` still asks for.
    pub(crate) requested: u32,
    /// When the tip last changed, as far as this miner saw.
    pub(crate) tip_since: Instant,
    /// Now.
    pub(crate) now: Instant,
}

/// Decides whether to search a template now.
///
/// Blocks that were asked for by hand are always searched. Under `interval` and `on-tx` no block
/// is searched whose time would have to run ahead of the node's clock, so that a burst of
/// payments cannot drive header times into the future.
#[must_use]
pub(crate) fn decide(work: &Work, situation: &Situation) -> Decision {
    let template = work.template();
    if situation.requested > 0 {
        return Decision::Search;
    }
    let is_first = template.bits_is_limit && template.height <= FIRST_BLOCKS;
    let has_transactions = template.transaction_count > 0;
    let due = situation.tip_since + situation.block_time;
    let wanted = match situation.policy {
        MiningPolicy::Auto => return Decision::Search,
        MiningPolicy::Manual => Decision::Wait,
        MiningPolicy::Interval if is_first || has_transactions || situation.now >= due => {
            Decision::Search
        }
        MiningPolicy::Interval => Decision::WaitUntil(due),
        MiningPolicy::OnTx if is_first || has_transactions => Decision::Search,
        MiningPolicy::OnTx => Decision::Wait,
    };
    let ahead = work.ahead_of_clock(situation.now);
    match wanted {
        Decision::Search if !is_first && !ahead.is_zero() => {
            Decision::WaitUntil(situation.now + ahead)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use synod_api::node::Template;

    use super::*;
    use crate::work::tests::template;

    const BLOCK_TIME: Duration = Duration::from_secs(5);

    fn decision(policy: MiningPolicy, template: Template, waited: Duration) -> Decision {
        decision_of(policy, template, waited, 0).0
    }

    fn decision_of(
        policy: MiningPolicy,
        template: Template,
        waited: Duration,
        requested: u32,
    ) -> (Decision, Instant) {
        let begin = Instant::now();
        let now = begin + waited;
        let work = Work::new(template, now).expect("a template");
        let situation = Situation {
            policy,
            block_time: BLOCK_TIME,
            requested,
            tip_since: begin,
            now,
        };
        (decide(&work, &situation), begin)
    }

    fn at(height: u32, transaction_count: u32) -> Template {
        Template {
            height,
            transaction_count,
            ..template()
        }
    }

    #[test]
    fn the_first_101_blocks_come_at_once_where_bits_is_the_limit() {
        for policy in [MiningPolicy::Interval, MiningPolicy::OnTx] {
            assert_eq!(
                decision(policy, at(101, 0), Duration::ZERO),
                Decision::Search
            );
            assert_ne!(
                decision(policy, at(102, 0), Duration::ZERO),
                Decision::Search
            );
            let hard = Template {
                bits_is_limit: false,
                ..at(101, 0)
            };
            assert_ne!(decision(policy, hard, Duration::ZERO), Decision::Search);
        }
        assert_eq!(
            decision(MiningPolicy::Manual, at(1, 0), Duration::ZERO),
            Decision::Wait
        );
    }

    #[test]
    fn interval_waits_for_the_block_time_or_a_transaction() {
        let interval = MiningPolicy::Interval;
        let (waiting, begin) = decision_of(interval, at(200, 0), Duration::from_secs(1), 0);
        assert_eq!(waiting, Decision::WaitUntil(begin + BLOCK_TIME));
        assert_eq!(decision(interval, at(200, 0), BLOCK_TIME), Decision::Search);
        assert_eq!(
            decision(interval, at(200, 1), Duration::ZERO),
            Decision::Search
        );
    }

    #[test]
    fn on_tx_and_manual_wait_for_what_they_are_named_after() {
        let long = Duration::from_secs(1_000_000);
        assert_eq!(
            decision(MiningPolicy::OnTx, at(200, 0), long),
            Decision::Wait
        );
        assert_eq!(
            decision(MiningPolicy::OnTx, at(200, 1), Duration::ZERO),
            Decision::Search
        );
        assert_eq!(
            decision(MiningPolicy::Manual, at(200, 1), long),
            Decision::Wait
        );
        let (asked, _) = decision_of(MiningPolicy::Manual, at(200, 0), Duration::ZERO, 1);
        assert_eq!(asked, Decision::Search);
        assert_eq!(
            decision(MiningPolicy::Auto, at(200, 0), Duration::ZERO),
            Decision::Search
        );
    }

    #[test]
    fn payments_do_not_drive_header_times_into_the_future() {
        let early = |height| Template {
            min_time: 2003,
            ..at(height, 1)
        };
        for policy in [MiningPolicy::Interval, MiningPolicy::OnTx] {
            let (waiting, begin) = decision_of(policy, early(200), Duration::ZERO, 0);
            assert_eq!(waiting, Decision::WaitUntil(begin + Duration::from_secs(3)));
            assert_eq!(
                decision(policy, early(50), Duration::ZERO),
                Decision::Search
            );
        }
        assert_eq!(
            decision(MiningPolicy::Auto, early(200), Duration::ZERO),
            Decision::Search
        );
    }
}
