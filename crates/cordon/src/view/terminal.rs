//! The terminal: taken over for a view and given back as it was, at the end, at an error and when the
//! program breaks; its keys; and what ends a program from outside.

use super::board::Board;
use super::screen;
use jiff::Timestamp;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long keys are waited for before it is looked whether anyone still wants them.
const PATIENCE: Duration = Duration::from_millis(50);
/// Keys that may wait.
const KEYS: usize = 64;

/// A terminal that shows a view. Given back when the value is dropped; the hook that comes with it
/// gives it back before a panic is told.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    pub(super) fn open() -> std::io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // It may have been taken over half way.
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    pub(super) fn draw(&mut self, board: &mut Board, now: Timestamp) -> std::io::Result<()> {
        self.0.draw(|frame| screen::draw(frame, board, now))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone cannot be given back.
        let _ = ratatui::try_restore();
    }
}

/// The keys of the terminal, read by a thread of their own until nobody listens.
pub(super) struct Keys(mpsc::Receiver<Event>);

impl Keys {
    pub(super) fn listen() -> Self {
        let (sender, receiver) = mpsc::channel(KEYS);
        std::thread::spawn(move || {
            while !sender.is_closed() {
                let event = match event::poll(PATIENCE) {
                    Ok(false) => continue,
                    Ok(true) => event::read(),
                    Err(error) => Err(error),
                };
                // Without an event the terminal is gone; where it cannot be handed over nobody listens.
                let Ok(event) = event else { return };
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next one; nothing where the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

/// What ends the program from outside: an interrupt, a request to terminate, a terminal that was closed.
/// Listened to from before the terminal is taken over, so that none of them finds it taken over and nobody
/// to give it back.
pub(super) struct Ended {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Ended {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    /// Waits for the first.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hangup] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        #[cfg(not(unix))]
        crate::wiring::interrupted().await;
    }
}
