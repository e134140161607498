//! Small joints between the program and its crates: the runtime, the store as a visitor, signals.

use crate::config::Config;
use crate::failure::Failure;
use cordon_store::{Purpose, SqliteOptions, Store, StoreError, open_sqlite};
use std::sync::Arc;

/// Runs `work` on a fresh runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the runtime could not be started", &error))?
        .block_on(work)
}

/// Opens the store beside whoever serves from it: to look, and to steer tasks.
///
/// # Errors
/// When it cannot be opened.
pub(crate) async fn visit(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    open(config, Purpose::Visit).await
}

/// Opens the store.
///
/// # Errors
/// When it cannot be opened.
pub(crate) async fn open(config: &Config, purpose: Purpose) -> Result<Arc<dyn Store>, Failure> {
    let store = open_sqlite(
        &config.state,
        SqliteOptions {
            purpose,
            ..SqliteOptions::default()
        },
    )
    .await;
    Ok(Arc::new(store.map_err(store_failed)?))
}

/// A failure of the store in words.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that map_err asks for"
)]
pub(crate) fn store_failed(error: StoreError) -> Failure {
    Failure::because("the state could not be used", &error)
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
