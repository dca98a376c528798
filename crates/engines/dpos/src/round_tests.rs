use super::*;
use crate::settings::JailRule;
use synod_primitives::{BlockHash, Height};
use synod_seal::SealKey;

fn settings(seats: u32) -> Settings {
    Settings {
        chain_id: [1; 32],
        genesis: BlockHash::ZERO,
        bootstrap_time: 1_000,
        bootstrap_height: Height(10),
        bootstrap_key: SealKey([9; 32]),
        slot_s: 3,
        seats,
        jail: JailRule {
            window_slots: 24,
            misses: 12,
            rounds: 24,
        },
        unbonding_blocks: 256,
    }
}

fn seats(count: u8) -> Arc<[Seat]> {
    let seat = |index| Seat {
        delegate: DelegateHash([index; 20]),
        anchor: [index; 32],
    };
    (0..count).map(seat).collect()
}

/// The sum of squared differences from `expected`, over `expected`, in thousandths.
fn chi_squared_thousandths(counts: &[u64], expected: u64) -> u64 {
    let squares = counts.iter().map(|count| count.abs_diff(expected).pow(2));
    squares.sum::<u64>() * 1000 / expected
}

#[test]
fn slots_and_rounds_follow_from_the_end_of_the_bootstrap() {
    let settings = settings(7);
    assert_eq!(settings.start_time(), 1_010);
    assert_eq!(settings.slot_time(Slot(1)), Some(1_013));
    assert_eq!(settings.slot_time(Slot(u64::MAX)), None);
    assert_eq!(settings.slot_time(Slot(u64::from(u32::MAX))), None);
    let at = |seconds: u64, ms: u64| synod_engine::Millis(seconds * 1000 + ms);
    assert_eq!(settings.slot_at(at(0, 0)), Slot(0));
    assert_eq!(settings.slot_at(at(1_012, 999)), Slot(0));
    assert_eq!(settings.slot_at(at(1_013, 0)), Slot(1));
    for (slot, round) in [(1, 0), (7, 0), (8, 1), (14, 1), (15, 2)] {
        assert_eq!(settings.round_of(Slot(slot)), Epoch(round));
    }
    assert_eq!(settings.first_slot(Epoch(2)), Slot(15));
    let slots: Vec<Slot> = settings.slots_of(Epoch(1)).collect();
    assert_eq!((slots.len(), slots[0], slots[6]), (7, Slot(8), Slot(14)));
}

#[test]
fn every_seat_has_exactly_one_turn_in_a_round() {
    let settings = settings(21);
    for number in 0..50 {
        let number = Epoch(number);
        let round = Round::new(&settings, number, seats(21), &seed(&settings, number, None));
        let turns = settings.slots_of(number);
        let mut leaders: Vec<_> = turns
            .map(|slot| round.leader(slot).expect("a seat").delegate)
            .collect();
        leaders.sort_unstable();
        let all: Vec<_> = seats(21).iter().map(|seat| seat.delegate).collect();
        assert_eq!(leaders, all);
    }
}

#[test]
fn fewer_delegates_than_slots_take_turns_and_none_at_all_leaves_slots_empty() {
    let settings = settings(7);
    let round = Round::new(&settings, Epoch(1), seats(3), &[5; 32]);
    let leader = |slot| round.leader(Slot(slot)).expect("a seat").delegate;
    assert_eq!(leader(8), leader(11));
    assert_eq!(leader(8), leader(14));
    assert_ne!(leader(8), leader(9));
    assert_eq!(round.quorum(), 3);
    assert_eq!(round.leader(Slot(7)), None, "a slot of the round before");
    let empty = Round::new(&settings, Epoch(1), seats(0), &[5; 32]);
    assert_eq!(empty.leader(Slot(8)), None);
}

#[test]
fn a_quorum_is_more_than_two_thirds() {
    for (delegates, least) in [(1, 1), (2, 2), (3, 3), (4, 3), (7, 5), (21, 15), (101, 68)] {
        assert_eq!(quorum(delegates), least);
    }
    assert_eq!(quorum(u32::MAX), 2_863_311_531);
}

/// The order is part of consensus: another one forks the network.
#[test]
fn orders_are_frozen() {
    let settings = settings(7);
    let seed = |round, mix| seed(&settings, Epoch(round), mix);
    // Computed with another program.
    let order = shuffle(&seed(5, Some(&[2; 32])), 21);
    assert_eq!(
        order,
        [
            10, 19, 18, 3, 0, 4, 1, 7, 16, 9, 13, 6, 20, 12, 11, 2, 15, 17, 14, 8, 5
        ]
    );
    assert_eq!(shuffle(&[7; 32], 101), reference_shuffle(&[7; 32], 101));
    assert_eq!(shuffle(&[7; 32], 0), [0u8; 0]);
    assert_eq!(shuffle(&[7; 32], 1), [0]);
    assert_ne!(seed(0, None), seed(1, None));
    assert_ne!(seed(2, Some(&[0; 32])), seed(2, None));
}

/// The rule as the design states it, written down a second time.
fn reference_shuffle(seed: &[u8; 32], count: u8) -> Vec<u8> {
    let mut order: Vec<u8> = (0..count).collect();
    let mut i = usize::from(count) - 1;
    while i >= 1 {
        let mut input = seed.to_vec();
        input.extend_from_slice(&[u8::try_from(i).expect("small"), 0, 0, 0]);
        let digest = sha256(&input);
        let drawn = digest[..8]
            .iter()
            .rev()
            .fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
        let j = usize::try_from(drawn % (i as u128 + 1)).expect("small");
        order.swap(i, j);
        i -= 1;
    }
    order
}

/// 20 degrees of freedom: chance passes 45.31 once in a thousand times.
#[test]
fn over_many_rounds_a_seat_is_equally_often_on_every_place() {
    const ROUNDS: u32 = 4_200;
    for place in [0, 10, 20] {
        let mut counts = [0u64; 21];
        for number in 0..ROUNDS {
            let order = shuffle(&sha256(&number.to_le_bytes()), 21);
            counts[usize::from(order[place])] += 1;
        }
        let chi = chi_squared_thousandths(&counts, u64::from(ROUNDS / 21));
        assert!(chi < 45_310, "place {place}: {chi}");
    }
}

/// S10: an attacker with 6 of 21 seats (28.6 %) looks at both seeds whenever the last place of
/// a round is its own, and withholds its block if the other seed gives it the last place again.
///
/// Its share of turns cannot move: every seat has one turn a round, whatever the seed. What it
/// can bend is the order, by one bit for each of its places at the end of a round, and each
/// withheld block costs it that block.
#[test]
fn s10_withholding_blocks_bends_the_order_by_one_bit_and_never_gains_a_turn() {
    const ROUNDS: u32 = 100_000;
    const SEATS: u8 = 6;
    let is_attackers = |order: &[u8]| order.last().is_some_and(|seat| *seat < SEATS);
    let (mut turns, mut blocks, mut last_places) = (0u32, 0u32, 0u32);
    let mut holds_last = false;
    let mut sum = [3; 32];
    for _ in 0..ROUNDS {
        // All other reveals are fixed before; only the last one may be missing.
        let shown = mix(&sum, &[1; 32]);
        let mut order = shuffle(&shown, 21);
        let mut withheld = 0;
        sum = shown;
        if holds_last && !is_attackers(&order) {
            let hidden = mix(&sum, &[2; 32]);
            let other = shuffle(&hidden, 21);
            if is_attackers(&other) {
                (order, sum, withheld) = (other, hidden, 1);
            }
        }
        let own = order.iter().filter(|seat| **seat < SEATS).count();
        assert_eq!(own, usize::from(SEATS), "a seed that gives another turn");
        turns += u32::from(SEATS);
        blocks += u32::from(SEATS) - withheld;
        holds_last = is_attackers(&order);
        last_places += u32::from(holds_last);
    }
    assert_eq!(turns, ROUNDS * u32::from(SEATS));
    assert!(blocks < turns, "every withheld block is lost");
    // With share p = 6/21 of last places, and the better of two seeds after each of its own:
    // q = p + q p (1 - p), so q = p / (1 - p (1 - p)) = 35.9 %; without bias 28.6 %.
    let share = last_places / (ROUNDS / 1000);
    assert!((350..=368).contains(&share), "{share} of 1000");
    let honest = {
        let rounds = (0..ROUNDS / 4).map(|n| shuffle(&sha256(&n.to_le_bytes()), 21));
        let own = rounds.filter(|order| is_attackers(order)).count();
        u32::try_from(own).expect("small") * 4 / (ROUNDS / 1000)
    };
    assert!((280..=291).contains(&honest), "{honest} of 1000");
}
