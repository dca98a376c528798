use super::*;
use crate::round::{quorum, shuffle};
use synod_primitives::sha256;

fn delegate(index: u32) -> DelegateHash {
    let mut hash = [0; 20];
    hash[..4].copy_from_slice(&index.to_be_bytes());
    DelegateHash(hash)
}

/// A chain without forks: every delegate states its last block, as an honest one does.
struct Chain {
    votes: Votes,
    quorum: u32,
    last: BTreeMap<u32, u32>,
    final_at: Vec<u32>,
}

impl Chain {
    fn new(slots: u32, voters: u32) -> Self {
        Self {
            votes: Votes::new(Height(0), slots * 3),
            quorum: quorum(voters),
            last: BTreeMap::new(),
            final_at: vec![0],
        }
    }

    fn seal(&mut self, index: u32, votes: bool) -> VotesUndo {
        let before = self.last.get(&index).copied().unwrap_or(0);
        let undo = self.votes.apply(&Ballot {
            delegate: delegate(index),
            previously_sealed: Height(before),
            since: votes.then_some(Height(1)),
            quorum: self.quorum,
        });
        let height = self.votes.tip().0;
        self.last.insert(index, height);
        self.final_at.push(u32::MAX);
        let upto = self.votes.last_final().0 as usize;
        let open = self.final_at.iter_mut().take(upto + 1).rev();
        open.take_while(|it| **it == u32::MAX)
            .for_each(|it| *it = height);
        undo
    }

    /// Blocks on top of each block when it became final, for all that did.
    fn lags(&self) -> Vec<u32> {
        let heights = (0u32..).zip(&self.final_at).skip(1);
        heights
            .filter(|(_, at)| **at != u32::MAX)
            .map(|(height, at)| at - height)
            .collect()
    }
}

/// Plays rounds in orders that follow from the round's number; the first `standby` delegates
/// of `slots` seal, but do not vote.
fn shuffled(slots: u32, standby: u32, rounds: u32) -> Chain {
    let mut chain = Chain::new(slots, slots - standby);
    for round in 0..rounds {
        for index in shuffle(&sha256(&round.to_le_bytes()), slots as usize) {
            let index = u32::from(index);
            chain.seal(index, index >= standby);
        }
    }
    chain
}

#[test]
fn in_a_fixed_order_a_block_is_final_under_two_quorums_less_one() {
    for (delegates, lag) in [(1, 1), (4, 5), (7, 9), (21, 29), (101, 135)] {
        let mut chain = Chain::new(delegates, delegates);
        for turn in 0..delegates * 8 {
            chain.seal(turn % delegates, true);
        }
        let quorum = quorum(delegates);
        assert_eq!((quorum - 1) + quorum, lag, "the formula of LIP-0014");
        let lags = chain.lags();
        assert!(lags.len() as u32 > delegates * 5);
        assert!(lags.iter().all(|it| *it == lag), "{delegates}: {lags:?}");
    }
}

/// The means are those of LIP-0014's rule, simulated a second time in another language: 33.6
/// blocks for 21 delegates, 10.2 for 7.
#[test]
fn in_shuffled_orders_no_block_is_final_sooner_than_the_formula_says() {
    for (delegates, least, mean) in [(4, 5, 545..575), (7, 9, 1000..1030), (21, 29, 3330..3380)] {
        let lags = shuffled(delegates, 0, 300).lags();
        assert_eq!(lags.iter().min(), Some(&least));
        let hundredths = lags.iter().sum::<u32>() * 100 / lags.len() as u32;
        assert!(mean.contains(&hundredths), "{delegates}: {hundredths}");
    }
}

/// LIP-0014 prints for 101 active and 2 standby delegates: 135 blocks in the best case, 155 on
/// average for the first block of a round.
#[test]
fn lisks_published_numbers_come_out_for_101_active_and_2_standby_delegates() {
    let chain = shuffled(103, 2, 80);
    let lags = chain.lags();
    assert_eq!((68 - 1) + 68, 135);
    let first: Vec<u32> = lags.iter().step_by(103).copied().collect();
    assert!(first.iter().all(|lag| *lag >= 135));
    let mean_tenths = first.iter().sum::<u32>() * 10 / first.len() as u32;
    assert!((1540..=1565).contains(&mean_tenths), "{mean_tenths}");
    assert!(lags.iter().all(|lag| *lag >= 135));
    // The best case itself: the order stays, and the two that do not vote come first in one
    // round and last in the next, so that 136 blocks in a row are votes.
    let mut best = Chain::new(103, 101);
    for round in 0..6 {
        let voters = 0..101;
        let idle = 101..103;
        if round % 2 == 0 {
            idle.chain(voters)
                .for_each(|index| _ = best.seal(index, index < 101));
        } else {
            voters
                .chain(idle)
                .for_each(|index| _ = best.seal(index, index < 101));
        }
    }
    assert_eq!(best.lags().iter().min(), Some(&135));
    assert_eq!(best.lags()[2], 135, "the third block of the first round");
}

#[test]
fn without_a_quorum_nothing_becomes_final_and_with_one_it_goes_on() {
    // 14 of 21 are one short of the quorum of 15.
    let mut chain = Chain::new(21, 21);
    for turn in 0..21 * 10 {
        chain.seal(turn % 21, true);
    }
    let before = chain.votes.last_final();
    for _ in 0..20 {
        (0..14).for_each(|index| _ = chain.seal(index, true));
    }
    let stopped = chain.votes.last_final();
    // Votes of the seven that left were still under way.
    assert!(stopped.0 <= before.0 + 29);
    let tip = chain.votes.tip();
    assert!(tip.0 > stopped.0 + 200);
    for _ in 0..20 {
        (0..15).for_each(|index| _ = chain.seal(index, true));
    }
    assert!(chain.votes.last_final() > tip);
}

#[test]
fn a_block_of_one_who_sealed_higher_elsewhere_is_no_vote() {
    let ballot = |previously_sealed| Ballot {
        delegate: delegate(1),
        previously_sealed: Height(previously_sealed),
        since: Some(Height(1)),
        quorum: 1,
    };
    let mut votes = Votes::new(Height(0), 3);
    votes.apply(&ballot(1));
    assert_eq!(votes.prevoted(), Height(0), "it has sealed as high before");
    let mut votes = Votes::new(Height(0), 3);
    votes.apply(&ballot(0));
    assert_eq!(votes.prevoted(), Height(1));
}

#[test]
fn a_run_that_another_branch_broke_gives_no_precommits_below() {
    // Four delegates; the first has sealed height 3 elsewhere, where this chain has another's
    // block, so it may have precommitted something else there.
    let ballot = |index, previously_sealed| Ballot {
        delegate: delegate(index),
        previously_sealed: Height(previously_sealed),
        since: Some(Height(1)),
        quorum: 3,
    };
    let play = |stated| {
        let mut votes = Votes::new(Height(0), 12);
        for index in 0..4 {
            votes.apply(&ballot(index, 0));
        }
        votes.apply(&ballot(0, stated));
        votes.apply(&ballot(1, 2));
        votes.apply(&ballot(2, 3));
        votes.last_final()
    };
    assert_eq!(play(1), Height(2), "three precommit height 2");
    assert_eq!(
        play(3),
        Height(1),
        "one of them does not precommit height 2"
    );
}

#[test]
fn a_vote_starts_where_its_maker_got_its_seat_and_reaches_back_no_further_than_three_rounds() {
    let ballot = |since| Ballot {
        delegate: delegate(1),
        previously_sealed: Height(0),
        since: Some(Height(since)),
        quorum: 1,
    };
    let nobody = Ballot {
        delegate: delegate(0),
        since: None,
        ..ballot(1)
    };
    let counted = |since| {
        let mut votes = Votes::new(Height(0), 6);
        for height in 0..9 {
            votes.apply(&Ballot {
                previously_sealed: Height(height),
                ..nobody
            });
        }
        votes.apply(&ballot(since));
        votes.counts.iter().filter(|it| it.prevotes == 1).count()
    };
    assert_eq!(counted(8), 3, "heights 8, 9 and 10");
    assert_eq!(counted(1), 6, "heights 5 to 10");
}

#[test]
fn undoing_blocks_gives_every_count_back() {
    let mut chain = Chain::new(7, 7);
    let mut before = Vec::new();
    let mut state = 7u64;
    for _ in 0..200 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let index = u32::try_from((state >> 33) % 7).expect("small");
        let votes = chain.votes.clone();
        before.push((votes, chain.seal(index, index != 3)));
    }
    assert!(chain.votes.last_final() > Height(150));
    while let Some((votes, undo)) = before.pop() {
        chain.votes.undo(&undo);
        assert_eq!(chain.votes, votes);
    }
}

#[test]
fn what_no_vote_can_reach_any_more_is_forgotten_and_changes_nothing() {
    let mut pruned = Chain::new(7, 7);
    let mut whole = Chain::new(7, 7);
    for turn in 0..700 {
        pruned.seal(turn * 3 % 7, true);
        whole.seal(turn * 3 % 7, true);
        let fixed = pruned.votes.last_final();
        pruned.votes.prune(fixed);
        assert_eq!(pruned.votes.last_final(), whole.votes.last_final());
        assert_eq!(pruned.votes.prevoted(), whole.votes.prevoted());
        assert!(pruned.votes.counted() <= 21 + 9 + 1);
    }
    assert_eq!(whole.votes.counted(), 700);
}
