//! Golden bytes, round trips and the limits of every format.

use proptest::prelude::*;
use synod_primitives::{Height, hex, sha256};
use synod_seal::{
    Anchor, Candidacy, DelegateHash, HashChain, MAX_CANDIDATE_NAME, MAX_CHAIN_LENGTH,
    MAX_SEAL_SIZE, MAX_VOTE_GROUPS, MAX_VOTES_PER_SEAL, Mode, OwnerHash, Seal, SealError, SealKey,
    Sections, Slot, StakeKind, StakeProgram, Vote, is_next_reveal,
};

use crate::kit::{CHAIN, Key, checkpoint};

#[test]
fn formats_are_frozen() {
    let key = Key::new(1);
    let seal = Seal {
        round: 2,
        previously_sealed: Height(3),
        prevoted: Height(4),
        sections: Sections::from_votes(&[key.vote(1, 2, 9)]),
        ..key.seal(0x0102)
    };
    let digest = |bytes: &[u8]| hex::encode(sha256(bytes));
    let unsigned = Seal {
        sections: Sections::default(),
        ..seal.clone()
    };
    let head = "5345414c0101020100000000000002000000030000000400000007";
    let expected = [
        head,
        &"07".repeat(31),
        &key.public().to_string(),
        &"00".repeat(65),
    ]
    .concat();
    assert_eq!(hex::encode(unsigned.encode()), expected);
    assert_eq!(
        digest(&seal.encode()),
        "a463b06d1a1fe5e1e0d16161626401e657024262d5425a7d6fe363bcccb5812d"
    );
    assert_eq!(
        digest(&key.vote(1, 2, 9).encode()),
        "39fd47136162d571302e659a2b3e81613e2efdad73dcbcdad25cb8d6923c3bf2"
    );
    assert_eq!(
        digest(key.block(200, &seal, 0).raw()),
        "2c2e82e4d56ccbead8e817e73460d11bf7739d5d01390b2cb4f7706c2324deff"
    );
    assert_eq!(
        key.public().delegate_hash().to_string(),
        "d67c493e450bce036db8529a44ee1c7264d1352a"
    );
}

#[test]
fn stake_outputs_read_back_and_nothing_else_does() {
    for kind in [StakeKind::Bonded, StakeKind::Unbonding] {
        let stake = StakeProgram {
            kind,
            owner: OwnerHash([1; 20]),
            delegate: DelegateHash([2; 20]),
        };
        let script = stake.script();
        assert_eq!(script.len(), 42);
        assert_eq!(script.as_bytes()[0], 0x50 + stake.witness_version());
        assert_eq!(StakeProgram::of_script(script.as_bytes()), Some(stake));
        assert_eq!(StakeProgram::of_script(&script.as_bytes()[..41]), None);
        let longer = [script.as_bytes(), &[0]].concat();
        assert_eq!(StakeProgram::of_script(&longer), None);
        let mut other = script.as_bytes().to_vec();
        other[0] = 0x54;
        assert_eq!(StakeProgram::of_script(&other), None);
        assert_eq!(stake.slashed().delegate, DelegateHash::ZERO);
        assert_eq!(stake.unbonding().kind, StakeKind::Unbonding);
    }
}

#[test]
fn registrations_read_back_and_names_have_limits() {
    let anchor = Anchor {
        delegate: DelegateHash([2; 20]),
        anchor: [3; 32],
    };
    let script = anchor.script();
    assert_eq!(Anchor::of_script(script.as_bytes()), Some(anchor));
    assert_eq!(Candidacy::of_script(script.as_bytes()), None);
    let longest = "a".repeat(MAX_CANDIDATE_NAME);
    let candidacy = Candidacy::new(anchor, &longest).expect("a name");
    let script = candidacy.script();
    assert_eq!(script.len(), 77);
    assert_eq!(Candidacy::of_script(script.as_bytes()), Some(candidacy));
    assert_eq!(Anchor::of_script(script.as_bytes()), Some(anchor));
    for bad in ["", "A", "a b", "é", &"a".repeat(MAX_CANDIDATE_NAME + 1)] {
        assert_eq!(Candidacy::new(anchor, bad), None, "{bad}");
    }
    let cut = &script.as_bytes()[..script.len() - 1];
    assert_eq!(Anchor::of_script(cut), None);
}

#[test]
fn a_hash_chain_reveals_what_its_anchor_fixed() {
    for length in [1, 2, 1023, 1024, 1025, 3000] {
        let chain = HashChain::new([5; 32], length).expect("a chain");
        let mut before = chain.anchor();
        for used in 0..length.min(1100) {
            let reveal = chain.reveal(used).expect("not used up");
            assert!(is_next_reveal(&reveal, &before));
            before = reveal;
        }
        assert_eq!(chain.reveal(length), None);
        assert_eq!(chain.reveal(length - 1), Some([5; 32]));
        assert_eq!(chain.reveal_after(&chain.anchor()), chain.reveal(0));
        assert_eq!(chain.reveal_after(&[5; 32]), None);
        assert!(!is_next_reveal(&[0; 32], &chain.anchor()));
    }
    assert!(HashChain::new([5; 32], 0).is_none());
    assert!(HashChain::new([5; 32], MAX_CHAIN_LENGTH + 1).is_none());
}

/// Makes a vote whose signature is not looked at.
fn unsigned_vote(key: u8, target: u64) -> Vote {
    Vote {
        link: synod_seal::VoteLink {
            source: checkpoint(0, 0),
            target: checkpoint(target, 1),
        },
        key: SealKey([key; 32]),
        signature: [key; 64],
    }
}

#[test]
fn a_seal_carries_votes_up_to_its_limits() {
    let key = Key::new(1);
    let many: Vec<Vote> = (0..=u8::MAX).map(|it| unsigned_vote(it, 1)).collect();
    let sections = Sections::from_votes(&many);
    assert_eq!(sections.votes().count(), MAX_VOTES_PER_SEAL);
    let seal = Seal {
        sections,
        ..key.seal(1)
    };
    let encoded = seal.encode();
    assert!(encoded.len() <= MAX_SEAL_SIZE);
    assert_eq!(Seal::decode(&encoded), Ok(seal));
    let spread: Vec<Vote> = (1..=5).map(|target| unsigned_vote(1, target)).collect();
    let sections = Sections::from_votes(&spread);
    assert_eq!(sections.groups().len(), MAX_VOTE_GROUPS);
    assert!(
        sections
            .groups()
            .iter()
            .all(|group| group.link.target.epoch.0 > 1),
        "the latest stay"
    );
}

#[test]
fn sections_out_of_order_or_past_a_limit_are_refused() {
    let key = Key::new(1);
    let seal = |votes: &[Vote]| Seal {
        sections: Sections::from_votes(votes),
        ..key.seal(1)
    };
    let fixed = key.seal(1).encode().len() - 1;
    let two = seal(&[unsigned_vote(1, 1), unsigned_vote(2, 1)]).encode();
    let mut swapped = two.clone();
    let first = fixed + 3 + 81;
    swapped[first..first + 192].rotate_left(96);
    assert_eq!(Seal::decode(&swapped), Err(SealError::Section));
    let mut twice = two.clone();
    twice.copy_within(first..first + 96, first + 96);
    assert_eq!(Seal::decode(&twice), Err(SealError::Section));
    let mut groups = seal(&[unsigned_vote(1, 1), unsigned_vote(1, 2)]).encode();
    groups[fixed + 3..].rotate_left(81 + 96);
    assert_eq!(Seal::decode(&groups), Err(SealError::Section));
    for (at, value) in [
        (fixed, 2),
        (fixed + 1, 2),
        (fixed + 2, 0),
        (fixed + 2, 5),
        (first - 1, 0),
        (first - 1, 129),
    ] {
        let mut bad = two.clone();
        bad[at] = value;
        assert_eq!(Seal::decode(&bad), Err(SealError::Section), "{at} {value}");
    }
    let mut backwards = two.clone();
    backwards[fixed + 3] = 1;
    assert_eq!(
        Seal::decode(&backwards),
        Err(SealError::Section),
        "the target is not after the source"
    );
    assert_eq!(
        Seal::decode(&vec![0; MAX_SEAL_SIZE + 1]),
        Err(SealError::Section)
    );
}

#[test]
fn other_magics_versions_and_modes_are_no_seals() {
    let bytes = Key::new(1).seal(1).encode();
    for (at, value) in [(0, 0), (3, 0), (4, 0), (4, 2), (5, 6)] {
        let mut bad = bytes.clone();
        bad[at] = value;
        assert_eq!(Seal::decode(&bad), Err(SealError::Format));
    }
    for cut in 0..bytes.len() {
        assert!(Seal::decode(&bytes[..cut]).is_err());
    }
    assert!(Seal::decode(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn votes_are_of_one_chain_and_one_key() {
    let vote = Key::new(1).vote(1, 2, 9);
    assert!(vote.is_signed(&CHAIN));
    assert!(!vote.is_signed(&[0; 32]));
    let stolen = Vote {
        key: Key::new(2).public(),
        ..vote
    };
    assert!(!stolen.is_signed(&CHAIN));
    assert_eq!(Vote::decode(&vote.encode()), Ok(vote));
    assert!(Vote::decode(&vote.encode()[1..]).is_err());
    let still = Key::new(1).vote(2, 2, 9);
    assert!(Vote::decode(&still.encode()).is_err());
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![
        Mode::Bootstrap,
        Mode::Pos,
        Mode::Dpos,
        Mode::Bft,
        Mode::Raft,
        Mode::Paxos,
    ])
}

fn votes() -> impl Strategy<Value = Vec<Vote>> {
    let vote = (any::<u8>(), 1..8u64).prop_map(|(key, target)| unsigned_vote(key, target));
    prop::collection::vec(vote, 0..200)
}

proptest! {
    #[test]
    fn seals_read_back(mode in modes(), slot: u64, numbers: [u32; 3], bytes: [u8; 32], votes in votes()) {
        let seal = Seal {
            mode,
            slot: Slot(slot),
            round: numbers[0],
            previously_sealed: Height(numbers[1]),
            prevoted: Height(numbers[2]),
            reveal: bytes,
            key: SealKey(bytes),
            signature: std::array::from_fn(|i| bytes[i % 32]),
            sections: Sections::from_votes(&votes),
        };
        prop_assert_eq!(Seal::decode(&seal.encode()), Ok(seal));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(at in 0..800usize, value: u8, votes in votes()) {
        let mut bytes = Seal { sections: Sections::from_votes(&votes), ..Key::new(1).seal(1) }.encode();
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(seal) = Seal::decode(&bytes) {
            prop_assert_eq!(seal.encode(), bytes);
        }
    }
}
