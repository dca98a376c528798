//! Signals for rules that the node does not know.

use synod_node_core::{Node, SIGNAL_PERIOD, SIGNAL_THRESHOLD, UnknownRules};
use synod_primitives::Block;

use crate::kit::*;

/// A version that signals for these bits.
fn signals(bits: u32) -> i32 {
    (0x2000_0000 | bits).cast_signed()
}

/// Mines empty blocks of this version.
fn mine_versions(node: &mut Node, count: u32, version: i32) -> Vec<Block> {
    let mine_one = |_| {
        let template = node.template(free(1), NOW);
        let mut work = start_of(&template);
        work.version = Some(version);
        let block = search_from(&template, work);
        assert_eq!(submit(node, &block).as_deref(), Ok("active"));
        block
    };
    (0..count).map(mine_one).collect()
}

/// A node whose next block opens the second period, the first in which signals count.
fn after_first_period() -> Node {
    let mut node = open(&Disk::default());
    mine_versions(&mut node, SIGNAL_PERIOD - 1, signals(0));
    node
}

/// A period of blocks of which `count` signal for `bit`, the others for nothing.
fn mine_period(node: &mut Node, count: u32, bit: u32) {
    mine_versions(node, count, signals(1 << bit));
    mine_versions(node, SIGNAL_PERIOD - count, signals(0));
}

const LOCKED_IN: UnknownRules = UnknownRules {
    active: 0,
    locked_in: 1 << 27,
};
const ACTIVE: UnknownRules = UnknownRules {
    active: 1 << 27,
    locked_in: 0,
};

#[test]
fn rules_that_108_of_144_blocks_signal_for_are_locked_in_and_a_period_later_active() {
    let mut node = after_first_period();
    mine_period(&mut node, SIGNAL_THRESHOLD - 1, 27);
    assert!(node.view().unknown_rules.is_empty());
    mine_period(&mut node, SIGNAL_THRESHOLD, 27);
    assert_eq!(node.view().unknown_rules, LOCKED_IN);
    mine_versions(&mut node, SIGNAL_PERIOD - 1, signals(0));
    assert_eq!(node.view().unknown_rules, LOCKED_IN);
    mine_versions(&mut node, 1, signals(0));
    assert_eq!(node.view().unknown_rules, ACTIVE);
    mine_period(&mut node, 0, 27);
    assert_eq!(node.view().unknown_rules, ACTIVE, "for good");
}

#[test]
fn signals_of_the_first_period_do_not_count() {
    let mut node = open(&Disk::default());
    mine_versions(&mut node, SIGNAL_PERIOD - 1, signals(1 << 27));
    mine_period(&mut node, 0, 27);
    assert!(node.view().unknown_rules.is_empty());
}

#[test]
fn versions_without_bip9s_three_bits_are_no_signals() {
    let mut node = after_first_period();
    for version in [0x7000_0000 | 1 << 27, 0x0800_0004, 4] {
        mine_versions(&mut node, SIGNAL_PERIOD, version);
        assert!(node.view().unknown_rules.is_empty(), "{version:08x}");
    }
}

/// Core's regtest knows bit 28 as a deployment that changes nothing. It is known while it is
/// being signalled for and locked in; who goes on signalling after that means something else.
#[test]
fn the_test_deployment_is_known_until_it_is_active() {
    let mut node = after_first_period();
    mine_period(&mut node, SIGNAL_PERIOD, 28);
    assert!(node.view().unknown_rules.is_empty(), "locked in");
    mine_period(&mut node, SIGNAL_PERIOD, 28);
    assert!(node.view().unknown_rules.is_empty(), "active");
    mine_period(&mut node, SIGNAL_PERIOD, 28);
    let rules = node.view().unknown_rules;
    assert_eq!((rules.active, rules.locked_in), (0, 1 << 28));
}

#[test]
fn a_branch_without_the_signals_takes_the_warning_back_and_a_restart_keeps_it() {
    let disk = Disk::default();
    let mut node = open(&disk);
    let first = mine_versions(&mut node, SIGNAL_PERIOD - 1, signals(0));
    mine_period(&mut node, SIGNAL_THRESHOLD, 27);
    assert_eq!(node.view().unknown_rules, LOCKED_IN);
    drop(node);
    let mut node = open(&disk);
    assert_eq!(node.view().unknown_rules, LOCKED_IN);
    let mut other = open(&Disk::default());
    for block in &first {
        assert_eq!(submit(&mut other, block).as_deref(), Ok("active"));
    }
    for block in mine_many(&mut other, 2, SIGNAL_PERIOD + 1) {
        submit(&mut node, &block).expect("a valid block");
    }
    assert_eq!(node.view(), other.view());
    assert!(node.view().unknown_rules.is_empty());
}
