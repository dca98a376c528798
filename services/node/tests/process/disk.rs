//! Full disks and broken ones.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use reqwest::StatusCode;
use synod_api::HashHex;
use synod_faults::{FaultyDisk, NO_SPACE, SYNC_ERROR, WRITE_ERROR};

use crate::harness::{Data, Process, block_on_top_of, said, tool};

/// A transaction that nobody has to take: what counts is that the node does not look at it.
const TRANSACTION: &str = "0100000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                           aa0000000000ffffffff0100000000000000000151 00000000";

fn transaction() -> Bytes {
    let text: Vec<u8> = TRANSACTION.bytes().filter(|it| *it != b' ').collect();
    let digit = |it: &u8| (*it as char).to_digit(16).expect("hex") as u8;
    text.chunks(2)
        .map(|it| digit(&it[0]) << 4 | digit(&it[1]))
        .collect::<Vec<u8>>()
        .into()
}

/// Expects that the node takes nothing in, reads as before, and says why.
async fn expect_full(node: &Process, height: u32, block: &Bytes) {
    for (path, body) in [
        ("/v1/blocks", block.clone()),
        ("/v1/transactions", transaction()),
        ("/v1/blocks", block.clone()),
    ] {
        let answer = node.post(path, body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.body["code"], "storage-full", "{path}");
        assert!(answer.retry_after.is_some(), "{path}");
    }
    let ready = node.until_ready(false).await;
    let reason = ready.body["checks"]["storage"].as_str().expect("a reason");
    assert!(reason.contains("full"), "{reason}");
    for height in [0, 1, height] {
        let read = node.get(&format!("/v1/blocks/at/{height}")).await;
        assert_eq!(read.status, StatusCode::OK, "{read:?}");
    }
    assert_eq!(node.height().await, height, "readers see what is durable");
    assert_eq!(node.get("/v1/state").await.status, StatusCode::OK);
    let tips = node.get("/v1/chain/tips").await;
    assert_eq!(tips.status, StatusCode::OK, "{tips:?}");
}

/// Expects that the block which met no room is there by itself, and that the node goes on.
async fn expect_resumed(node: &Process, height: u32, block: &Bytes, hash: HashHex) {
    node.until_ready(true).await;
    node.until_height(height + 1).await;
    let again = node.post("/v1/blocks", block.clone()).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    assert_eq!(again.body["status"], "duplicate");
    let tip = node.client.chain().await.expect("the chain");
    assert_eq!((tip.height, tip.best_block_hash), (height + 1, hash));
    node.mine(3).await;
    assert_eq!(node.height().await, height + 4);
}

fn expect_sound(data: &Path) {
    let verified = tool(data, &["verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}

#[tokio::test]
async fn a_full_disk_stops_acceptance_until_there_is_room() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let data = Data::new();
    let mut disk = None;
    let node = Process::start_with(&data.path(), &[], |command| {
        disk = Some(shim.switch(command, &data.path()));
    });
    let disk = disk.expect("a switch");
    node.mine(12).await;
    let (hash, block) = block_on_top_of(&node).await;
    disk.fail(NO_SPACE).expect("the disk is full");
    expect_full(&node, 12, &block).await;
    disk.mend().expect("there is room");
    expect_resumed(&node, 12, &block, hash).await;
    node.stop();
    expect_sound(&data.path());
}

#[tokio::test]
async fn a_node_killed_while_its_disk_is_full_has_all_that_it_acknowledged() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let data = Data::new();
    let mut disk = None;
    let node = Process::start_with(&data.path(), &[], |command| {
        disk = Some(shim.switch(command, &data.path()));
    });
    let mined = node.mine(12).await;
    let (_, block) = block_on_top_of(&node).await;
    disk.expect("a switch").fail(NO_SPACE).expect("full");
    let answer = node.post("/v1/blocks", block.clone()).await;
    assert_eq!(answer.body["code"], "storage-full");
    node.kill();
    let node = Process::start(&data.path());
    let tip = node.client.chain().await.expect("the chain");
    assert_eq!((tip.height, tip.best_block_hash), (12, mined[11]));
    let answer = node.post("/v1/blocks", block).await;
    assert_eq!(answer.body["status"], "active");
    node.stop();
    expect_sound(&data.path());
}

/// A small disk of its own, which the test must be allowed to mount.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            _ => {
                println!("skipped: no small disk can be mounted here");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_disk_of_a_few_megabytes_fills_up_and_is_freed() {
    let data = Data::new();
    let Some(disk) = SmallDisk::mount(&data.beside("disk")) else {
        return;
    };
    let path = disk.0.join("data");
    let node = Process::start(&path);
    node.mine(12).await;
    let filler = disk.0.join("filler");
    let (hash, block) = block_on_top_of(&node).await;
    let mut height = 12;
    // Whatever is left is taken, to the last byte.
    let fill = Command::new("dd")
        .args(["if=/dev/zero", "bs=1024"])
        .arg(format!("of={}", filler.display()))
        .output()
        .expect("dd runs");
    assert!(!fill.status.success(), "the disk is full");
    // The log may have room inside for some blocks yet.
    let mut answer = node.post("/v1/blocks", block.clone()).await;
    let mut last = (hash, block);
    while answer.status == StatusCode::OK {
        height += 1;
        assert!(height < 2000, "the disk is never full");
        last = block_on_top_of(&node).await;
        answer = node.post("/v1/blocks", last.1.clone()).await;
    }
    expect_full(&node, height, &last.1).await;
    std::fs::remove_file(&filler).expect("removed");
    expect_resumed(&node, height, &last.1, last.0).await;
    node.stop();
    expect_sound(&path);
}

#[tokio::test]
async fn an_error_of_the_disk_stops_the_node_with_a_sentence() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    for how in [WRITE_ERROR, SYNC_ERROR] {
        let data = Data::new();
        let mut disk = None;
        let node = Process::start_with(&data.path(), &[], |command| {
            disk = Some(shim.switch(command, &data.path()));
        });
        let mined = node.mine(5).await;
        let (_, block) = block_on_top_of(&node).await;
        let disk = disk.expect("a switch");
        disk.fail(how).expect("the disk fails");
        let answer = node.post("/v1/blocks", block).await;
        assert_ne!(answer.status, StatusCode::OK, "{how}: {answer:?}");
        let (status, log) = node.ended();
        assert_eq!(status.code(), Some(1), "{how}: {log}");
        assert!(
            log.contains("reading or writing the database failed"),
            "{how}: {log}"
        );
        disk.mend().expect("the disk works");
        let node = Process::start(&data.path());
        assert!(node.height().await >= 5, "{how}");
        let block = node.client.block_at(5).await.expect("a block");
        assert_eq!(block.header.hash, mined[4], "{how}");
        node.stop();
        expect_sound(&data.path());
    }
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_refused() {
    let data = Data::new();
    let node = Process::start(&data.path());
    for command in [
        &["run", "--listen", "127.0.0.1:0"][..],
        &["verify"],
        &["import", "/dev/null"],
    ] {
        let refused = tool(&data.path(), command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(
            said(&refused).contains("is in use by another process"),
            "{command:?}: {}",
            said(&refused)
        );
    }
    node.kill();
    // A killed process leaves the file, not the lock.
    assert!(data.path().join("lock").exists());
    Process::start(&data.path()).stop();
}
