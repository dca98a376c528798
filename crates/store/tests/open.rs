//! Which data directories are opened and which are refused.

mod chain;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chain::{blocks, connect, identity, open, try_open};
use sqlx::{ConnectOptions as _, Connection as _};
use synod_primitives::Height;
use synod_store::{Batch, DATABASE_FILE, Durability, OpenError, Options, Store, StoreError};

async fn execute(directory: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.join(DATABASE_FILE))
        .create_if_missing(true);
    let mut connection = options.connect().await.expect("connected");
    sqlx::raw_sql(sql)
        .execute(&mut connection)
        .await
        .expect("executed");
    connection.close().await.expect("closed");
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        std::fs::copy(from.join(name), to.join(name)).expect("copied");
    }
}

#[tokio::test]
async fn files_are_readable_by_their_owner_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("new/data");
    let mut store = open(&path).await;
    store
        .writer
        .commit(&connect(&blocks(1, 1), 0))
        .await
        .expect("committed");
    store.reader.standing().await.expect("read");
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("a file");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&path), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path).expect("readable") {
        let entry = entry.expect("an entry");
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().expect("text"));
    }
    names.sort();
    assert_eq!(
        names,
        [
            "lock",
            "node.sqlite",
            "node.sqlite-shm",
            "node.sqlite-wal",
            "tip.mark"
        ]
    );
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let Store {
        reader,
        writer,
        maintenance,
    } = store;
    let refused = try_open(dir.path()).await;
    let text = refused.expect_err("in use").to_string();
    assert!(text.ends_with("is in use by another process"), "{text}");
    drop((writer, maintenance));
    assert!(
        matches!(try_open(dir.path()).await, Err(OpenError::InUse(_))),
        "a reader is left"
    );
    drop(reader);
    for _ in 0..1000 {
        // sqlx's threads let go of the reader's parts a moment later.
        match try_open(dir.path()).await {
            Ok(_) => return,
            Err(OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("still in use");
}

#[tokio::test]
async fn another_networks_database_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path()).await.close().await.expect("closed");
    let mut other = identity();
    other.chain_id[0] ^= 1;
    let refused = Store::open(dir.path(), &other, &Options::default()).await;
    assert!(
        matches!(refused, Err(OpenError::OtherNetwork { .. })),
        "{refused:?}"
    );
    let mut other = identity();
    other.genesis = synod_primitives::BlockHash::ZERO;
    let refused = Store::open(dir.path(), &other, &Options::default()).await;
    assert!(
        matches!(refused, Err(OpenError::OtherNetwork { .. })),
        "{refused:?}"
    );
    let mut renamed = identity();
    renamed.network = "another name for it".to_owned();
    let opened = Store::open(dir.path(), &renamed, &Options::default()).await;
    opened.expect("names are no identity");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path()).await.close().await.expect("closed");
    execute(dir.path(), "PRAGMA user_version = 3").await;
    let before = std::fs::read(dir.path().join(DATABASE_FILE)).expect("a file");
    let refused = try_open(dir.path()).await;
    assert!(
        matches!(refused, Err(OpenError::NewerSchema { found: 3, known: 2 })),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read(dir.path().join(DATABASE_FILE)).expect("a file"),
        before
    );
}

#[tokio::test]
async fn files_of_others_are_refused_and_not_touched() {
    let dir = tempfile::tempdir().expect("a directory");
    execute(
        dir.path(),
        "CREATE TABLE letters (a); PRAGMA user_version = 1",
    )
    .await;
    let path = dir.path().join(DATABASE_FILE);
    let mut samples = vec![std::fs::read(&path).expect("a file")];
    samples.push(b"not a database, but long enough to look at".to_vec());
    samples.push(b"short".to_vec());
    for sample in samples {
        std::fs::write(&path, &sample).expect("written");
        let refused = try_open(dir.path()).await;
        assert!(
            matches!(refused, Err(OpenError::NotADatabase(_))),
            "{refused:?}"
        );
        assert_eq!(std::fs::read(&path).expect("a file"), sample);
    }
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("created");
    assert!(matches!(
        try_open(dir.path()).await,
        Err(OpenError::Directory { .. })
    ));
    let file = dir.path().join("file");
    std::fs::write(&file, b"").expect("written");
    assert!(matches!(
        try_open(&file).await,
        Err(OpenError::Directory { .. })
    ));
}

#[tokio::test]
async fn a_store_that_was_never_closed_has_all_its_commits() {
    let from = tempfile::tempdir().expect("a directory");
    let chain = blocks(9, 2);
    let mut store = open(from.path()).await;
    store
        .writer
        .commit(&connect(&chain[..5], 0))
        .await
        .expect("committed");
    let mut deferred = connect(&chain, 5);
    deferred.durability = Durability::Deferred;
    store.writer.commit(&deferred).await.expect("committed");
    // What another process finds after this one was killed here.
    let dir = tempfile::tempdir().expect("a directory");
    copy(
        from.path(),
        dir.path(),
        &["node.sqlite", "node.sqlite-wal", "tip.mark"],
    );
    let mut killed = open(dir.path()).await;
    let standing = killed.reader.standing().await.expect("standing");
    assert_eq!(standing.tip, Some((Height(9), chain[9].hash())));
    assert!(
        killed
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
}

#[tokio::test]
async fn a_commit_that_is_dropped_midway_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(3, 2000);
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&chain[..1], 0))
        .await
        .expect("committed");
    let before = store.reader.standing().await.expect("standing");
    let batch = connect(&chain, 1);
    for steps in [1, 5, 10, 40, 100] {
        let mut commit = Box::pin(store.writer.commit(&batch));
        for _ in 0..steps {
            let polled = futures_util::poll!(&mut commit);
            if polled.is_ready() {
                // On a busy machine the database's thread may get further between two steps
                // than this one; then there is nothing left to drop.
                assert!(steps > 1, "a commit takes more than one step");
                return;
            }
            tokio::time::sleep(std::time::Duration::from_micros(300)).await;
        }
        drop(commit);
        assert_eq!(store.reader.standing().await.expect("standing"), before);
    }
    store.writer.commit(&batch).await.expect("committed");
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
    assert_eq!(store.reader.standing().await.expect("standing").headers, 4);
}

#[tokio::test]
async fn a_log_that_was_cut_off_behind_an_acknowledged_commit_is_noticed() {
    let from = tempfile::tempdir().expect("a directory");
    let chain = blocks(30, 2);
    let mut store = open(from.path()).await;
    for height in 0..=30 {
        let batch = connect(&chain[..=height], height);
        store.writer.commit(&batch).await.expect("committed");
    }
    let log = std::fs::read(from.path().join("node.sqlite-wal")).expect("a log");
    for percent in [0, 25, 50, 90, 99] {
        let dir = tempfile::tempdir().expect("a directory");
        copy(from.path(), dir.path(), &["node.sqlite", "tip.mark"]);
        let cut = &log[..log.len() * percent / 100];
        std::fs::write(dir.path().join("node.sqlite-wal"), cut).expect("written");
        let refused = try_open(dir.path()).await.expect_err("behind its mark");
        // With the whole log gone not even the tables are there: nothing, at commit 0.
        assert!(
            matches!(refused, OpenError::BehindMark { marked: 31, .. }),
            "{percent}: {refused}"
        );
        assert!(refused.is_lost_commit());

        let options = Options {
            accept_older: true,
            ..Options::default()
        };
        let accepted = Store::open(dir.path(), &identity(), &options)
            .await
            .expect("accepted");
        let standing = accepted.reader.standing().await.expect("standing");
        assert!(standing.commits < 31);
        accepted.close().await.expect("closed");
        open(dir.path()).await;
    }
}

#[tokio::test]
async fn a_missing_or_foreign_mark_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(1, 1);
    store
        .writer
        .commit(&connect(&chain[..1], 0))
        .await
        .expect("committed");
    store
        .writer
        .commit(&connect(&chain, 1))
        .await
        .expect("committed");
    store.close().await.expect("closed");
    let mark = dir.path().join("tip.mark");
    let good = std::fs::read(&mark).expect("a mark");
    std::fs::remove_file(&mark).expect("removed");
    assert!(matches!(
        try_open(dir.path()).await,
        Err(OpenError::Mark { .. })
    ));
    std::fs::write(&mark, b"garbage").expect("written");
    assert!(matches!(
        try_open(dir.path()).await,
        Err(OpenError::Mark { .. })
    ));

    let other = tempfile::tempdir().expect("a directory");
    let mut store = open(other.path()).await;
    let side = chain::extend(chain[..1].to_vec(), 1, 3, 1);
    store
        .writer
        .commit(&connect(&side[..1], 0))
        .await
        .expect("committed");
    store
        .writer
        .commit(&connect(&side, 1))
        .await
        .expect("committed");
    store.close().await.expect("closed");
    std::fs::copy(other.path().join("tip.mark"), &mark).expect("copied");
    assert!(matches!(
        try_open(dir.path()).await,
        Err(OpenError::Mark { .. })
    ));
    std::fs::write(&mark, good).expect("written");
    open(dir.path()).await;
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_the_database_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(2, 1);
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&chain[..2], 0))
        .await
        .expect("committed");
    store.close().await.expect("closed");
    let older = std::fs::read(dir.path().join(DATABASE_FILE)).expect("a file");
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&chain, 2))
        .await
        .expect("committed");
    store.close().await.expect("closed");
    std::fs::write(dir.path().join(DATABASE_FILE), older).expect("written");
    let refused = try_open(dir.path()).await;
    assert!(matches!(
        refused,
        Err(OpenError::BehindMark {
            found: 1,
            marked: 2,
            ..
        })
    ));
    std::fs::write(dir.path().join(DATABASE_FILE), b"").expect("written");
    let refused = try_open(dir.path()).await;
    assert!(
        matches!(refused, Err(OpenError::BehindMark { found: 0, .. })),
        "an empty file too"
    );
}

#[tokio::test]
async fn a_backup_opens_on_its_own_and_holds_what_was_committed() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(12, 4);
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&chain[..8], 0))
        .await
        .expect("committed");
    let copy = dir.path().join("copy");
    store.maintenance.backup(&copy).await.expect("copied");
    store
        .writer
        .commit(&connect(&chain, 8))
        .await
        .expect("the original goes on");
    let again = store.maintenance.backup(&copy).await;
    assert!(
        matches!(again, Err(StoreError::Inconsistent(_))),
        "nothing is overwritten"
    );

    let mut copied = open(&copy).await;
    let standing = copied.reader.standing().await.expect("standing");
    assert_eq!(standing.tip, Some((Height(7), chain[7].hash())));
    let report = copied.maintenance.verify(|_| ()).await.expect("verified");
    assert!(report.is_sound(), "{:?}", report.listed);
    copied
        .writer
        .commit(&connect(&chain, 8))
        .await
        .expect("the copy goes on");
}

#[tokio::test]
async fn checkpoints_move_the_log_into_the_database_and_keep_it_bounded() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options {
        log_limit: 1 << 20,
        ..Options::default()
    };
    let mut store = Store::open(dir.path(), &identity(), &options)
        .await
        .expect("opened");
    let chain = blocks(40, 50);
    for height in 0..=40 {
        let mut batch = connect(&chain[..=height], height);
        batch.durability = Durability::Deferred;
        store.writer.commit(&batch).await.expect("committed");
        if height % 10 == 9 {
            let report = store.maintenance.checkpoint().await.expect("a checkpoint");
            assert!(report.log_bytes <= 1 << 20, "{report:?}");
        }
    }
    store
        .writer
        .commit(&Batch::default())
        .await
        .expect("synced");
    let report = store.maintenance.checkpoint().await.expect("a checkpoint");
    assert_eq!(report.log_pages, report.moved_pages);
    let size = store.maintenance.size().await.expect("sizes");
    assert!(size.database_bytes > 100_000 && size.log_bytes <= 1 << 20);
}

#[tokio::test]
async fn a_full_database_refuses_commits_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options {
        size_limit: 3 << 20,
        ..Options::default()
    };
    let mut store = Store::open(dir.path(), &identity(), &options)
        .await
        .expect("opened");
    let chain = blocks(80, 400);
    let mut height = 0;
    let full = loop {
        let batch = connect(&chain[..=height], height);
        match store.writer.commit(&batch).await {
            Ok(()) => height += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(full, StoreError::DiskFull) && full.is_transient(),
        "{full}"
    );
    let standing = store.reader.standing().await.expect("reads go on");
    assert_eq!(standing.tip.map(|(at, _)| at.0 as usize), Some(height - 1));
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
    let below = Height(height as u32 - 2);
    store
        .writer
        .prune_blocks(below, u32::MAX)
        .await
        .expect("room is made");
    let batch = connect(&chain[..=height], height);
    store.writer.commit(&batch).await.expect("commits go on");
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
}

#[tokio::test]
async fn a_rebuilt_database_takes_the_place_of_the_damaged_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let rebuilt = dir.path().join("rebuilt");
    let chain = blocks(6, 2);
    let mut old = open(dir.path()).await;
    for height in 0..=6 {
        old.writer
            .commit(&connect(&chain[..=height], height))
            .await
            .expect("committed");
    }
    let mut new = open(&rebuilt).await;
    let stored = old.reader.stored_blocks(0, 100).await.expect("read");
    for (block, (_, raw)) in chain.iter().zip(stored) {
        assert_eq!(block.raw(), &raw.expect("sound"));
    }
    new.writer
        .commit(&connect(&chain[..5], 0))
        .await
        .expect("committed");
    let busy = synod_store::install_rebuilt(dir.path(), &rebuilt);
    assert!(matches!(busy, Err(OpenError::InUse(_))), "{busy:?}");
    old.close().await.expect("closed");
    new.close().await.expect("closed");
    synod_store::install_rebuilt(dir.path(), &rebuilt).expect("installed");
    assert!(!rebuilt.exists());
    let mut store = open(dir.path()).await;
    let standing = store.reader.standing().await.expect("standing");
    assert_eq!(standing.tip, Some((Height(4), chain[4].hash())));
    store
        .writer
        .commit(&connect(&chain, 5))
        .await
        .expect("it goes on");
}

/// Dump what this leaves (`sqlite3 node.sqlite .dump`, with the two pragmas of its header)
/// into `schema/` when a schema is released.
#[tokio::test]
#[ignore = "writes a database of the current schema into $SYNOD_GOLDEN"]
async fn write_the_database_of_the_current_schema() {
    let Some(directory) = std::env::var_os("SYNOD_GOLDEN") else {
        return;
    };
    let mut store = open(Path::new(&directory)).await;
    let mut batch = connect(&blocks(2, 2), 0);
    batch
        .meta
        .push(("muhash", Some(bytes::Bytes::from_static(b"state"))));
    store.writer.commit(&batch).await.expect("committed");
    store.close().await.expect("closed");
}

#[tokio::test]
async fn a_database_of_every_earlier_schema_is_opened() {
    for script in [include_str!("schema/v1.sql")] {
        let dir = tempfile::tempdir().expect("a directory");
        execute(dir.path(), script).await;
        let options = Options {
            accept_older: true,
            ..Options::default()
        };
        let mut store = Store::open(dir.path(), &identity(), &options)
            .await
            .expect("opened");
        let report = store.maintenance.verify(|_| ()).await.expect("verified");
        assert!(report.is_sound(), "{:?}", report.listed);
        assert_eq!((report.headers, report.blocks, report.coins), (3, 3, 12));
        let chain = blocks(3, 2);
        store
            .writer
            .commit(&connect(&chain, 3))
            .await
            .expect("it goes on");
        let block = store.reader.block(chain[1].hash()).await.expect("read");
        assert_eq!(block.as_ref(), Some(chain[1].raw()));
    }
}

#[tokio::test]
async fn an_installation_that_a_crash_interrupted_is_finished_when_the_store_opens() {
    let chain = blocks(6, 2);
    // Which of the files had moved when the process died.
    for moved in [&[][..], &["tip.mark"], &["tip.mark", DATABASE_FILE]] {
        let dir = tempfile::tempdir().expect("a directory");
        let built = dir.path().join(synod_store::REINDEX_DIRECTORY);
        let mut old = open(dir.path()).await;
        for height in 0..=6 {
            let batch = connect(&chain[..=height], height);
            old.writer.commit(&batch).await.expect("committed");
        }
        old.close().await.expect("closed");
        let log = dir.path().join("node.sqlite-wal");
        std::fs::write(&log, b"what is damaged need not be closed").expect("a log");
        let mut new = open(&built).await;
        let batch = connect(&chain[..5], 0);
        new.writer.commit(&batch).await.expect("committed");
        new.close().await.expect("closed");
        std::fs::write(built.join("complete"), b"").expect("written");
        for name in moved {
            let _ = std::fs::remove_file(&log);
            std::fs::rename(built.join(name), dir.path().join(name)).expect("moved");
        }
        let mut store = open(dir.path()).await;
        assert!(!built.exists(), "{moved:?}");
        let standing = store.reader.standing().await.expect("standing");
        assert_eq!(standing.tip, Some((Height(4), chain[4].hash())));
        let report = store.maintenance.verify(|_| ()).await.expect("verified");
        assert!(report.is_sound(), "{moved:?}: {:?}", report.listed);
    }
}

#[tokio::test]
async fn a_database_whose_migration_was_interrupted_is_brought_up() {
    let whole = tempfile::tempdir().expect("a directory");
    open(whole.path()).await.close().await.expect("closed");
    // What a process leaves that died before its first migration was committed: sqlx's own
    // table, and nothing of the node's.
    let dir = tempfile::tempdir().expect("a directory");
    execute(
        dir.path(),
        "PRAGMA journal_mode = WAL; CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, \
         description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .await;
    let mut store = open(dir.path()).await;
    let chain = blocks(2, 1);
    let batch = connect(&chain, 0);
    store.writer.commit(&batch).await.expect("committed");
    store.close().await.expect("closed");

    // One that says it failed halfway is refused, with what to do.
    execute(
        dir.path(),
        "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1",
    )
    .await;
    let refused = try_open(dir.path()).await.expect_err("half-migrated");
    assert!(refused.to_string().contains("migration"), "{refused}");
}

/// The header of a rollback journal of a file that had no page, without any record
/// (<https://www.sqlite.org/fileformat2.html#the_rollback_journal>).
fn journal_of_a_new_file() -> Vec<u8> {
    const SECTOR: u32 = 512;
    const PAGE: u32 = 4096;
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    for field in [0, 0, 0, SECTOR, PAGE] {
        journal.extend(u32::to_be_bytes(field));
    }
    journal.resize(512, 0);
    journal
}

#[tokio::test]
async fn a_power_cut_while_the_database_was_created_is_undone() {
    let dir = tempfile::tempdir().expect("a directory");
    execute(dir.path(), "CREATE TABLE half_made (id INTEGER)").await;
    let journal = dir.path().join(format!("{DATABASE_FILE}-journal"));
    std::fs::write(&journal, journal_of_a_new_file()).expect("written");
    let reading = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join(DATABASE_FILE))
        .read_only(true);
    let mut connection = reading.connect().await.expect("connected");
    let refused = sqlx::raw_sql("SELECT count(*) FROM sqlite_schema")
        .execute(&mut connection)
        .await
        .expect_err("the journal is hot");
    let refused = refused.as_database_error().expect("an error of SQLite");
    // SQLITE_READONLY_ROLLBACK
    assert_eq!(refused.code().as_deref(), Some("776"), "{refused}");
    connection.close().await.expect("closed");

    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&blocks(1, 1), 0))
        .await
        .expect("committed");
    store.close().await.expect("closed");
    assert!(!journal.exists());
    open(dir.path()).await.close().await.expect("closed");
}

#[tokio::test]
async fn an_empty_file_is_a_new_database_only_where_nothing_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(DATABASE_FILE), b"").expect("written");
    let mut store = open(dir.path()).await;
    let chain = blocks(1, 1);
    let batch = connect(&chain, 0);
    store.writer.commit(&batch).await.expect("committed");
    store.close().await.expect("closed");
    std::fs::write(dir.path().join(DATABASE_FILE), b"").expect("written");
    let refused = try_open(dir.path()).await;
    assert!(
        matches!(refused, Err(OpenError::BehindMark { found: 0, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_log_of_another_database_or_none_is_noticed() {
    let chain = blocks(4, 2);
    let other_chain = chain::extend(chain[..1].to_vec(), 4, 9, 2);
    let mut stores = Vec::new();
    for blocks in [&chain, &other_chain] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = open(dir.path()).await;
        let first = connect(&blocks[..2], 0);
        store.writer.commit(&first).await.expect("committed");
        store.maintenance.checkpoint().await.expect("moved");
        for height in 2..=4 {
            let batch = connect(&blocks[..=height], height);
            store.writer.commit(&batch).await.expect("committed");
        }
        stores.push((dir, store));
    }
    let log = |index: usize| stores[index].0.path().join("node.sqlite-wal");
    for foreign in [Some(log(1)), None] {
        let dir = tempfile::tempdir().expect("a directory");
        copy(stores[0].0.path(), dir.path(), &["node.sqlite", "tip.mark"]);
        if let Some(foreign) = &foreign {
            std::fs::copy(foreign, dir.path().join("node.sqlite-wal")).expect("copied");
        }
        let refused = try_open(dir.path()).await;
        // Frames of another log have another salt, or make pages that do not fit.
        assert!(refused.is_err(), "{foreign:?} was not noticed");
    }
}

#[tokio::test]
async fn a_flipped_bit_of_the_log_is_noticed_before_anything_is_served() {
    let from = tempfile::tempdir().expect("a directory");
    let chain = blocks(12, 3);
    let mut store = open(from.path()).await;
    for height in 0..=12 {
        let batch = connect(&chain[..=height], height);
        store.writer.commit(&batch).await.expect("committed");
    }
    let log = std::fs::read(from.path().join("node.sqlite-wal")).expect("a log");
    for part in 0..40 {
        let dir = tempfile::tempdir().expect("a directory");
        copy(from.path(), dir.path(), &["node.sqlite", "tip.mark"]);
        let mut damaged = log.clone();
        let at = 32 + part * (log.len() - 32) / 40 + part % 7;
        damaged[at] ^= 1 << (part % 8);
        std::fs::write(dir.path().join("node.sqlite-wal"), &damaged).expect("written");
        // SQLite ends its log at the first frame that does not fit: commits are missing.
        match try_open(dir.path()).await {
            Err(refused) => assert!(refused.is_lost_commit(), "byte {at}: {refused}"),
            Ok(store) => {
                // A frame that no commit needs any more, or a byte that means nothing.
                let tip = store.reader.standing().await.expect("standing").tip;
                assert_eq!(tip, Some((Height(12), chain[12].hash())), "byte {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_read_only_directory_is_refused_with_a_sentence() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path()).await.close().await.expect("closed");
    let allow = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join("lock"), permissions).expect("changed");
    };
    allow(0o400);
    let refused = try_open(dir.path()).await;
    allow(0o600);
    match refused {
        Err(error) => assert!(error.to_string().contains("cannot use"), "{error}"),
        // Who may do everything is not kept out by permissions.
        Ok(store) => store.close().await.expect("closed"),
    }
}

#[tokio::test]
async fn a_copy_is_made_while_another_connection_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(9, 3);
    let mut store = open(dir.path()).await;
    let batch = connect(&chain[..6], 0);
    store.writer.commit(&batch).await.expect("committed");
    let to = dir.path().join("copy");
    synod_store::backup(dir.path(), &identity(), &to)
        .await
        .expect("copied, lock or not");
    let batch = connect(&chain, 6);
    store.writer.commit(&batch).await.expect("committed");
    let mut copied = open(&to).await;
    let tip = copied.reader.standing().await.expect("standing").tip;
    assert_eq!(tip, Some((Height(5), chain[5].hash())));
    let report = copied.maintenance.verify(|_| ()).await.expect("verified");
    assert!(report.is_sound(), "{:?}", report.listed);
    let mut other = identity();
    other.chain_id = [9; 32];
    let refused = synod_store::backup(dir.path(), &other, &dir.path().join("no")).await;
    assert!(
        matches!(refused, Err(OpenError::OtherNetwork { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn blocks_are_read_out_of_a_database_that_does_not_open() {
    use synod_store::Salvage;
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(5, 2);
    let mut store = open(dir.path()).await;
    let batch = connect(&chain, 0);
    store.writer.commit(&batch).await.expect("committed");
    store.close().await.expect("closed");
    execute(dir.path(), "UPDATE chain_state SET checksum = 0").await;
    assert!(try_open(dir.path()).await.is_err());
    let mut salvage = Salvage::open(dir.path(), &identity()).await.expect("open");
    assert_eq!(salvage.height(), None);
    let found = salvage.stored_blocks(0, 100).await.expect("read");
    for (block, (_, raw)) in chain.iter().zip(&found) {
        assert_eq!(block.raw(), raw.as_ref().expect("sound"));
    }
    assert_eq!(found.len(), 6);
    let busy = try_open(dir.path()).await;
    assert!(matches!(busy, Err(OpenError::InUse(_))), "{busy:?}");
    salvage.close().await.expect("closed");
    let mut other = identity();
    other.chain_id = [9; 32];
    let refused = Salvage::open(dir.path(), &other).await.map(|_| ());
    assert!(
        matches!(refused, Err(OpenError::OtherNetwork { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_long_reader_holds_the_log_only_as_long_as_it_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let limit = 1 << 20;
    let options = Options {
        log_limit: limit,
        ..Options::default()
    };
    let mut store = Store::open(dir.path(), &identity(), &options)
        .await
        .expect("opened");
    let chain = blocks(60, 60);
    let batch = connect(&chain[..1], 0);
    store.writer.commit(&batch).await.expect("committed");
    let path = dir.path().join(DATABASE_FILE);
    let mut reader = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .expect("connected");
    let mut reading = reader.begin().await.expect("begun");
    sqlx::query("SELECT count(*) FROM headers")
        .fetch_one(&mut *reading)
        .await
        .expect("read");
    let mut report = None;
    for height in 1..=60 {
        let batch = connect(&chain[..=height], height);
        store
            .writer
            .commit(&batch)
            .await
            .expect("the writer goes on");
        if height % 20 == 0 {
            report = Some(store.maintenance.checkpoint().await);
        }
    }
    let report = report.expect("checkpoints were tried");
    // The report shows a log above its limit, so an operator can be told.
    assert!(
        !report.is_ok_and(|it| it.log_bytes <= limit),
        "the reader holds the log"
    );
    reading.rollback().await.expect("ended");
    reader.close().await.expect("closed");
    let report = store.maintenance.checkpoint().await.expect("moved");
    assert!(report.log_bytes <= limit, "{report:?}");
    let tip = store.reader.standing().await.expect("standing").tip;
    assert_eq!(tip, Some((Height(60), chain[60].hash())));
}
