//! `--activation NAME@HEIGHT`, as Bitcoin Core's `-testactivationheight`: each deployment holds
//! from its block on and not one earlier.

use std::process::Stdio;

use synod_primitives::{Block, Script, Transaction, Witness};

use crate::blocks::{Draft, chain, extend, next, spend};
use crate::process::{NodeProcess, command};

/// `<33 bytes> CHECKSIG NOT`: true for a signature that fails, unless its form is refused.
fn failing_signature() -> Script {
    let mut script = vec![33, 2];
    script.extend([0x11; 32]);
    script.extend([0xac, 0x91]);
    Script::new(script)
}

/// Holds until the height 10,000.
fn locked_by_height() -> Script {
    Script::new(vec![2, 0x10, 0x27, 0xb1, 0x75, 0x51])
}

/// Holds until the coin is 16 blocks old, which only transactions of version 2 can show.
fn locked_by_age() -> Script {
    Script::new(vec![0x60, 0xb2, 0x75, 0x51])
}

/// No signature of no key, below a dummy that has to be empty.
fn bare_multisig() -> Script {
    Script::new(vec![0x00, 0x00, 0xae])
}

/// A deployment: what its coin pays to, what unlocks it before, and how it fails after.
struct Case {
    script: fn() -> Script,
    unlock: &'static [u8],
    error: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        script: failing_signature,
        unlock: &[1, 0x30],
        error: "SIG_DER",
    },
    Case {
        script: locked_by_height,
        unlock: &[],
        error: "UNSATISFIED_LOCKTIME",
    },
    Case {
        script: locked_by_age,
        unlock: &[],
        error: "UNSATISFIED_LOCKTIME",
    },
    Case {
        script: bare_multisig,
        unlock: &[0x51],
        error: "SIG_NULLDUMMY",
    },
];

/// The first deployment's height; the others follow block by block.
const FIRST: u32 = 110;

/// A chain up to the block before the last one without any deployment, with two coins for each
/// case.
fn prepared() -> (Vec<Block>, Vec<[Transaction; 2]>) {
    let mut blocks = chain(0, 1);
    let mut coins = Vec::new();
    for case in &CASES {
        let mut pay = || {
            let mut draft = next(&blocks, 1);
            draft.reward_script = (case.script)();
            blocks.push(draft.build());
            spend(&blocks[blocks.len() - 1].transactions()[0], 0, case.unlock)
        };
        coins.push([pay(), pay()]);
    }
    let missing = FIRST - 2 - u32::try_from(blocks.len() - 1).expect("few");
    (extend(blocks, missing, 1), coins)
}

#[tokio::test]
async fn every_deployment_holds_from_its_height_on() {
    let names = ["dersig", "cltv", "csv", "segwit", "bip34"];
    let overrides: Vec<String> = names
        .iter()
        .zip(FIRST..)
        .flat_map(|(name, height)| ["--activation".to_owned(), format!("{name}@{height}")])
        .collect();
    let arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &arguments);
    let (mut blocks, coins) = prepared();
    node.post_all(&blocks[1..]).await;
    // Before any of them: no height in the coinbase, and the first script as it was.
    for (case, [early, late]) in CASES.iter().zip(coins) {
        let block = without_height(next(&blocks, 1).with(early)).build();
        assert_eq!(
            node.post(&block).await,
            Ok("active"),
            "before {}",
            case.error
        );
        blocks.push(block);
        let block = next(&blocks, 1).with(late).build();
        let problem = node.post(&block).await.expect_err("the rule is in force");
        assert_eq!(problem.code, "mandatory-script-verify-flag-failed");
        assert_eq!(problem.script_error.as_deref(), Some(case.error));
    }
    // Now segwit holds: a commitment is looked at.
    let mut wrong = next(&blocks, 1);
    wrong.is_committed = true;
    let wrong = with_other_nonce(&wrong.build());
    assert_eq!(node.refused(&wrong).await.1, "bad-witness-merkle-match");
    let block = without_height(next(&blocks, 1)).build();
    assert_eq!(node.post(&block).await, Ok("active"));
    blocks.push(block);
    let block = without_height(next(&blocks, 1)).build();
    assert_eq!(node.refused(&block).await.1, "bad-cb-height");
    assert_eq!(node.post(&next(&blocks, 1).build()).await, Ok("active"));
}

/// Takes the height out of the coinbase's script; the block's place keeps it unique.
fn without_height(mut draft: Draft) -> Draft {
    let height = draft.coinbase_script.clone();
    draft.coinbase_script = [&[0x51, 0x51][..], &height].concat();
    draft
}

/// The block with another witness in its coinbase, which the commitment does not fit.
fn with_other_nonce(block: &Block) -> Block {
    let coinbase = &block.transactions()[0];
    let mut input = coinbase.inputs()[0].clone();
    input.witness = Witness::from_items(&[[9; 32]]);
    let changed = Transaction::new(2, vec![input], coinbase.outputs().to_vec(), 0);
    Block::new(*block.header(), vec![changed])
}

#[tokio::test]
async fn each_deployment_of_2012_to_2015_asks_for_its_version_from_its_height_on() {
    let arguments = [
        "--activation",
        "bip34@3",
        "--activation",
        "dersig@4",
        "--activation",
        "cltv@5",
    ];
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &arguments);
    let mut blocks = chain(0, 1);
    for (height, least) in [(1, 1), (2, 1), (3, 2), (4, 3), (5, 4), (6, 4)] {
        let mut draft = next(&blocks, 1);
        if least > 1 {
            draft.header.version = least - 1;
            let verdict = node.refused(&draft.build()).await;
            assert_eq!(
                (verdict.0, verdict.1.as_str()),
                (422, "bad-version"),
                "{height}"
            );
        }
        draft.header.version = least;
        let block = draft.build();
        assert_eq!(node.post(&block).await, Ok("active"), "{height}");
        blocks.push(block);
    }
}

#[test]
fn overrides_that_make_no_sense_are_refused_at_the_start() {
    for wrong in ["taproot@5", "bip34", "bip34@", "bip34@x", "bip34@-1", "@5"] {
        let data = tempfile::tempdir().expect("a directory");
        let output = command(data.path(), &["--activation", wrong])
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        assert!(!output.status.success(), "{wrong}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("activation") || text.contains("bip34"),
            "{wrong}: {text}"
        );
    }
}
