//! Every opcode under every version's rules, on stacks of every depth; and random scripts.

use synod_referees::judge::{Tally, flag_sets};
use synod_referees::random::Random;
use synod_referees::script::{Argument, Puzzle, Version};
use synod_referees::signer::{KeyForm, Signer};
use synod_referees::{lock, rounds, spend};

const VERSIONS: [Version; 3] = [Version::Base, Version::V0, Version::Tap];
/// The deepest stack that an opcode but CHECKMULTISIG looks at.
const DEEPEST: usize = 6;

struct Maker {
    random: Random,
    signer: Signer,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            signer: Signer::default(),
        }
    }

    /// An argument that some opcode cares about: numbers at their limits, keys, signatures.
    fn argument(&mut self, version: Version) -> Argument {
        let key = self.random.below(2);
        if self.random.once_in(5) {
            return Argument::Signature {
                key,
                hash_type: self.random.pick(&[0, 1, 1, 2, 3, 0x81, 0x83, 5]),
                code_start: 0,
                separator: self.random.pick(&[u32::MAX, u32::MAX, 0]),
            };
        }
        let forms = [KeyForm::Compressed, KeyForm::Full, KeyForm::Hybrid];
        let form = self.random.pick(&forms);
        let key = match version {
            Version::Tap => self.signer.x_only(key).to_vec(),
            _ => self.signer.key(key, form),
        };
        let noise = self.random.bytes(8);
        Argument::Data(self.random.pick(&[
            key.clone(),
            key,
            vec![],
            vec![],
            vec![1],
            vec![1],
            vec![2],
            vec![3],
            vec![0],
            vec![0x80],
            vec![0x81],
            vec![20],
            vec![21],
            vec![1, 0],
            vec![0xff; 4],
            vec![0xff, 0xff, 0xff, 0x7f],
            vec![0; 5],
            vec![0, 0, 0, 0x80, 0],
            vec![0x65, 0xcd, 0x1d],
            vec![0, 0, 0x40],
            vec![7; 520],
            noise,
        ]))
    }

    fn judge(&mut self, tally: &mut Tally, version: Version, script: Vec<u8>, depth: usize) {
        let arguments = (0..depth).map(|_| self.argument(version)).collect();
        let puzzle = Puzzle { script, arguments };
        let lock = lock::of_version(&mut self.random, &self.signer, version, puzzle);
        let case = spend::spend(&mut self.random, &self.signer, &[lock]);
        let sets = flag_sets(&mut self.random);
        tally.judge(&case, &sets);
    }
}

#[test]
fn every_opcode_does_what_it_does_in_core() {
    let mut maker = Maker::new(2);
    for version in VERSIONS {
        let mut tally = Tally::default();
        for opcode in 0..=255 {
            for depth in 0..=DEEPEST {
                for _ in 0..rounds(5) {
                    let length = maker.random.below(4);
                    let after = maker.random.bytes(length);
                    let tails: [&[u8]; 5] = [&[], &[], &[0x51], &[0x68], &after];
                    let tail = maker.random.pick(&tails);
                    let heads: [&[u8]; 4] = [&[], &[], &[0x51, 0x63], &[0x00, 0x63]];
                    let head = maker.random.pick(&heads);
                    let script = [head, &[opcode], tail].concat();
                    maker.judge(&mut tally, version, script, depth);
                }
            }
        }
        tally.print(&format!("every opcode, {version:?}"));
        assert!(tally.valid() > 0 && tally.verdicts.len() > 15);
    }
}

#[test]
fn random_scripts_have_the_verdict_of_core() {
    let mut maker = Maker::new(3);
    for version in VERSIONS {
        let mut tally = Tally::default();
        for _ in 0..rounds(4_000) {
            let length = 1 + maker.random.below(24);
            let script = (0..length).map(|_| opcode(&mut maker.random)).collect();
            let depth = maker.random.below(12);
            maker.judge(&mut tally, version, script, depth);
        }
        tally.print(&format!("random scripts, {version:?}"));
        assert!(tally.valid() > 0 && tally.verdicts.len() > 15);
    }
}

/// An opcode that seldom ends a script at once.
fn opcode(random: &mut Random) -> u8 {
    match random.below(12) {
        0..5 => 0x51 + random.byte() % 3,
        5..8 => 0x6b + random.byte() % 19,
        8 => 0x8b + random.byte() % 27,
        9 => random.pick(&[0x63, 0x64, 0x67, 0x68, 0x68]),
        10 => 0xa6 + random.byte() % 21,
        _ => random.byte(),
    }
}
