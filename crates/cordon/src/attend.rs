//! A session for as long as one command needs it: on the Cordon that serves from the state folder
//! already, or on one that serves until the command is done.

use crate::bundle::Bundle;
use crate::cmd::WayName;
use crate::config::Config;
use crate::failure::{Failure, USAGE};
use crate::launch::{LaunchOptions, launch};
use crate::serving::{Ready, Serving};
use crate::wiring;
use cordon_core::session::{Session, SessionState};
use cordon_runner::LaunchError;
use cordon_store::Store;
use std::ffi::OsString;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What serves a session, and where its calls are kept.
#[derive(Debug)]
pub(crate) struct Attended {
    pub(crate) ready: Ready,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) session: Session,
}

impl Attended {
    /// Runs the command of an agent to its end. An interrupt is for the command: the terminal sends it
    /// to both, and we outlive it to say what happened.
    ///
    /// # Errors
    /// When it could not be run.
    pub(crate) async fn run(
        &self,
        command: &[OsString],
        way: WayName,
    ) -> Result<ExitStatus, Failure> {
        let environment = self.ready.environment(&self.session, way);
        outlive(cordon_runner::launch(command, &environment)).await
    }

    /// As [`Attended::run`], of a command whose output goes to `heard` in place of the terminal.
    ///
    /// # Errors
    /// When it could not be run.
    pub(crate) async fn run_heard(
        &self,
        command: &[OsString],
        way: WayName,
        heard: mpsc::Sender<String>,
    ) -> Result<ExitStatus, Failure> {
        let environment = self.ready.environment(&self.session, way);
        outlive(cordon_runner::launch_heard(command, &environment, heard)).await
    }
}

/// Waits for a command to end, whatever interrupts come.
async fn outlive(
    running: impl Future<Output = Result<ExitStatus, LaunchError>>,
) -> Result<ExitStatus, Failure> {
    tokio::pin!(running);
    loop {
        tokio::select! {
            ended = &mut running => {
                return ended.map_err(|error| Failure::because("the command could not be run", &error).code(USAGE));
            }
            () = wiring::interrupted() => {}
        }
    }
}

/// Launches the task of `options` and hands its session to `work`; the session is over when that is
/// done, whatever came of it.
///
/// # Errors
/// Those of launching and serving; those of `work`.
pub(crate) async fn attend<T>(
    config: &Config,
    options: &LaunchOptions,
    work: impl AsyncFnOnce(&Attended) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match Ready::find(config) {
        Ok(ready) => {
            let store = wiring::visit(config).await?;
            let policies = Bundle::of(config)?.load()?;
            let session = launch(&*store, &policies, options).await?;
            ready.knows(&session).await?;
            during(ready, store, session, work).await
        }
        Err(_) => {
            let serving = Serving::start(config).await?;
            let done = match serving.launch(options).await {
                Ok(session) => {
                    let (ready, store) = (serving.ready().clone(), Arc::clone(serving.store()));
                    during(ready, store, session, work).await
                }
                Err(failure) => Err(failure),
            };
            serving.stop().await?;
            done
        }
    }
}

async fn during<T>(
    ready: Ready,
    store: Arc<dyn Store>,
    session: Session,
    work: impl AsyncFnOnce(&Attended) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let attended = Attended {
        ready,
        store,
        session,
    };
    let done = work(&attended).await;
    attended
        .store
        .set_session_state(&attended.session.id, SessionState::Stopped)
        .await
        .map_err(wiring::store_failed)?;
    done
}
