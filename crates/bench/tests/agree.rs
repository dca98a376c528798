//! The comparison of ways to agree says the same every time, and what the rules say.

use synod_bench::agree::{Plan, Way, play};

const PLAN: Plan = Plan {
    nodes: 4,
    payments: 24,
    delay_ms: 100,
};

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn every_payment_becomes_final_and_a_run_repeats_itself() {
    for way in Way::ALL {
        let report = play(&PLAN, way, 1).expect("it plays");
        assert_eq!(report.inclusion_ms.len(), 24, "{way:?}");
        assert_eq!(report.finality_ms.len(), 24, "{way:?}");
        for (included, settled) in report.inclusion_ms.iter().zip(&report.finality_ms) {
            assert!(included <= settled, "{way:?}");
        }
        assert_eq!(play(&PLAN, way, 1).expect("it plays"), report, "{way:?}");
    }
}

#[test]
fn times_to_finality_are_those_of_the_rules() {
    // Four delegates of equal rank: (T - 1) + T = 5 blocks of 2 s on top at the least, more
    // where orders are shuffled.
    let dpos = play(&PLAN, Way::Dpos, 2).expect("it plays");
    let final_after = median(dpos.finality_ms.clone()) - median(dpos.inclusion_ms.clone());
    assert!((10_000..16_000).contains(&final_after), "{final_after}");
    assert_eq!(
        dpos.signatures, dpos.blocks,
        "one seal a block, and nothing else"
    );
    // A slot's block comes within two seconds and the way of a message.
    assert!(dpos.inclusion_ms.iter().all(|it| *it <= 4_200));
    // Under stake an epoch's checkpoint is final when the next one has its votes.
    let pos = play(&PLAN, Way::Pos, 2).expect("it plays");
    assert!(median(pos.finality_ms.clone()) > median(dpos.finality_ms.clone()));
    assert!(pos.signatures > pos.blocks, "seals and votes");
    assert!(pos.vote_bytes > 0 && dpos.vote_bytes == 0);
    let pow = play(&PLAN, Way::Pow, 2).expect("it plays");
    assert_eq!(
        (pow.signatures, pow.vote_bytes, pow.sealed_bytes),
        (0, 0, 0)
    );
}
