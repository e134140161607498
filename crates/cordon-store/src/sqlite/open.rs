//! Opening the file: folder, lock, pragmas, migrations, calls that a crash left open.

use super::account::Ledgers;
use super::writer::{Shared, Writer, tell};
use super::{Purpose, Sqlite, SqliteOptions, queue, read};
use crate::error::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How long another writer of the same file is waited for. A visitor writes one row at a time;
/// who holds the file longer than this stops changes, and says so.
const BUSY: Duration = Duration::from_secs(1);

/// How often changes by other processes are looked for.
const BEAT: Duration = Duration::from_millis(20);

/// How often the lock is tried again, and when: who looks whether it is taken has it meanwhile.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(5);

/// Connections that read.
const READERS: u32 = 4;
/// Connections that read what is in force. Two: one looks for changes, one reads what changed.
const STEERERS: u32 = 2;

/// Opens the store in `folder`, which is made if it is missing.
///
/// # Errors
/// [`StoreError`]: a folder that cannot be used, another Cordon that serves from it, a file that
/// is damaged, locked or from a newer build.
pub async fn open_sqlite(folder: &Path, options: SqliteOptions) -> Result<Sqlite, StoreError> {
    make_folder(folder)?;
    let lock = match options.purpose {
        Purpose::Serve => Some(take_lock(folder).await?),
        Purpose::Visit => None,
    };
    let path = folder.join("cordon.db");
    make_file(&path)?;
    let mut connect = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    if let Some(pages) = options.max_pages {
        connect = connect.pragma("max_page_count", pages.to_string());
    }
    let failed = |error| StoreError::of(&path, error);
    let mut connection = connect.connect().await.map_err(failed)?;
    migrate(&path, &mut connection).await?;
    let pool = |most| {
        let reading = connect.clone().pragma("query_only", "ON");
        SqlitePoolOptions::new()
            .max_connections(most)
            .connect_with(reading)
    };
    let reads = pool(READERS).await.map_err(failed)?;
    let steers = pool(STEERERS).await.map_err(failed)?;
    let interrupted = match options.purpose {
        Purpose::Serve => read::close_interrupted(&path, &mut connection, &reads).await?,
        Purpose::Visit => Vec::new(),
    };
    connection.close().await.map_err(failed)?;
    let (changed, changes) = watch::channel(read::version(&path, &steers).await?);
    let shared = Shared {
        ledgers: Ledgers::default(),
        changed: changed.clone(),
        failing: Arc::default(),
    };
    let (jobs, queue) = queue::queue();
    tokio::spawn(Writer::new(path.clone(), connect, shared.clone(), lock).run(queue));
    tokio::spawn(watch_others(path.clone(), steers.clone(), changed));
    Ok(Sqlite {
        path,
        purpose: options.purpose,
        jobs,
        reads,
        steers,
        shared,
        changes,
        interrupted,
    })
}

/// Tells of changes that other processes make, until nobody listens any more.
async fn watch_others(path: PathBuf, steers: SqlitePool, changed: watch::Sender<u64>) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !changed.is_closed() && !steers.is_closed() {
        beat.tick().await;
        // A version that cannot be read now is read at the next beat.
        if let Ok(number) = read::version(&path, &steers).await {
            tell(&changed, number);
        }
    }
}

async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let known = MIGRATOR.iter().map(|step| step.version).max().unwrap_or(0);
    let found =
        sqlx::query_scalar::<_, i64>("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await
            .unwrap_or_default();
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    MIGRATOR.run(connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => StoreError::of(path, error),
        other => StoreError::Failed {
            path: path.to_owned(),
            source: Arc::new(other),
        },
    })
}

/// The folder, private to its owner.
fn make_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return refuse_exposed(folder);
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| StoreError::folder(folder, error))
}

/// A folder that others may write to could get another database put in place.
fn refuse_exposed(folder: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let details = folder
            .metadata()
            .map_err(|error| StoreError::folder(folder, error))?;
        if details.mode() & 0o022 != 0 {
            return Err(StoreError::Exposed(folder.to_owned()));
        }
    }
    Ok(())
}

/// The file, readable by its owner alone from its first byte on.
fn make_file(path: &Path) -> Result<(), StoreError> {
    private(path)
        .map(drop)
        .map_err(|error| StoreError::folder(path, error))
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

const LOCK: &str = "cordon.lock";

/// Whether some process serves by the database at `path`. It looks by sharing the lock for a moment.
///
/// # Errors
/// When the lock cannot be looked at.
pub(super) fn is_served(path: &Path) -> Result<bool, StoreError> {
    let lock = path.with_file_name(LOCK);
    let failed = |error| StoreError::folder(&lock, error);
    match private(&lock).map_err(failed)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The lock of the one process that serves from the folder. The system frees it when the process
/// ends, however it ends.
async fn take_lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let failed = |error| StoreError::folder(&path, error);
    let mut file = private(&path).map_err(failed)?;
    // Who only looks has it for a moment.
    let mut taken = file.try_lock();
    for _ in 0..LOOKS {
        if !matches!(taken, Err(TryLockError::WouldBlock)) {
            break;
        }
        tokio::time::sleep(LOOK).await;
        taken = file.try_lock();
    }
    match taken {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Who it is helps, and is not needed.
            let _ = file.read_to_string(&mut text);
            return Err(StoreError::InUse {
                path: folder.to_owned(),
                process: text.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}
