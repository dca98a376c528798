//! Who must go when a stranger knocks and there is no room.
//!
//! Security: an attacker who opens many connections must not be able to push out honest
//! peers. So peers are protected by traits that are hard to have all at once (Core 28:
//! `SelectNodeToEvict`): network groups, low latency, recent transactions, recent blocks, and
//! half of what is left by age. Of the rest the youngest of the largest group goes.

use std::collections::BTreeMap;

use crate::netgroup::NetGroup;
use crate::peers::PeerId;

/// Peers protected for standing in groups of their own (Core: 4).
pub const PROTECTED_BY_GROUP: usize = 4;
/// Peers protected for low latency (Core: 8).
pub const PROTECTED_BY_LATENCY: usize = 8;
/// Peers protected for having sent a transaction lately (Core: 4).
pub const PROTECTED_BY_TRANSACTION: usize = 4;
/// Peers protected for having sent a block lately (Core: 4, and 8 more that relay blocks only).
pub const PROTECTED_BY_BLOCK: usize = 4;

/// A peer that came by itself, as far as its eviction is concerned. Times are milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The peer.
    pub id: PeerId,
    /// Its network group.
    pub group: NetGroup,
    /// When it came.
    pub since: u64,
    /// Its best latency, if known.
    pub latency_ms: Option<u64>,
    /// When it last sent a transaction that was new.
    pub last_transaction: Option<u64>,
    /// When it last sent a block that was new.
    pub last_block: Option<u64>,
}

/// Chooses the peer that makes room; `None` when all are protected. `salt` makes the choice
/// of protected groups unpredictable.
#[must_use]
pub fn choose(mut peers: Vec<Candidate>, salt: u64) -> Option<PeerId> {
    let salted = |group: NetGroup| {
        group.to_bytes().iter().fold(salt, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    peers.sort_by_key(|it| salted(it.group));
    protect_distinct_groups(&mut peers);
    peers.sort_by_key(|it| std::cmp::Reverse(it.latency_ms.unwrap_or(u64::MAX)));
    protect(&mut peers, PROTECTED_BY_LATENCY);
    peers.sort_by_key(|it| (it.last_transaction, std::cmp::Reverse(it.since)));
    protect(&mut peers, PROTECTED_BY_TRANSACTION);
    peers.sort_by_key(|it| (it.last_block, std::cmp::Reverse(it.since)));
    protect(&mut peers, PROTECTED_BY_BLOCK);
    peers.sort_by_key(|it| std::cmp::Reverse(it.since));
    let half = peers.len() / 2;
    protect(&mut peers, half);

    let mut groups: BTreeMap<NetGroup, Vec<Candidate>> = BTreeMap::new();
    for peer in peers {
        groups.entry(peer.group).or_default().push(peer);
    }
    // Of groups of one size that with the youngest member.
    let youngest = |list: &Vec<Candidate>| list.iter().map(|it| it.since).max();
    let largest = groups
        .into_values()
        .max_by_key(|list| (list.len(), youngest(list)))?;
    largest.iter().max_by_key(|it| it.since).map(|it| it.id)
}

/// Takes the last ones off the list.
fn protect(peers: &mut Vec<Candidate>, count: usize) {
    peers.truncate(peers.len().saturating_sub(count));
}

/// Protects one peer of each of the first groups, the oldest.
fn protect_distinct_groups(peers: &mut Vec<Candidate>) {
    let mut chosen: Vec<(NetGroup, PeerId, u64)> = Vec::new();
    for peer in peers.iter() {
        let has_room = chosen.len() < PROTECTED_BY_GROUP;
        match chosen.iter_mut().find(|(group, ..)| *group == peer.group) {
            Some(entry) if peer.since < entry.2 => *entry = (peer.group, peer.id, peer.since),
            Some(_) => {}
            None if has_room => chosen.push((peer.group, peer.id, peer.since)),
            None => {}
        }
    }
    peers.retain(|peer| !chosen.iter().any(|(_, id, _)| *id == peer.id));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: PeerId, network: u8, since: u64) -> Candidate {
        Candidate {
            id,
            group: NetGroup::of([8, network, 0, 1].into()),
            since,
            latency_ms: Some(100),
            last_transaction: None,
            last_block: None,
        }
    }

    /// Fills the table: honest peers first, then a thousand of an attacker, each time one out.
    fn besiege(honest: Vec<Candidate>, attacker: impl Fn(u64) -> Candidate) -> Vec<PeerId> {
        let mut peers = honest;
        for n in 0..1000 {
            if peers.len() >= 114 {
                let Some(out) = choose(peers.clone(), 7) else {
                    continue;
                };
                peers.retain(|it| it.id != out);
            }
            peers.push(attacker(n));
        }
        peers
            .iter()
            .map(|it| it.id)
            .filter(|id| *id < 1000)
            .collect()
    }

    #[test]
    fn p22_a_thousand_peers_of_one_network_push_nobody_else_out() {
        let honest: Vec<_> = (0..20).map(|n| peer(n, 10 + n as u8, n)).collect();
        let left = besiege(honest, |n| peer(1000 + n, 200, 1000 + n));
        assert_eq!(left.len(), 20);
    }

    #[test]
    fn p22_long_lived_quick_and_useful_peers_survive_a_thousand_of_all_networks() {
        let mut honest: Vec<_> = (0..20).map(|n| peer(n, 10, n)).collect();
        for it in &mut honest[0..4] {
            it.last_block = Some(5000);
        }
        for it in &mut honest[4..8] {
            it.last_transaction = Some(5000);
        }
        for it in &mut honest[8..16] {
            it.latency_ms = Some(1);
        }
        let left = besiege(honest, |n| peer(1000 + n, (n % 250) as u8, 1000 + n));
        assert_eq!(left, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_few_peers_are_all_protected() {
        let peers: Vec<_> = (0..20).map(|n| peer(n, n as u8, n)).collect();
        assert_eq!(choose(peers, 7), None);
        assert_eq!(choose(Vec::new(), 7), None);
        let peers: Vec<_> = (0..24).map(|n| peer(n, n as u8, n)).collect();
        assert!(choose(peers, 7).is_some());
    }
}
