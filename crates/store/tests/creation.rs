//! What a power cut leaves of a database that is being created.

mod chain;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chain::{blocks, connect, identity};
use synod_faults::{FaultyDisk, PowerCut};
use synod_store::{DATABASE_FILE, OpenError, Options, Store};

async fn try_open(directory: &Path) -> Result<Store, OpenError> {
    Store::open(directory, &identity(), &Options::default()).await
}

/// Opens the store, and writes into it.
async fn goes_on(directory: &Path) -> Result<(), String> {
    let opened = try_open(directory).await;
    let mut store = opened.map_err(|error| format!("does not open: {error}"))?;
    let standing = store.reader.standing().await.map_err(|it| it.to_string())?;
    let next = standing.tip.map_or(0, |(height, _)| height.0 as usize + 1);
    let chain = blocks(u32::try_from(next).expect("few") + 1, 1);
    let batch = connect(&chain[..=next], next);
    let committed = store.writer.commit(&batch).await;
    committed.map_err(|error| format!("does not commit: {error}"))?;
    store.close().await.map_err(|it| it.to_string())
}

/// A file without its first page, as long as a database that was just created.
fn headless() -> Vec<u8> {
    let mut bytes = vec![0; 16 << 10];
    bytes.extend(vec![0x5a; 64 << 10]);
    bytes
}

#[tokio::test]
async fn a_database_that_never_got_its_first_page_is_created_anew() {
    for journal in [None, Some(b"half a journal")] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(DATABASE_FILE);
        std::fs::write(&path, headless()).expect("written");
        if let Some(journal) = journal {
            let beside = dir.path().join(format!("{DATABASE_FILE}-journal"));
            std::fs::write(beside, journal).expect("written");
        }
        goes_on(dir.path()).await.expect("as if it were new");
        goes_on(dir.path()).await.expect("and again");
    }
}

#[tokio::test]
async fn a_first_page_that_was_lost_after_a_commit_was_acknowledged_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().expect("a directory");
    goes_on(dir.path()).await.expect("a new store");
    let path = dir.path().join(DATABASE_FILE);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[..16 << 10].fill(0);
    std::fs::write(&path, &bytes).expect("written");
    let refused = try_open(dir.path()).await.expect_err("refused");
    let sentence = refused.to_string();
    assert!(
        matches!(refused, OpenError::LostBeginning { commits: 1, .. }),
        "{sentence}"
    );
    assert!(
        sentence.contains("1 commits were acknowledged"),
        "{sentence}"
    );
    assert_eq!(std::fs::read(&path).expect("read"), bytes);
    // Without the mark the log still says that there was something.
    std::fs::remove_file(dir.path().join("tip.mark")).expect("removed");
    std::fs::write(dir.path().join(format!("{DATABASE_FILE}-wal")), b"log").expect("written");
    let refused = try_open(dir.path()).await.expect_err("refused");
    assert!(matches!(
        refused,
        OpenError::LostBeginning { commits: 0, .. }
    ));
    assert_eq!(std::fs::read(&path).expect("read"), bytes);
}

#[tokio::test]
async fn files_that_only_look_unfinished_are_refused_and_not_touched() {
    let short = vec![0; 511];
    let mut other = headless();
    other[511] = 1;
    for bytes in [short, other] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(DATABASE_FILE);
        std::fs::write(&path, &bytes).expect("written");
        let refused = try_open(dir.path()).await.expect_err("refused");
        assert!(matches!(refused, OpenError::NotADatabase(_)), "{refused}");
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
    }
}

#[tokio::test]
#[ignore = "the process whose power is cut; another test starts it"]
async fn child_that_creates() {
    let Some(directory) = std::env::var_os("SYNOD_CRASH_DATA") else {
        return;
    };
    goes_on(Path::new(&directory)).await.expect("a new store");
}

fn child(directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", "child_that_creates", "--ignored", "-q"])
        .env("SYNOD_CRASH_DATA", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[tokio::test]
async fn a_power_cut_at_any_write_of_the_creation_leaves_a_store_that_opens() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    // How often each write is cut, with other parts of the rest kept; the sweep takes more.
    let rounds = std::env::var("SYNOD_CREATION_ROUNDS").ok();
    let rounds = rounds.and_then(|it| it.parse().ok()).unwrap_or(1);
    let count = {
        let folder = tempfile::tempdir().expect("a directory");
        let into = folder.path().join("count");
        let data = folder.path().join("data");
        let mut command = child(&data);
        shim.count(&mut command, &data, &into);
        assert!(command.status().expect("a child").success());
        let text = std::fs::read_to_string(into).expect("a count");
        text.parse::<u64>().expect("a number")
    };
    assert!(count > 10, "{count} writes and syncs");
    let mut failed = Vec::new();
    for at in 1..=count {
        for round in 0..rounds {
            let folder = tempfile::tempdir().expect("a directory");
            let data = folder.path().join("data");
            let mut command = child(&data);
            let seed = round * 1000 + at;
            let syncs_lie = false;
            shim.cut_power(
                &mut command,
                &data,
                PowerCut {
                    at,
                    seed,
                    syncs_lie,
                },
            );
            let status = command.status().expect("a child");
            assert_eq!(status.signal(), Some(9), "cut {at}");
            if let Err(error) = goes_on(&data).await {
                failed.push(format!("cut at {at} of {count}, seed {seed}: {error}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    println!(
        "{} power cuts during the creation, 0 stores that do not open",
        count * rounds
    );
}
