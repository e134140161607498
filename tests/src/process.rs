//! Child processes: those that serve in the background, and those that run to their end.
//!
//! Takes a command; gives what it said. A background child is ended, by its own id, when its
//! value is dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take. Only what hangs takes that long.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A child that serves until its value is dropped.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    child: Child,
    said: Arc<Said>,
}

/// What a child has said so far, on both of its outputs.
#[derive(Debug, Default)]
struct Said {
    text: Mutex<Text>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    lines: Vec<String>,
    /// How many of its outputs are closed.
    closed: u32,
}

impl Background {
    /// Starts a command and listens to what it says.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        let said = Arc::new(Said::default());
        listen(child.stdout.take().expect("it is piped"), &said);
        listen(child.stderr.take().expect("it is piped"), &said);
        Self { name, child, said }
    }

    /// The id of the process, which is also that of its group where it was started in one of its
    /// own.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line is said of which `read` makes something.
    ///
    /// # Panics
    /// When the child ends, or says no such line in time: with what it said instead.
    pub fn wait_for<T>(&self, what: &str, read: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        let mut text = self.said.text.lock().expect("no listener panics");
        loop {
            if let Some(found) = text.lines.iter().find_map(|line| read(line)) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                text.closed < 2 && !left.is_zero(),
                "{} did not say {what}; it said:\n{}",
                self.name,
                text.lines.join("\n")
            );
            text = self
                .said
                .changed
                .wait_timeout(text, left)
                .expect("no listener panics")
                .0;
        }
    }

    /// Everything said so far, for messages.
    #[must_use]
    pub fn log(&self) -> String {
        self.said
            .text
            .lock()
            .expect("no listener panics")
            .lines
            .join("\n")
    }

    /// Asks the child to end, as a service manager does, and waits until it has. Not by SIGINT,
    /// which the background jobs of a shell inherit as ignored.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn interrupt(self) -> ExitStatus {
        let id = self.child.id().to_string();
        self.interrupt_all(&id)
    }

    /// As [`Background::interrupt`], for the whole group that the child was started in, as a
    /// terminal does.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn interrupt_group(self) -> ExitStatus {
        let id = format!("-{}", self.child.id());
        self.interrupt_all(&id)
    }

    fn interrupt_all(mut self, id: &str) -> ExitStatus {
        self.terminate(id);
        self.ended()
    }

    /// Asks the child to end, as a service manager does, and does not wait.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn ask_to_end(&self) {
        self.terminate(&self.child.id().to_string());
    }

    fn terminate(&self, id: &str) {
        let asked = Command::new("kill").args(["-TERM", "--", id]).status();
        assert!(
            asked.is_ok_and(|status| status.success()),
            "{} is gone already",
            self.name
        );
    }

    /// Waits until the child has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn ended(&mut self) -> ExitStatus {
        self.wait_for_end();
        self.child.wait().expect("it is our child")
    }

    /// Waits until both outputs are closed, which is when the child has ended.
    fn wait_for_end(&self) {
        let until = Instant::now() + DEADLINE;
        let mut text = self.said.text.lock().expect("no listener panics");
        while text.closed < 2 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} does not end", self.name);
            text = self
                .said
                .changed
                .wait_timeout(text, left)
                .expect("no listener panics")
                .0;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Collects the lines of one output on a thread of its own.
fn listen(output: impl Read + Send + 'static, said: &Arc<Said>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            said.text
                .lock()
                .expect("no listener panics")
                .lines
                .push(text);
            said.changed.notify_all();
            line.clear();
        }
        said.text.lock().expect("no listener panics").closed += 1;
        said.changed.notify_all();
    });
}

/// What a command that ran to its end said.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; nothing where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// Both outputs, as a person sees them.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Standard output of a command that has to succeed.
    ///
    /// # Panics
    /// With what it said, where it did not.
    #[must_use]
    pub fn succeeded(self, what: &str) -> String {
        assert_eq!(self.code, Some(0), "{what} failed:\n{}", self.text());
        self.out
    }
}

/// Waits until no process of a group is left.
///
/// # Panics
/// When one is still there at the deadline.
pub fn wait_until_gone(group: u32) {
    let until = Instant::now() + DEADLINE;
    let group = format!("-{group}");
    let is_there = || {
        let asked = Command::new("kill")
            .args(["-0", "--", &group])
            .stderr(Stdio::null())
            .status();
        asked.expect("`kill` runs").success()
    };
    while is_there() {
        assert!(Instant::now() < until, "a process of group {group} is left");
        thread::yield_now();
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot start, or takes longer than [`DEADLINE`].
pub fn run(command: &mut Command) -> Ran {
    run_with_id(command).0
}

/// As [`run`], and gives the id that the process had.
///
/// # Panics
/// When it cannot start, or takes longer than [`DEADLINE`].
pub fn run_with_id(command: &mut Command) -> (Ran, u32) {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{name} did not start: {error}"));
    let out = collect(child.stdout.take().expect("it is piped"));
    let err = collect(child.stderr.take().expect("it is piped"));
    let until = Instant::now() + DEADLINE;
    let texts = [out, err]
        .map(|output| output.recv_timeout(until.saturating_duration_since(Instant::now())));
    let [Ok(out), Ok(err)] = texts else {
        let _ = child.kill();
        panic!("{name} does not end");
    };
    let id = child.id();
    let code = child.wait().expect("it is our child").code();
    (Ran { code, out, err }, id)
}

/// Reads one output to its end on a thread of its own.
fn collect(mut output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
