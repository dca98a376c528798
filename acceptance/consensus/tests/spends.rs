//! Spends of every form, whole and damaged.

use synod_referees::judge::{Tally, flag_sets};
use synod_referees::mutation::mutate;
use synod_referees::random::Random;
use synod_referees::signer::Signer;
use synod_referees::{rounds, spend};

#[test]
fn spends_of_every_form_have_the_verdict_of_core() {
    let signer = Signer::default();
    let mut random = Random::new(1);
    let mut tally = Tally::default();
    for _ in 0..rounds(4_000) {
        let case = spend::make(&mut random, &signer);
        tally.judge(&case, &flag_sets(&mut random));
        for _ in 0..2 {
            let damaged = mutate(&mut random, &case);
            tally.judge(&damaged, &flag_sets(&mut random));
        }
    }
    tally.print("spends");
    assert!(
        tally.valid() > tally.total() / 20,
        "valid ones are among them"
    );
    assert!(
        tally.verdicts.len() > 30,
        "many kinds of error are among them"
    );
}
