//! Nothing that was acknowledged is lost: by a killed process at any moment, by a power cut at
//! any write or sync.
//!
//! The writing process is this test binary, started again; it notes each acknowledged commit
//! in a file outside of the data directory. `SYNOD_KILLS` and `SYNOD_CUTS` set how many points
//! are tried.

mod chain;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use chain::{blocks, connect, identity};
use synod_faults::{FaultyDisk, PowerCut};
use synod_primitives::{Block, Height};
use synod_store::{Batch, BlockStatus, Durability, Options, Store};

/// Blocks that a child commits in one life.
const BLOCKS_PER_LIFE: u32 = 40;
/// The height past which a directory is not used any more: the children rebuild the chain.
const MAX_HEIGHT: u32 = 400;
const SIGKILL: i32 = 9;

fn points(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(default)
}

fn options() -> Options {
    Options {
        // Small, so that the log is reset often.
        log_limit: 512 << 10,
        ..Options::default()
    }
}

/// A generator with a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// What the child writes with the block at the top of `chain`: every third commit is not
/// waited for, some coins go, a record changes.
fn batch_for(chain: &[Block]) -> Batch {
    let height = chain.len() - 1;
    let mut batch = connect(chain, height);
    if height % 3 == 1 {
        batch.durability = Durability::Deferred;
    }
    if height > 10
        && let Some(flush) = &mut batch.coins
    {
        flush.deletes = spent_at(chain, height);
    }
    let record = Bytes::from(format!("at {height}"));
    batch.meta.push(("standing", Some(record)));
    batch
}

/// The coins that go with the block at a height.
fn spent_at(chain: &[Block], height: usize) -> Vec<synod_primitives::OutPoint> {
    let made = chain::coins(&chain[height - 10]);
    made.into_iter().take(2).map(|(at, _)| at).collect()
}

#[tokio::test]
#[ignore = "the process that is killed; the other tests start it"]
async fn child_that_commits() {
    let Some(directory) = std::env::var_os("SYNOD_CRASH_DATA") else {
        return;
    };
    let acks = std::env::var_os("SYNOD_CRASH_ACKS").expect("set with the directory");
    let mut acks = OpenOptions::new()
        .append(true)
        .create(true)
        .open(acks)
        .expect("the list of acknowledged commits");
    let mut store = Store::open(Path::new(&directory), &identity(), &options())
        .await
        .expect("a killed store opens");
    let standing = store.reader.standing().await.expect("readable");
    let next = standing.tip.map_or(0, |(height, _)| height.0 + 1);
    let chain = blocks(next + BLOCKS_PER_LIFE, 3);
    for height in next..next + BLOCKS_PER_LIFE {
        let batch = batch_for(&chain[..=height as usize]);
        store.writer.commit(&batch).await.expect("committed");
        if batch.durability == Durability::Synced {
            writeln!(acks, "{height}").expect("noted");
        }
        if height % 7 == 3 {
            store.maintenance.checkpoint().await.expect("checkpointed");
        }
    }
    store.close().await.expect("closed");
}

fn child(directory: &Path, acks: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", "child_that_commits", "--ignored", "-q"])
        .env("SYNOD_CRASH_DATA", directory)
        .env("SYNOD_CRASH_ACKS", acks)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Returns the last acknowledged height.
fn last_ack(acks: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(acks).unwrap_or_default();
    text.lines().last().and_then(|it| it.parse().ok())
}

/// Opens what a dead process left and compares it with what was acknowledged.
async fn check(directory: &Path, acked: Option<u32>) -> Result<u32, String> {
    let opened = Store::open(directory, &identity(), &options()).await;
    let mut store = opened.map_err(|error| format!("does not open: {error}"))?;
    let checked = check_open(&mut store, acked).await;
    store.close().await.map_err(|it| it.to_string())?;
    checked
}

async fn check_open(store: &mut Store, acked: Option<u32>) -> Result<u32, String> {
    let failed = |error: synod_store::StoreError| error.to_string();
    let standing = store.reader.standing().await.map_err(failed)?;
    let height = standing.tip.map(|(height, _)| height.0);
    if height < acked {
        return Err(format!("stands at {height:?}, {acked:?} was acknowledged"));
    }
    let Some(height) = height else {
        return Ok(0);
    };
    let chain = blocks(height, 3);
    let hashes: Vec<_> = chain.iter().map(Block::hash).collect();
    let active = store.reader.active_chain(Height::GENESIS, usize::MAX).await;
    if active.map_err(failed)? != hashes {
        return Err("another chain".to_owned());
    }
    let mut coins: Vec<_> = chain.iter().flat_map(chain::coins).collect();
    let spent: Vec<_> = (11..=height as usize)
        .flat_map(|height| spent_at(&chain, height))
        .collect();
    coins.retain(|(at, _)| !spent.contains(at));
    coins.sort_unstable_by_key(|(at, _)| *at);
    let mut found = Vec::new();
    let scan = store.reader.scan_coins(|at, coin| {
        found.push((at, Bytes::copy_from_slice(coin)));
        Ok(())
    });
    scan.await.map_err(failed)?;
    if found != coins {
        return Err("other coins".to_owned());
    }
    let record = store.reader.meta("standing").await.map_err(failed)?;
    if record != Some(Bytes::from(format!("at {height}"))) {
        return Err(format!("the record is {record:?} at height {height}"));
    }
    let report = store.maintenance.verify(|_| ()).await.map_err(failed)?;
    if !report.is_sound() {
        return Err(format!("{:?}", report.listed));
    }
    Ok(height)
}

fn was_killed(mut child: Child) -> bool {
    let status = child.wait().expect("it ended");
    assert!(
        status.signal() == Some(SIGKILL) || status.success(),
        "the child failed: {status}"
    );
    status.signal() == Some(SIGKILL)
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let wanted = points("SYNOD_KILLS", 100);
    let shim = FaultyDisk::build();
    let mut dice = Dice(7);
    let mut folder = tempfile::tempdir().expect("a directory");
    let (mut killed, mut tried) = (0, 0);
    while killed < wanted {
        tried += 1;
        assert!(tried < 4 * wanted, "children end before they are killed");
        let (data, acks) = (folder.path().join("data"), folder.path().join("acks"));
        let mut command = child(&data, &acks);
        match &shim {
            // At an exact write or sync, and else at any moment.
            Some(shim) if dice.roll(2) == 0 => {
                shim.kill_at(&mut command, &data, 1 + dice.roll(250));
                killed += u64::from(was_killed(command.spawn().expect("a child")));
            }
            _ => {
                let mut child = command.spawn().expect("a child");
                std::thread::sleep(Duration::from_micros(1 + dice.roll(120_000)));
                child.kill().expect("killed");
                killed += u64::from(was_killed(child));
            }
        }
        let acked = last_ack(&acks);
        let height = check(&data, acked).await;
        let height = height.unwrap_or_else(|error| panic!("kill {killed}: {error}"));
        if height > MAX_HEIGHT {
            folder = tempfile::tempdir().expect("a directory");
        }
    }
    println!("{killed} kills, 0 acknowledged commits lost");
}

/// Counts the writes and syncs of a child's life.
fn operations_of_a_life(shim: &FaultyDisk) -> u64 {
    let folder = tempfile::tempdir().expect("a directory");
    let (data, acks) = (folder.path().join("data"), folder.path().join("acks"));
    let into = folder.path().join("count");
    let mut command = child(&data, &acks);
    shim.count(&mut command, &data, &into);
    assert!(!was_killed(command.spawn().expect("a child")));
    let text = std::fs::read_to_string(into).expect("a count");
    text.parse().expect("a number")
}

/// Cuts the power at points spread over a child's life; returns what was lost, in words.
async fn sweep(shim: &FaultyDisk, cuts: u64, syncs_lie: bool) -> Vec<String> {
    let operations = operations_of_a_life(shim);
    assert!(operations > 100, "{operations} writes and syncs");
    let mut lost = Vec::new();
    for index in 0..cuts {
        let folder = tempfile::tempdir().expect("a directory");
        let (data, acks) = (folder.path().join("data"), folder.path().join("acks"));
        let cut = |at, seed| PowerCut {
            at,
            seed,
            syncs_lie,
        };
        let at = 1 + index * (operations - 1) / cuts;
        let mut command = child(&data, &acks);
        // Every other time some of what was not synced reaches the disk after all.
        shim.cut_power(&mut command, &data, cut(at, index % 2 * index));
        assert!(was_killed(command.spawn().expect("a child")), "cut {at}");
        if index % 3 == 2 {
            // Once more while it recovers.
            let mut command = child(&data, &acks);
            shim.cut_power(&mut command, &data, cut(1 + index % 17, index));
            let mut child = command.spawn().expect("a child");
            let status = child.wait().expect("it ended");
            assert!(syncs_lie || status.signal() == Some(SIGKILL), "{status}");
        }
        if let Err(error) = check(&data, last_ack(&acks)).await {
            lost.push(format!("cut at {at} of {operations}: {error}"));
        }
    }
    lost
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let cuts = points("SYNOD_CUTS", 60);
    let lost = sweep(&shim, cuts, false).await;
    assert!(lost.is_empty(), "{} of {cuts}: {lost:#?}", lost.len());
    println!("{cuts} power cuts, 0 acknowledged commits lost");
}

#[tokio::test]
async fn a_disk_whose_syncs_do_nothing_loses_commits_so_the_sweep_can_fail() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let cuts = points("SYNOD_CUTS", 60) / 3;
    let lost = sweep(&shim, cuts, true).await;
    assert!(!lost.is_empty(), "the sweep notices nothing");
    println!("{} of {cuts} cuts lost something", lost.len());
}

#[tokio::test]
async fn an_error_of_the_disk_is_no_full_disk() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    for (how, expected) in [
        (synod_faults::NO_SPACE, "store-disk-full"),
        (synod_faults::WRITE_ERROR, "store-io"),
        (synod_faults::SYNC_ERROR, "store-io"),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let (data, seen) = (folder.path().join("data"), folder.path().join("seen"));
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args(["--exact", "child_that_meets_errors", "--ignored", "-q"])
            .env("SYNOD_CRASH_DATA", &data)
            .env("SYNOD_CRASH_ACKS", &seen)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let switch = shim.switch(&mut command, &data);
        let ready = folder.path().join("ready");
        let mut child = command.env("SYNOD_CRASH_READY", &ready).spawn();
        let child = child.as_mut().expect("a child");
        wait_for(&ready);
        switch.fail(how).expect("the disk fails");
        std::fs::remove_file(&ready).expect("it goes on");
        assert!(child.wait().expect("it ended").success(), "{how}");
        let code = std::fs::read_to_string(&seen).expect("what it saw");
        assert_eq!(code.trim(), expected, "{how}");
        switch.mend().expect("the disk works");
        check_after_errors(&data).await;
    }
}

fn wait_for(path: &Path) {
    while !path.exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

async fn check_after_errors(data: &Path) {
    let mut store = Store::open(data, &identity(), &options())
        .await
        .expect("it opens after the disk works again");
    let tip = store.reader.standing().await.expect("readable").tip;
    assert!(tip.is_some_and(|(height, _)| height >= Height(20)));
    let report = store.maintenance.verify(|_| ()).await.expect("verified");
    assert!(report.is_sound(), "{:?}", report.listed);
    store.close().await.expect("closed");
}

#[tokio::test]
#[ignore = "the process whose disk fails; another test starts it"]
async fn child_that_meets_errors() {
    let Some(directory) = std::env::var_os("SYNOD_CRASH_DATA") else {
        return;
    };
    let path = |name| std::env::var_os(name).expect("set with the directory");
    let (seen, ready) = (path("SYNOD_CRASH_ACKS"), path("SYNOD_CRASH_READY"));
    let mut store = Store::open(Path::new(&directory), &identity(), &options())
        .await
        .expect("opened");
    let chain = blocks(40, 3);
    for height in 0..=20 {
        let batch = connect(&chain[..=height], height);
        store.writer.commit(&batch).await.expect("committed");
    }
    File::create(&ready).expect("ready");
    while Path::new(&ready).exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let failed = store.writer.commit(&connect(&chain[..=21], 21)).await;
    let error = failed.expect_err("the disk fails");
    // Again and again, it is the same: nothing is stuck halfway.
    let failed = store.writer.commit(&connect(&chain[..=21], 21)).await;
    let again = failed.expect_err("the disk still fails");
    assert_eq!(again.code(), error.code(), "{again}");
    std::fs::write(seen, error.code()).expect("noted");
    // What is there is read as before.
    let hash = chain[20].hash();
    let block = store.reader.block(hash).await.expect("readable");
    assert_eq!(block.as_ref(), Some(chain[20].raw()));
    let record = store.reader.header(hash).await.expect("readable");
    assert_eq!(record.status, BlockStatus::Valid);
}
