//! Opening the protection database and holding it against the second place.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use synod_primitives::hex;

use super::error::ProtectionError;
use super::head::Head;
use super::high_water::{HighWater, HighWaterFile};
use super::rules::Marks;
use super::{ProtectionOptions, ProtectionPaths, State, rows};

/// "SYNP" in the file's header.
const APPLICATION_ID: &str = "1398361680";

pub(super) async fn open(
    paths: &ProtectionPaths,
    chain_id: [u8; 32],
    options: ProtectionOptions,
) -> Result<State, ProtectionError> {
    let second = HighWaterFile::new(&paths.high_water);
    let marked = match second.read() {
        Err(ProtectionError::HighWaterDamaged(_)) if options.accept_loss => None,
        read => read?,
    };
    if let Some(marked) = &marked {
        check_chain(&marked.head, &chain_id)?;
    }
    let is_there = paths.database.exists();
    if !is_there && marked.is_some() && !options.accept_loss {
        return Err(ProtectionError::Missing {
            database: paths.database.clone(),
            mark: paths.high_water.clone(),
        });
    }
    let mut db = connect(&paths.database).await?;
    match judge(&mut db, paths, chain_id, options, marked.as_ref()).await {
        Ok((head, is_whole)) => {
            let mut state = State {
                db,
                second,
                head,
                is_second_written: false,
            };
            if !is_whole {
                return accept_loss(state, marked).await;
            }
            state.finish(head).await?;
            Ok(state)
        }
        Err(error) => {
            // The lock is free when this returns, so that the next attempt is not refused for it.
            let _ = db.close().await;
            Err(error)
        }
    }
}

/// Holds the database against the second place; returns its head, and whether both are whole.
async fn judge(
    db: &mut SqliteConnection,
    paths: &ProtectionPaths,
    chain_id: [u8; 32],
    options: ProtectionOptions,
    marked: Option<&HighWater>,
) -> Result<(Head, bool), ProtectionError> {
    let head = match rows::load_head(db).await? {
        Some(head) => head,
        None => create(db, chain_id).await?,
    };
    check_chain(&head, &chain_id)?;
    match marked {
        Some(marked) if head.is_not_behind(&marked.head) => Ok((head, true)),
        // The process ended while it made the two, before any key could sign.
        None if head.sequence == 0 => Ok((head, true)),
        _ if options.accept_loss => Ok((head, false)),
        None => Err(ProtectionError::HighWaterMissing(paths.high_water.clone())),
        Some(marked) => Err(ProtectionError::Behind {
            found: head.sequence,
            expected: marked.head.sequence,
            mark: paths.high_water.clone(),
        }),
    }
}

fn check_chain(head: &Head, chain_id: &[u8; 32]) -> Result<(), ProtectionError> {
    if head.chain_id == *chain_id {
        return Ok(());
    }
    Err(ProtectionError::OtherChain {
        found: hex::encode(head.chain_id),
        wanted: hex::encode(chain_id),
    })
}

async fn connect(path: &Path) -> Result<SqliteConnection, ProtectionError> {
    let in_use = |error| match &error {
        sqlx::Error::Database(it) if it.message().contains("locked") => {
            ProtectionError::InUse(path.to_owned())
        }
        _ => ProtectionError::Database(error),
    };
    let mut db = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::ZERO)
        .pragma("application_id", APPLICATION_ID)
        .connect()
        .await
        .map_err(in_use)?;
    restrict(path).map_err(|error| ProtectionError::Database(sqlx::Error::Io(error)))?;
    // `run` would do the same, but its future cannot be proved to be `Send`.
    sqlx::migrate!("../../migrations/validator")
        .run_direct(None, &mut db, false)
        .await?;
    Ok(db)
}

/// Leaves the database to its owner; the log beside it takes over its mode.
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

async fn create(db: &mut SqliteConnection, chain_id: [u8; 32]) -> Result<Head, ProtectionError> {
    let mut instance = [0; 16];
    getrandom::fill(&mut instance).map_err(|error| ProtectionError::Random(error.to_string()))?;
    let head = Head::new(chain_id, instance);
    rows::save_head(db, &head).await?;
    Ok(head)
}

/// Goes on from the greater of each watermark that is left.
async fn accept_loss(
    mut state: State,
    marked: Option<HighWater>,
) -> Result<State, ProtectionError> {
    tracing::warn!(
        "going on without a whole protection database: what it has lost can be signed again"
    );
    let mut tx = state.db.begin_with("BEGIN IMMEDIATE").await?;
    let mut sequence = state.head.sequence;
    if let Some(marked) = marked {
        sequence = sequence.max(marked.head.sequence);
        for (key, marks) in marked.marks {
            let key = key.to_bytes();
            let known = rows::load_marks(&mut tx, &key).await?.unwrap_or_default();
            let joined = known.joined(&below(marks));
            rows::save_marks(&mut tx, &key, &joined).await?;
        }
    }
    let head = Head {
        sequence,
        ..state.head
    }
    .after(&[b"loss accepted"]);
    rows::save_head(&mut tx, &head).await?;
    tx.commit().await?;
    state.finish(head).await?;
    Ok(state)
}

/// Says of marks without history that nothing is known below them.
fn below(marks: Marks) -> Marks {
    Marks {
        low_slot: marks.low_slot.max(marks.sealed.map(|it| it.0)),
        low_target: marks.low_target.max(marks.voted.map(|it| it.1)),
        ..marks
    }
}
