//! Importing block files: what is wrong with a block, and what a kill leaves.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use synod_bench::{Kind, Plan, build, with_transactions};
use synod_blockfile::BlockFileWriter;
use synod_primitives::{Block, Height, Transaction, TxIn, Witness};

use crate::harness::{Data, on, program, said, tool};

fn plan() -> Plan {
    Plan {
        keys: 5,
        fan_outs: 4,
        coins_per_fan_out: 60,
        payment_blocks: 6,
        payments_per_block: 84,
        ..Plan::reference(Kind::P2wpkh)
    }
}

fn blocks() -> Vec<Bytes> {
    let mut blocks = Vec::new();
    build(&plan(), |block| {
        blocks.push(block.raw().clone());
        Ok(())
    })
    .expect("the plan holds");
    blocks
}

fn write(file: &Path, blocks: &[Bytes]) {
    let output = std::fs::File::create_new(file).expect("a new file");
    let mut writer = BlockFileWriter::new(output, None);
    for block in blocks {
        writer.write(block).expect("written");
    }
    writer.finish().expect("written");
}

/// Imports with so many threads; returns the report and what was said.
fn import(data: &Path, file: &Path, threads: &str) -> (Value, String) {
    let file = file.to_str().expect("UTF-8");
    let mut arguments = on(data, &["import", file, "--json"]);
    let last = arguments.last_mut().expect("the number of threads");
    threads.clone_into(last);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = program(&arguments).output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let report = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    (report, said(&output))
}

/// The bytes of all files in a directory; none while it is not there.
fn size_of_files(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum()
}

/// The block with one bit of one signature changed, and a commitment and root that fit it.
fn with_wrong_signature(raw: &Bytes, height: u32) -> Bytes {
    let block = Block::decode(raw).expect("a block");
    let mut transactions = block.transactions()[1..].to_vec();
    let changed = &mut transactions[20];
    let mut inputs: Vec<TxIn> = changed.inputs().to_vec();
    let mut items: Vec<Vec<u8>> = inputs[0].witness.iter().map(<[u8]>::to_vec).collect();
    items[0][40] ^= 1;
    inputs[0].witness = Witness::from_items(&items);
    *changed = Transaction::new(2, inputs, changed.outputs().to_vec(), 0);
    let bad = with_transactions(&block, Height(height), transactions);
    bad.expect("a nonce").raw().clone()
}

#[test]
fn a_bad_block_ends_the_import_at_its_place_on_any_number_of_threads() {
    let mut blocks = blocks();
    let place = blocks.len() - 3;
    let height = u32::try_from(place + 1).expect("a short chain");
    blocks[place] = with_wrong_signature(&blocks[place], height);
    let below = Block::decode(&blocks[place - 1]).expect("a block").hash();
    for threads in ["1", "2", "3"] {
        let data = Data::new();
        let file = data.beside("blk00000.dat");
        write(&file, &blocks);
        let (report, said) = import(&data.path(), &file, threads);
        assert_eq!(report["height"], place, "{report}");
        assert_eq!(report["best_block_hash"], below.to_string());
        assert_eq!(report["blocks"], place);
        assert!(
            said.contains("mandatory-script-verify-flag-failed"),
            "{said}"
        );
    }
}

#[test]
fn an_import_that_is_killed_anywhere_goes_on_where_it_stood() {
    let blocks = blocks();
    let tip = Block::decode(&blocks[blocks.len() - 1]).expect("a block");
    let data = Data::new();
    let file = data.beside("blk00000.dat");
    write(&file, &blocks);
    let arguments = on(&data.path(), &["import", file.to_str().expect("UTF-8")]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for written in [1, 300_000, 600_000, 900_000, 1_200_000] {
        let mut child = program(&arguments).spawn().expect("the program starts");
        while size_of_files(&data.path()) < written
            && child.try_wait().expect("a process of this test").is_none()
        {
            std::thread::yield_now();
        }
        child.kill().expect("a process of this test");
        child.wait().expect("a process of this test");
        let verified = tool(&data.path(), &["verify"]);
        assert!(verified.status.success(), "{}", said(&verified));
    }
    let (report, _) = import(&data.path(), &file, "2");
    assert_eq!(report["height"], blocks.len());
    assert_eq!(report["best_block_hash"], tip.hash().to_string());
}
