//! Opening a data directory.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use synod_primitives::{BlockHash, hex};

use crate::checksum::row_sum;
use crate::directory::{DATABASE_FILE, DataDirectory};
use crate::error::{OpenError, StoreError, is_not_a_database, needs_rollback};
use crate::maintenance::Maintenance;
use crate::mark::{self, MarkFile};
use crate::reader::Reader;
use crate::rebuild;
use crate::row::Columns;
use crate::state::ChainState;
use crate::unfinished;
use crate::writer::Writer;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/node");

/// "SYND" in the file's header.
const APPLICATION_ID: i64 = 0x5359_4e44;
const PAGE_SIZE: u32 = 16 * 1024;
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a checkpoint that resets the log waits, and holds up the writer.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(500);
/// Rows that wait between SQLite's thread and the task that reads them.
const ROW_BUFFER: usize = 512;

/// The network that a database belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The network's name, for messages only.
    pub network: String,
    /// The digest of the consensus part of its spec.
    pub chain_id: [u8; 32],
    /// Its block 0.
    pub genesis: BlockHash,
}

/// How a database is opened; sizes in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most connections that read at the same time.
    pub read_connections: u32,
    /// The writer's page cache. What it writes comes sorted, so it meets a page once.
    pub writer_cache: u64,
    /// Each reader's page cache.
    pub reader_cache: u64,
    /// How much of the file is mapped into memory.
    pub mapped: u64,
    /// The size of the write-ahead log above which a checkpoint resets it.
    pub log_limit: u64,
    /// The size that the database file never exceeds: commits that need more fail with
    /// [`StoreError::DiskFull`] until something is pruned.
    pub size_limit: u64,
    /// Opens a database that has lost acknowledged commits, and goes on from what it has.
    pub accept_older: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_connections: 4,
            writer_cache: 16 << 20,
            reader_cache: 8 << 20,
            mapped: 2 << 30,
            log_limit: 64 << 20,
            size_limit: u64::MAX,
            accept_older: false,
        }
    }
}

/// An open database: one writer, readers, maintenance.
///
/// The parts may be taken apart and live in different tasks; the data directory stays
/// locked until the last of them is gone.
#[derive(Debug)]
pub struct Store {
    /// Writes.
    pub writer: Writer,
    /// Reads.
    pub reader: Reader,
    /// Checkpoints, backups, verification.
    pub maintenance: Maintenance,
}

impl Store {
    /// Opens the database in a data directory; creates both where they are not there.
    ///
    /// # Errors
    /// The directory is in use or cannot be used; the database is another network's, has a
    /// newer schema, is damaged, or lacks acknowledged commits.
    pub async fn open(
        directory: &Path,
        identity: &Identity,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let directory = Arc::new(DataDirectory::lock(directory)?);
        rebuild::finish(&directory)?;
        unfinished::discard(&directory)?;
        let path = directory.prepare_database()?;
        let base = SqliteConnectOptions::new().filename(&path);
        check_kind(&path, &base).await?;
        let writing = writer_options(&base, options);
        let mut connection = connect(&writing, &path).await?;
        MIGRATIONS.run(&mut connection).await?;
        let state = check_identity(&mut connection, identity).await?;
        let mark = check_mark(directory.path(), &state, options.accept_older)?;
        let checkpoints = writing
            .clone()
            .pragma("cache_size", "-1024")
            .busy_timeout(CHECKPOINT_TIMEOUT);
        let maintenance = Maintenance::new(
            checkpoints.connect().await?,
            mark.try_clone_file().map_err(StoreError::from)?,
            options.log_limit,
            Arc::clone(&directory),
        );
        let pool = SqlitePoolOptions::new()
            .max_connections(options.read_connections.max(1))
            .min_connections(0)
            .acquire_timeout(BUSY_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(reader_options(&base, options));
        Ok(Self {
            writer: Writer::new(connection, writing, mark, Arc::clone(&directory)),
            reader: Reader::new(pool, directory, options.clone()),
            maintenance,
        })
    }

    /// Closes everything after bringing it to the disk.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await;
        let Self {
            writer,
            mut maintenance,
            ..
        } = self;
        writer.close().await?;
        maintenance.checkpoint().await?;
        maintenance.close().await
    }
}

fn writer_options(base: &SqliteConnectOptions, options: &Options) -> SqliteConnectOptions {
    shared_options(base, options)
        .page_size(PAGE_SIZE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", cache_pages(options.writer_cache))
        // Checkpoints are made by `Maintenance`, beside the writer and not within a commit.
        .pragma("wal_autocheckpoint", "0")
        .pragma(
            "max_page_count",
            (options.size_limit / u64::from(PAGE_SIZE)).to_string(),
        )
        .thread_name(|_| "store-writer".to_owned())
}

fn reader_options(base: &SqliteConnectOptions, options: &Options) -> SqliteConnectOptions {
    shared_options(base, options)
        .read_only(true)
        .pragma("cache_size", cache_pages(options.reader_cache))
        .row_buffer_size(ROW_BUFFER)
        .thread_name(|n| format!("store-reader-{n}"))
}

fn shared_options(base: &SqliteConnectOptions, options: &Options) -> SqliteConnectOptions {
    base.clone()
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
        .pragma(
            "mmap_size",
            options.mapped.min(i64::MAX.cast_unsigned()).to_string(),
        )
        .disable_statement_logging()
}

/// SQLite takes a negative cache size as KiB.
pub(crate) fn cache_pages(bytes: u64) -> String {
    format!("-{}", (bytes / 1024).clamp(256, 1 << 30))
}

pub(crate) async fn connect(
    options: &SqliteConnectOptions,
    path: &Path,
) -> Result<SqliteConnection, OpenError> {
    options
        .connect()
        .await
        .map_err(|error| open_error(error, path))
}

fn open_error(error: sqlx::Error, path: &Path) -> OpenError {
    if is_not_a_database(&error) {
        OpenError::NotADatabase(path.to_owned())
    } else {
        error.into()
    }
}

/// Refuses other programs' files and newer schemas before anything is written to them, but for
/// the undoing of a transaction that a power cut left half-way in the file.
pub(crate) async fn check_kind(path: &Path, base: &SqliteConnectOptions) -> Result<(), OpenError> {
    let unusable = |source| OpenError::Directory {
        path: path.to_owned(),
        source,
    };
    let mut magic = Vec::new();
    let file = std::fs::File::open(path).map_err(unusable)?;
    file.take(16).read_to_end(&mut magic).map_err(unusable)?;
    if magic.is_empty() {
        return Ok(());
    }
    if magic != b"SQLite format 3\0" {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let writing = base.clone().disable_statement_logging();
    let row = match read_kind(&writing.clone().read_only(true)).await {
        Err(error) if needs_rollback(&error) => read_kind(&writing).await,
        read => read,
    };
    let row = row.map_err(|error| open_error(error, path))?;
    let row = Columns::new(&row, "database");
    let (application, found, tables) = (row.int(0)?, row.int(1)?, row.int(2)?);
    // A process that was killed while it created the file leaves no more than sqlx's table.
    let is_unfinished = application == 0 && tables == 0;
    if application != APPLICATION_ID && !is_unfinished {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    let known = known.unwrap_or(0);
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    Ok(())
}

async fn read_kind(options: &SqliteConnectOptions) -> Result<SqliteRow, sqlx::Error> {
    let mut connection = options.connect().await?;
    let row = sqlx::query(
        "SELECT application_id, user_version, \
         (SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations') \
         FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(row)
}

/// Compares the database's network with the one asked for; a new database takes it on.
async fn check_identity(
    connection: &mut SqliteConnection,
    identity: &Identity,
) -> Result<ChainState, OpenError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let Some(found) = load_identity(&mut transaction).await? else {
        return create(transaction, identity).await;
    };
    other_network(&found, identity)?;
    Ok(ChainState::load(&mut transaction).await?)
}

/// Reads the network that a database belongs to; `None` in a new one.
pub(crate) async fn load_identity(
    connection: &mut SqliteConnection,
) -> Result<Option<Identity>, StoreError> {
    let row = sqlx::query("SELECT network, chain_id, genesis, checksum FROM identity WHERE id = 0")
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let row = Columns::new(&row, "identity");
    let found = Identity {
        network: row.text(0)?.to_owned(),
        chain_id: row.array(1)?,
        genesis: BlockHash::from_bytes(row.array(2)?),
    };
    if identity_sum(&found) != row.int(3)? {
        return Err(StoreError::corrupt("identity", 0, "checksum differs"));
    }
    Ok(Some(found))
}

/// Refuses the database of another network.
pub(crate) fn other_network(found: &Identity, wanted: &Identity) -> Result<(), OpenError> {
    if found.chain_id == wanted.chain_id && found.genesis == wanted.genesis {
        return Ok(());
    }
    let name = |identity: &Identity| {
        let id = hex::encode(&identity.chain_id[..4]);
        format!("{} (chain id {id}...)", identity.network)
    };
    Err(OpenError::OtherNetwork {
        found: name(found),
        genesis: found.genesis,
        wanted: name(wanted),
    })
}

async fn create(
    mut transaction: sqlx::Transaction<'_, sqlx::Sqlite>,
    identity: &Identity,
) -> Result<ChainState, OpenError> {
    sqlx::query(
        "INSERT INTO identity (id, network, chain_id, genesis, checksum) VALUES (0, ?, ?, ?, ?)",
    )
    .bind(identity.network.clone())
    .bind(identity.chain_id.to_vec())
    .bind(identity.genesis.as_bytes().to_vec())
    .bind(identity_sum(identity))
    .execute(&mut *transaction)
    .await?;
    // Correctness: a database whose identity was lost but that has a state is damaged, and
    // this insert fails on it.
    let state = ChainState::default();
    state.create(&mut transaction).await?;
    transaction.commit().await?;
    Ok(state)
}

fn identity_sum(identity: &Identity) -> i64 {
    row_sum(&[
        identity.network.as_bytes(),
        &identity.chain_id,
        identity.genesis.as_bytes(),
    ])
}

/// Compares the database with the last acknowledged commit.
fn check_mark(
    directory: &Path,
    state: &ChainState,
    accept_older: bool,
) -> Result<MarkFile, OpenError> {
    let path = directory.join(mark::FILE);
    let unusable = |source| OpenError::Directory {
        path: path.clone(),
        source,
    };
    let current = state.mark();
    let read = MarkFile::read(directory).map_err(unusable)?;
    let wrong = match read {
        None if state.commits == 0 => None,
        None => Some(OpenError::Mark {
            path: path.clone(),
            what: "is missing or unreadable",
        }),
        Some((mark, _)) if mark.commits > state.commits => Some(OpenError::BehindMark {
            found: state.commits,
            found_height: current.height,
            marked: mark.commits,
            marked_height: mark.height,
        }),
        Some((mark, _)) if mark.commits == state.commits && mark != current => {
            Some(OpenError::Mark {
                path: path.clone(),
                what: "belongs to another history",
            })
        }
        Some((_, slot)) => return MarkFile::open(directory, slot).map_err(unusable),
    };
    match wrong {
        Some(error) if !accept_older => Err(error),
        _ => MarkFile::create(directory, &current).map_err(unusable),
    }
}

/// Makes a copy of a database a data directory of its own: gives it the mark that fits.
pub(crate) async fn adopt_copy(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(DATABASE_FILE);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .read_only(true)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    let state = ChainState::load(&mut connection).await?;
    connection.close().await?;
    MarkFile::create(directory, &state.mark())?;
    Ok(())
}
