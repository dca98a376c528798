use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use synod_chainspec::{ChainSpec, EngineSpec};
use synod_engine::{Connected, Input, Millis, PeerId, StoredBlock, TimerId, contract};
use synod_primitives::{BlockHash, MerkleRoot};

use super::*;

struct Branch(Vec<Header>);

impl Ancestry for Branch {
    fn header_at(&self, height: Height) -> Option<Header> {
        self.0.get(height.0 as usize).copied()
    }
}

fn header(time: u32, bits: u32) -> Header {
    Header {
        version: 4,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time,
        bits: CompactTarget(bits),
        nonce: 0,
    }
}

fn engine(preset: &str) -> ProofOfWork {
    let spec = ChainSpec::preset(preset).expect("a preset");
    match spec.consensus.engine {
        EngineSpec::Pow(pow) => ProofOfWork::new(pow, spec.consensus.bootstrap),
        other => panic!("{preset} has engine {}", other.name()),
    }
}

/// A devnet branch whose blocks after the bootstrap lie `spacing` seconds apart.
fn devnet_branch(height: u32, spacing: u32, bits: u32) -> Branch {
    let start = 1_767_225_600;
    Branch(
        (0..height)
            .map(|h| match h.checked_sub(144) {
                None => header(start + h, 0x207f_ffff),
                Some(after) => header(start + 143 + after * spacing, bits),
            })
            .collect(),
    )
}

#[test]
fn regtest_asks_for_the_limit_at_every_height() {
    let branch = Branch((0..600).map(|h| header(h, 0x207f_ffff)).collect());
    for height in [1, 143, 144, 288, 600] {
        let bits = engine("regtest").required_bits(Height(height), &branch);
        assert_eq!(bits, CompactTarget(0x207f_ffff));
    }
}

#[test]
fn devnet_leaves_the_limit_after_the_bootstrap_and_retargets_every_36_blocks() {
    let engine = engine("devnet");
    let required = |height: u32, spacing| {
        engine
            .required_bits(Height(height), &devnet_branch(height, spacing, 0x1e0f_ffff))
            .0
    };
    assert_eq!(required(143, 5), 0x207f_ffff);
    assert_eq!(required(144, 5), 0x1e0f_ffff);
    assert_eq!(required(179, 1), 0x1e0f_ffff);
    // 35 spacings of 5 s in a period of 36: a little harder, as in Bitcoin.
    assert_eq!(required(180, 5), 0x1e0f_8e37);
    // No faster than four times, no slower than a quarter.
    assert_eq!(required(180, 0), 0x1e03_ffff);
    assert_eq!(required(180, 1000), 0x1e3f_fffc);
}

#[test]
fn a_bootstrap_block_has_the_time_that_the_spec_fixes() {
    let engine = engine("devnet");
    let branch = devnet_branch(1, 5, 0);
    let good = header(1_767_225_601, 0x207f_ffff);
    assert_eq!(engine.check_header(&good, &[], Height(1), &branch), Ok(()));
    let late = header(1_767_225_602, 0x207f_ffff);
    let error = engine.check_header(&late, &[], Height(1), &branch);
    assert_eq!(error, Err(HeaderError::BadBootstrapTime));
    assert_eq!(engine.required_time(Height(144)), None);
}

#[test]
fn wrong_bits_are_refused_with_cores_code() {
    let branch = devnet_branch(144, 5, 0);
    let error = engine("devnet").check_header(&header(0, 0x207f_ffff), &[], Height(144), &branch);
    assert_eq!(error.expect_err("wrong bits").code(), "bad-diffbits");
}

#[test]
fn a_hash_above_the_target_and_bits_that_are_no_target_are_high_hash() {
    let engine = engine("regtest");
    let met: Vec<bool> = (0..64)
        .map(|nonce| Header {
            nonce,
            ..header(1, 0x207f_ffff)
        })
        .map(|header| {
            let passes = header.block_hash().as_bytes()[31] < 0x80;
            assert_eq!(engine.check_header_alone(&header, &[]).is_ok(), passes);
            passes
        })
        .collect();
    assert!(met.contains(&true) && met.contains(&false));
    for bits in [0, 0x2080_0000, 0x0192_3456, 0xff12_3456, 0x217f_ffff] {
        let error = engine.check_header_alone(&header(1, bits), &[]);
        assert_eq!(error, Err(HeaderError::HighHash), "{bits:08x}");
    }
    let error = engine.check_header_alone(&header(1, 0x207f_ffff), &[0]);
    assert_eq!(error, Err(HeaderError::UnexpectedProof));
}

fn end(work: u8, arrival: u64) -> BranchEnd {
    let number =
        |byte| Work::from_be_bytes(std::array::from_fn(|i| if i == 31 { byte } else { 0 }));
    BranchEnd {
        hash: BlockHash::from_bytes([arrival as u8; 32]),
        height: Height(1),
        chainwork: number(work),
        block_work: number(2),
        arrival,
    }
}

#[test]
fn more_work_wins_and_of_equal_work_the_first_seen_stays() {
    let engine = engine("regtest");
    assert!(engine.prefers(&end(4, 2), &end(2, 1)));
    assert!(!engine.prefers(&end(2, 2), &end(2, 1)));
    assert!(!engine.prefers(&end(2, 1), &end(4, 2)));
}

/// Everything that can happen to an engine, twice over.
fn script() -> contract::Script {
    let block = synod_chainspec::genesis_block();
    let stored = Arc::new(StoredBlock::new(&block, Height(0)).expect("it has a coinbase"));
    let inputs = vec![
        Input::Restart { records: vec![] },
        Input::Keys(vec![]),
        Input::Stored(Arc::clone(&stored)),
        Input::Connected(Connected {
            block: stored,
            stake: Arc::default(),
        }),
        Input::Message {
            from: PeerId(1),
            bytes: Bytes::from_static(b"?"),
        },
        Input::Timer(TimerId(1)),
        Input::Disconnected(block.hash()),
        Input::Rejected(block.hash()),
    ];
    let times = (0..).map(Millis);
    times.zip(inputs).collect()
}

#[test]
fn it_keeps_the_contract_of_engines_and_asks_for_nothing() {
    let new = || -> Box<dyn Engine> { Box::new(engine("devnet")) };
    contract::check_determinism(&new, &script());
    contract::check_restart_at_every_point(&new, &script());
    contract::check_disturbed_messages(&new, &script(), 7, 8);
    let junk = (0..100).map(|n| Bytes::from(vec![0; n]));
    contract::check_flood(&new, &script(), junk);
    let mut engine = engine("devnet");
    for (now, input) in script() {
        assert_eq!(engine.handle(now, input), []);
    }
}

proptest! {
    #[test]
    fn fork_choice_keeps_the_contract(ends in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..12)) {
        let ends: Vec<BranchEnd> = ends.iter().map(|(work, arrival)| end(*work, u64::from(*arrival))).collect();
        contract::check_fork_choice_is_a_strict_order(&engine("regtest"), &ends);
    }
}
