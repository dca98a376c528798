//! The corpus and random bytes, through every target.

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use synod_fuzz_targets::{TARGETS, find};

/// Random inputs for each target.
const CASES: u32 = 1_000;
/// The most bytes of a random input.
const MAX_BYTES: usize = 300;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(target);
    let mut seeds: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a seed")))
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_of_the_corpus_passes_its_target() {
    let mut count = 0;
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has a seed");
        for (path, bytes) in seeds {
            println!("{}", path.display());
            target(&bytes);
            count += 1;
        }
    }
    println!("{count} seeds through {} targets", TARGETS.len());
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_target() {
    for entry in std::fs::read_dir(corpus()).expect("the corpus") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name");
        assert!(find(name).is_some(), "{name}");
    }
}

#[test]
fn random_bytes_and_damaged_seeds_pass_every_target() {
    for (name, target) in TARGETS {
        let seeds: Vec<Vec<u8>> = seeds(name).into_iter().map(|(_, bytes)| bytes).collect();
        let any_bytes = prop::collection::vec(any::<u8>(), 0..MAX_BYTES);
        let damaged = (
            prop::sample::select(seeds),
            any::<prop::sample::Index>(),
            any::<u8>(),
            any::<bool>(),
        )
            .prop_map(|(mut seed, at, byte, cuts)| {
                if !seed.is_empty() {
                    let at = at.index(seed.len());
                    seed[at] = byte;
                    seed.truncate(if cuts { at + 1 } else { seed.len() });
                }
                seed
            });
        let config = Config {
            failure_persistence: None,
            ..Config::with_cases(CASES)
        };
        let mut runner = TestRunner::new(config);
        let result = runner.run(&prop_oneof![any_bytes, damaged], |bytes| {
            target(&bytes);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
