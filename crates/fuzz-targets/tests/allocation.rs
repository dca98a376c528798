//! Bytes that promise more than they bring reserve no memory for the promise.

use std::alloc::System;
use std::path::PathBuf;

use cap::Cap;
use synod_fuzz_targets::TARGETS;

/// Ends the process when a limit is passed, which is how this test fails.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What reading one seed may take, in bytes.
const LIMIT: usize = 1 << 20;
/// What reading a block file may take: its buffer is larger than the greatest block.
const FILE_LIMIT: usize = 20 << 20;

/// Counts that no body of a few bytes can keep.
const LIES: [&[u8]; 5] = [
    &[0xff; 9],
    &[0xff, 0xff, 0xff, 0xff, 0x01, 0, 0, 0, 0],
    &[0xfe, 0xff, 0xff, 0xff, 0x01],
    &[0xfe, 0xff, 0xff, 0xff, 0xff],
    &[0xfd, 0xff, 0xff],
];

#[test]
fn c24_counts_that_lie_reserve_less_than_a_mebibyte() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut inputs = 0;
    for (name, target) in TARGETS {
        // What is made once and kept.
        target(&[]);
        for entry in std::fs::read_dir(corpus.join(name)).expect("a corpus") {
            let path = entry.expect("an entry").path();
            let seed = std::fs::read(&path).expect("a seed");
            target(&seed);
            println!("{}", path.display());
            for at in 0..seed.len() {
                for lie in LIES {
                    let mut bytes = seed[..at].to_vec();
                    bytes.extend_from_slice(lie);
                    bytes.extend_from_slice(&seed[at + 1..]);
                    let limit = if *name == "block_file" {
                        FILE_LIMIT
                    } else {
                        LIMIT
                    };
                    let limit = MEMORY.allocated() + limit;
                    MEMORY.set_limit(limit).expect("it is above what is in use");
                    target(&bytes);
                    MEMORY.set_limit(usize::MAX).expect("none");
                    inputs += 1;
                }
            }
        }
    }
    println!("{inputs} inputs that lie");
    assert!(inputs > 10_000);
}
