//! How far this node's clock is off those of its peers.
//!
//! Consensus time never follows peers (attack P20): the operator is told, and that is all.

use std::collections::BTreeMap;

use synod_api::hex::NodeIdHex;

use crate::port::NodePort;
use crate::table::PeerTable;

/// How far the clock may be off the median of its peers' before the operator is warned, in
/// seconds (Core 28: 10 minutes).
pub const CLOCK_WARNING_S: u64 = 600;
/// The fewest peers whose clocks say something: of three, one that lies is outvoted (Core 28
/// wants five, and has eight outbound connections).
pub const MIN_CLOCKS: usize = 3;

/// Returns the median of what peers' clocks show more than this node's, in seconds; `None` of
/// fewer than [`MIN_CLOCKS`].
#[must_use]
pub fn median_offset(mut offsets: Vec<i64>) -> Option<i64> {
    if offsets.len() < MIN_CLOCKS {
        return None;
    }
    offsets.sort_unstable();
    offsets.get(offsets.len() / 2).copied()
}

/// Returns how much a peer's clock shows more than this node's, in seconds.
pub(crate) fn offset(theirs: u64, ours: u64) -> i64 {
    let difference = i128::from(theirs) - i128::from(ours);
    let bound = if difference < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(difference).unwrap_or(bound)
}

impl<N: NodePort> PeerTable<N> {
    /// Returns how much the clocks of the nodes that this one speaks to show more than its own,
    /// by their median, in seconds; `None` of too few.
    ///
    /// Security: strangers that came by themselves do not count, and a node counts once.
    #[must_use]
    pub fn clock_offset_s(&self) -> Option<i64> {
        let peers = self.lock();
        let chosen = peers.entries.values().map(|it| &it.state);
        let chosen = chosen.filter(|it| it.is_connected && !it.is_inbound());
        let by_node: BTreeMap<NodeIdHex, i64> = chosen
            .filter_map(|it| Some((it.handshake.as_ref()?.node_id, it.clock_offset_s?)))
            .collect();
        drop(peers);
        median_offset(by_node.into_values().collect())
    }

    /// Says whether this node's clock is far off those of its peers.
    #[must_use]
    pub fn is_clock_off(&self) -> bool {
        self.clock_offset_s()
            .is_some_and(|it| it.unsigned_abs() > CLOCK_WARNING_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_three_is_not_moved_by_one_that_lies() {
        assert_eq!(median_offset(vec![4200, 4200]), None);
        assert_eq!(median_offset(vec![1, i64::MAX, 3]), Some(3));
        assert_eq!(median_offset(vec![i64::MIN, -700, -601]), Some(-700));
        assert_eq!(median_offset(vec![0, 600, 601, 4200]), Some(601));
    }

    #[test]
    fn p20_no_two_clocks_overflow_their_difference() {
        assert_eq!(offset(5, 3), 2);
        assert_eq!(offset(3, 5), -2);
        assert_eq!(offset(u64::MAX, 0), i64::MAX);
        assert_eq!(offset(0, u64::MAX), i64::MIN);
    }
}
