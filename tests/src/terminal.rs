//! A terminal for the program: a real pseudo-terminal, whose screen is what a terminal would show. Waits for
//! what is on the screen, and for nothing else.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use crate::process::DEADLINE;

const ROWS: u16 = 30;
const COLUMNS: u16 = 140;

/// A program at work on a terminal of its own.
pub struct Terminal {
    keys: File,
    child: Child,
    shown: Arc<Shown>,
}

struct Shown {
    screen: Mutex<(vt100::Parser, bool)>,
    changed: Condvar,
}

impl Terminal {
    /// Starts a command on a terminal: with the environment that it names, and no other.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        let size = pty_process::Size::new(ROWS, COLUMNS);
        pty.resize(size).expect("it has a size");
        let mut started = pty_process::blocking::Command::new(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                started = started.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            started = started.current_dir(folder);
        }
        let child = started.spawn(pts).expect("the program starts");
        let keys = File::from(OwnedFd::from(pty));
        let [rows, columns] =
            [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).expect("it is not zero"));
        let shown = Arc::new(Shown {
            screen: Mutex::new((vt100::Parser::new(rows, columns, 0), true)),
            changed: Condvar::new(),
        });
        let mut said = keys.try_clone().expect("it can be read");
        let showing = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = said.read(&mut bytes).unwrap_or(0);
                let mut screen = showing.screen.lock().expect("no reader panics");
                match bytes.get(..read) {
                    Some(new) if !new.is_empty() => screen.0.process(new),
                    _ => screen.1 = false,
                }
                showing.changed.notify_all();
                if !screen.1 {
                    return;
                }
            }
        });
        Self { keys, child, shown }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("someone reads the keys");
    }

    /// Waits until all of this is on the screen; gives the screen.
    ///
    /// # Panics
    /// When it never is, or the program ends before.
    pub fn wait_for(&self, what: &[&str]) -> String {
        self.wait(&format!("{what:?}"), |screen| {
            let contents = screen.contents();
            what.iter().all(|part| contents.contains(part))
        })
    }

    /// Waits until none of this is on the screen.
    ///
    /// # Panics
    /// When it stays there.
    pub fn wait_without(&self, what: &str) -> String {
        self.wait(&format!("no {what}"), |screen| {
            !screen.contents().contains(what)
        })
    }

    /// Whether anything on the screen is in a colour, bold or dim.
    ///
    /// # Panics
    /// When its reader did.
    #[must_use]
    pub fn is_coloured(&self) -> bool {
        let screen = self.shown.screen.lock().expect("no reader panics");
        let screen = screen.0.screen();
        let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
        cells
            .filter_map(|(row, column)| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default || cell.bold() || cell.dim())
    }

    fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) -> String {
        let until = Instant::now() + DEADLINE;
        let mut screen = self.shown.screen.lock().expect("no reader panics");
        loop {
            if holds(screen.0.screen()) {
                return screen.0.screen().contents();
            }
            let left = until.saturating_duration_since(Instant::now());
            if !screen.1 || left.is_zero() {
                let contents = screen.0.screen().contents();
                // Whoever reads on must not find the lock broken.
                drop(screen);
                panic!("there is no {what} on the screen:\n{contents}");
            }
            let waited = self.shown.changed.wait_timeout(screen, left);
            screen = waited.expect("no reader panics").0;
        }
    }

    /// Asks the program to end, as a system that shuts down does.
    ///
    /// # Panics
    /// When that cannot be asked.
    pub fn terminate(&self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.is_ok_and(|status| status.success()));
    }

    /// Waits for the end; gives how it ended and what is on the terminal then, which is as it was before: no
    /// other screen, a cursor that is seen.
    ///
    /// # Panics
    /// When the terminal was not given back.
    pub fn ends(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it was started");
        let until = Instant::now() + DEADLINE;
        let mut screen = self.shown.screen.lock().expect("no reader panics");
        while screen.1 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the terminal is held by someone");
            let waited = self.shown.changed.wait_timeout(screen, left);
            screen = waited.expect("no reader panics").0;
        }
        let shown = screen.0.screen();
        assert!(!shown.alternate_screen(), "{}", shown.contents());
        assert!(!shown.hide_cursor(), "{}", shown.contents());
        (status, shown.contents())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Of one that ended already there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
