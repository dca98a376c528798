use super::*;

const RULE: JailRule = JailRule {
    window_slots: 6,
    misses: 3,
    rounds: 4,
};

fn delegate(index: u8) -> DelegateHash {
    DelegateHash([index; 20])
}

/// Attends and judges one round whose last block is at height `round`, as final as is said.
fn play(bench: &mut Bench, round: u32, last_final: u32, turns: &[(u8, bool)]) {
    let turns = turns.iter().map(|(index, made)| (delegate(*index), *made));
    bench.attend(Attendance {
        round: Epoch(round.into()),
        last: Height(round),
        turns: turns.collect(),
    });
    let place = (Epoch(round.into()), Height(round));
    bench.judge(&RULE, Height(last_final), place, |_| Some(Height(0)));
}

#[test]
fn a_delegate_is_benched_at_the_limit_and_not_one_miss_before() {
    let mut bench = Bench::default();
    for round in 0..2 {
        play(&mut bench, round, round, &[(1, false), (2, true)]);
    }
    assert!(!bench.is_benched(&delegate(1), Epoch(3), Height(0)));
    play(&mut bench, 2, 2, &[(1, false), (2, true)]);
    assert!(bench.is_benched(&delegate(1), Epoch(3), Height(0)));
    assert!(!bench.is_benched(&delegate(2), Epoch(3), Height(0)));
    let diligence = bench.diligence(&delegate(1)).expect("it has had turns");
    assert_eq!((diligence.made, diligence.missed), (0, 3));
}

#[test]
fn misses_that_leave_the_window_are_forgiven() {
    let mut bench = Bench::default();
    for round in 0..30 {
        // Two misses in any six turns.
        play(&mut bench, round, round, &[(1, round % 3 != 0)]);
        assert!(!bench.is_benched(&delegate(1), Epoch(99), Height(0)));
    }
}

#[test]
fn the_bench_ends_after_its_rounds_and_a_renewed_registration_and_not_by_one_of_them() {
    let mut bench = Bench::default();
    for round in 0..3 {
        play(&mut bench, round, round, &[(1, false)]);
    }
    // Benched at the end of round 2, at height 2: rounds 3 to 6.
    let is_benched =
        |round, registered| bench.is_benched(&delegate(1), Epoch(round), Height(registered));
    assert!(is_benched(6, 3), "the rounds are not over");
    assert!(is_benched(7, 2), "the registration is not renewed");
    assert!(is_benched(1000, 2), "and time alone does not help");
    assert!(!is_benched(7, 3));
}

#[test]
fn misses_above_the_last_final_block_bench_nobody_until_they_are_final() {
    let mut bench = Bench::default();
    for round in 1..40 {
        play(&mut bench, round, 0, &[(1, false), (2, true)]);
    }
    assert!(!bench.is_benched(&delegate(1), Epoch(41), Height(0)));
    assert_eq!(bench.diligence(&delegate(1)), None);
    play(&mut bench, 40, 3, &[(1, true), (2, true)]);
    assert!(bench.is_benched(&delegate(1), Epoch(41), Height(0)));
}

#[test]
fn turns_left_over_from_before_the_bench_do_not_count_again() {
    let mut bench = Bench::default();
    for round in 0..7 {
        play(&mut bench, round, round, &[(1, false)]);
    }
    let jailed = bench.diligence(&delegate(1)).and_then(|it| it.jailed);
    let jailed = jailed.expect("three misses");
    assert_eq!((jailed.since, jailed.until), (Height(2), Epoch(7)));
    // Back with a clean slate: two misses more are none too many.
    play(&mut bench, 7, 7, &[(1, false)]);
    play(&mut bench, 8, 8, &[(1, false)]);
    assert!(!bench.is_benched(&delegate(1), Epoch(9), Height(5)));
    play(&mut bench, 9, 9, &[(1, false)]);
    assert!(bench.is_benched(&delegate(1), Epoch(10), Height(5)));
}

#[test]
fn a_delegate_without_a_bond_is_forgotten_when_its_time_on_the_bench_is_over() {
    let mut bench = Bench::default();
    for round in 0..3 {
        play(&mut bench, round, round, &[(1, false)]);
    }
    let gone = |_: &DelegateHash| None;
    bench.judge(&RULE, Height(9), (Epoch(6), Height(6)), gone);
    assert!(
        bench.diligence(&delegate(1)).is_some(),
        "a new bond does not help it"
    );
    bench.judge(&RULE, Height(9), (Epoch(7), Height(7)), gone);
    assert_eq!(bench.len(), 0);
}

#[test]
fn rounds_that_never_become_final_are_kept_up_to_the_limit() {
    let mut bench = Bench::default();
    for round in 1..=u32::try_from(MAX_PENDING_ROUNDS).expect("small") + 5 {
        play(&mut bench, round, 0, &[(1, false)]);
    }
    assert_eq!(bench.len(), MAX_PENDING_ROUNDS);
}
