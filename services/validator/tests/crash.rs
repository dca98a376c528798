//! A signer that dies at any moment never signs two things for one slot: killed at any write or
//! sync, or its power cut there.
//!
//! The signer is this test binary, started again. Each life asks for the slots from just below
//! the last one on, with another digest for every slot than all lives before, and notes in a
//! file outside of its directories what it was given. `SYNOD_KILLS` and `SYNOD_CUTS` set how
//! many points are tried.

mod support;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{key, open, seal, vote};
use synod_faults::{FaultyDisk, PowerCut};

/// Slots that are asked for in one life.
const SLOTS_PER_LIFE: u64 = 12;
/// How far below the last slot a life begins.
const BACK: u64 = 4;
/// The slot past which a directory is not used any more.
const MAX_SLOT: u64 = 600;
const SIGKILL: i32 = 9;

fn points(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(default)
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

#[tokio::test]
#[ignore = "the process that is killed; the other tests start it"]
async fn child_that_signs() {
    let Some(folder) = std::env::var_os("SYNOD_CRASH_DATA") else {
        return;
    };
    let released = std::env::var_os("SYNOD_CRASH_RELEASED").expect("set with the directory");
    let life: u64 = std::env::var("SYNOD_CRASH_LIFE")
        .expect("set with the directory")
        .parse()
        .expect("a number");
    let mut released = OpenOptions::new()
        .append(true)
        .create(true)
        .open(released)
        .expect("the list of signatures that left");
    let protection = open(Path::new(&folder))
        .await
        .expect("what a dead signer left opens");
    let _ = protection.register(&key(1)).await;
    let marks = protection.marks(&key(1)).await.expect("registered");
    let last = marks.sealed.map_or(1, |it| it.0);
    for slot in last.saturating_sub(BACK).max(1)..last + SLOTS_PER_LIFE {
        let mut asked = seal(slot, 0);
        asked.digest[..8].copy_from_slice(&life.to_le_bytes());
        let mut asked_vote = vote(slot - 1, slot, 0);
        asked_vote.digest = asked.digest;
        let of = |digest: &[u8; 32]| {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(digest);
            signature
        };
        if let Ok(signature) = protection.seal(&key(1), &asked, of).await {
            assert_eq!(signature[..32], asked.digest);
            writeln!(released, "seal {slot} {life}").expect("noted");
        }
        if let Ok(signature) = protection.vote(&key(1), &asked_vote, of).await {
            assert_eq!(signature[..32], asked.digest);
            writeln!(released, "vote {slot} {life}").expect("noted");
        }
    }
    protection.close().await.expect("closed");
}

fn child(folder: &Path, released: &Path, life: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", "child_that_signs", "--ignored", "-q"])
        .env("SYNOD_CRASH_DATA", folder)
        .env("SYNOD_CRASH_RELEASED", released)
        .env("SYNOD_CRASH_LIFE", life.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn was_killed(mut child: Child) -> bool {
    let status = child.wait().expect("it ended");
    assert!(
        status.signal() == Some(SIGKILL) || status.success(),
        "the child failed: {status}"
    );
    status.signal() == Some(SIGKILL)
}

/// Says what was signed twice, and the last slot of all.
fn double_signatures(released: &Path) -> (Vec<String>, u64, usize) {
    let text = std::fs::read_to_string(released).unwrap_or_default();
    let mut signed: BTreeMap<(String, u64), String> = BTreeMap::new();
    let (mut doubles, mut last) = (Vec::new(), 0);
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [kind, slot, life] = words[..] else {
            continue;
        };
        let slot: u64 = slot.parse().expect("a slot");
        last = last.max(slot);
        let before = signed.insert((kind.to_owned(), slot), life.to_owned());
        if before.is_some_and(|before| before != life) {
            doubles.push(line.to_owned());
        }
    }
    (doubles, last, signed.len())
}

#[test]
fn s04_a_signer_that_is_killed_at_any_point_never_signs_twice() {
    let wanted = points("SYNOD_KILLS", 100);
    let shim = FaultyDisk::build();
    let mut dice = Dice(11);
    let mut folder = tempfile::tempdir().expect("a directory");
    let (mut killed, mut life, mut signatures) = (0, 0, 0);
    while killed < wanted {
        life += 1;
        assert!(life < 4 * wanted, "children end before they are killed");
        let signer = folder.path().join("signer");
        let released = folder.path().join("released");
        let mut command = child(&signer, &released, life);
        match &shim {
            // At an exact write or sync, and else at any moment.
            Some(shim) if dice.roll(3) > 0 => {
                shim.kill_at(&mut command, &signer, 1 + dice.roll(160));
                killed += u64::from(was_killed(command.spawn().expect("a child")));
            }
            _ => {
                let mut child = command.spawn().expect("a child");
                std::thread::sleep(Duration::from_micros(1 + dice.roll(60_000)));
                child.kill().expect("killed");
                killed += u64::from(was_killed(child));
            }
        }
        let (doubles, last, count) = double_signatures(&released);
        assert!(doubles.is_empty(), "after kill {killed}: {doubles:?}");
        if last > MAX_SLOT {
            signatures += count;
            folder = tempfile::tempdir().expect("a directory");
        }
    }
    signatures += double_signatures(&folder.path().join("released")).2;
    assert!(signatures > 0, "nothing was signed at all");
    println!("{killed} kills in {life} lives, {signatures} signatures, 0 double");
}

/// Counts the writes and syncs of a signer's life.
fn operations_of_a_life(shim: &FaultyDisk) -> u64 {
    let folder = tempfile::tempdir().expect("a directory");
    let (signer, into) = (folder.path().join("signer"), folder.path().join("count"));
    let mut command = child(&signer, &folder.path().join("released"), 1);
    shim.count(&mut command, &signer, &into);
    assert!(!was_killed(command.spawn().expect("a child")));
    let text = std::fs::read_to_string(into).expect("a count");
    text.parse().expect("a number")
}

#[test]
fn s04_a_signer_whose_power_is_cut_at_any_write_never_signs_twice() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let cuts = points("SYNOD_CUTS", 60);
    let operations = operations_of_a_life(&shim);
    assert!(operations > 50, "{operations} writes and syncs");
    for index in 0..cuts {
        let folder = tempfile::tempdir().expect("a directory");
        let signer = folder.path().join("signer");
        let released = folder.path().join("released");
        let at = 1 + index * (operations - 1) / cuts;
        let cut = PowerCut {
            at,
            // Every other time some of what was not synced reaches the disk after all.
            seed: index % 2 * index,
            syncs_lie: false,
        };
        let mut command = child(&signer, &released, 1);
        shim.cut_power(&mut command, &signer, cut);
        assert!(was_killed(command.spawn().expect("a child")), "cut {at}");
        let mut command = child(&signer, &released, 2);
        assert!(!was_killed(command.spawn().expect("a child")), "cut {at}");
        let (doubles, last, _) = double_signatures(&released);
        assert!(doubles.is_empty(), "cut {at} of {operations}: {doubles:?}");
        assert!(last > 0, "cut {at}: the second life signs");
    }
    println!("{cuts} power cuts over {operations} operations, 0 double signatures");
}
