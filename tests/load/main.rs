//! The load benchmark: direct, nginx as a plain reverse proxy, mitmproxy and Cordon in turn on
//! the same calls, for several rounds. `cargo xtask load` builds and starts it.
//!
//! ```text
//! client (this process) ──TLS──▶ contender (measured) ──TLS──▶ upstream (a process of its own)
//! ```
//! Every figure is taken once a round, from every contender one after the other, so that what the
//! machine does beside hits all of them; ratios are of one round, and what is printed is their
//! median. Where anything went wrong nothing is printed: a contender that fails is fast.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the person who runs it, and stops at once"
)]

mod certificates;
mod client;
mod contender;
mod preview;
mod report;
mod stop;
mod upstream;
mod usage;
mod work;

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::{Parser, Subcommand};

use certificates::Certificates;
use client::{Connections, Door, Sample, call};
use contender::{Contender, Row, Scene};
use report::{Figure, Figures};
use usage::Usage;
use work::Work;

/// Connections of the loaded measurements.
const MANY: usize = 32;
/// Connections of the changing calls: what one commit to disk can hold.
const CHANGING: usize = 128;

/// Stops of each kind.
const STOPS: usize = 10;

#[derive(Debug, Parser)]
#[command(
    name = "load",
    about = "Compares Cordon with other proxies on the same calls"
)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// The program that is measured
    #[arg(long, value_name = "FILE", default_value = "target/release/cordon")]
    cordon: PathBuf,
    #[arg(long, value_name = "FILE", default_value = "nginx")]
    nginx: PathBuf,
    /// `mitmdump`; left out, mitmproxy is not measured
    #[arg(long, value_name = "FILE")]
    mitmproxy: Option<PathBuf>,
    /// Where state and logs go: a disk, since durable writes are measured
    #[arg(long, value_name = "DIR", default_value = "target")]
    folder: PathBuf,
    /// One short round: whether it works, and roughly how it stands
    #[arg(long)]
    quick: bool,
    /// Measures how long a stop takes instead, of Cordon alone
    #[arg(long)]
    stop: bool,
    /// Measures what a preview costs instead
    #[arg(long, conflicts_with = "stop")]
    preview: bool,
    /// Write the tables into this file, between its markers
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What this program is when it starts itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// The upstream
    #[command(hide = true)]
    Upstream { leaf: PathBuf, key: PathBuf },
}

/// How long everything is measured.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    rounds: usize,
    small: Duration,
    large: Duration,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(Role::Upstream { leaf, key }) = &arguments.role {
        return runtime.block_on(upstream::serve(leaf, key));
    }
    let lengths = match arguments.quick {
        true => Lengths {
            rounds: 1,
            small: Duration::from_millis(500),
            large: Duration::from_millis(200),
        },
        false => Lengths {
            rounds: 5,
            small: Duration::from_millis(1_000),
            large: Duration::from_millis(800),
        },
    };
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    if arguments.preview {
        let rounds = if arguments.quick { 1 } else { lengths.rounds };
        let cordon = arguments.cordon.canonicalize()?;
        let table = preview::measure(&cordon, folder.path(), rounds)?;
        return told(&arguments, "preview", &table);
    }
    let certificates = Certificates::make(folder.path())?;
    let upstream = Upstream::start(&certificates)?;
    let scene = Scene {
        folder: folder.path().canonicalize()?,
        upstream: upstream.address,
        certificates,
        cordon: arguments.cordon.canonicalize()?,
        nginx: arguments.nginx.clone(),
        mitmproxy: arguments.mitmproxy.clone(),
    };
    let (mark, tables) = match arguments.stop {
        true => {
            let rounds = if arguments.quick { 1 } else { STOPS };
            ("stop", runtime.block_on(stop::measure(scene, rounds))?)
        }
        false => {
            let figures = runtime.block_on(measure(&scene, lengths))?;
            ("load", report::tables(&figures))
        }
    };
    told(&arguments, mark, &tables)
}

/// Prints tables, and writes them down where they are asked for.
fn told(arguments: &Arguments, mark: &str, tables: &str) -> Result<(), Box<dyn Error>> {
    println!("{tables}");
    if let Some(file) = &arguments.write {
        report::write(file, mark, tables)?;
        println!("written to {}", file.display());
    }
    Ok(())
}

/// The upstream's process.
#[derive(Debug)]
struct Upstream {
    child: Child,
    address: SocketAddr,
}

impl Upstream {
    fn start(certificates: &Certificates) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("upstream")
            .args([&certificates.leaf, &certificates.key]);
        // Its input is ours: it ends when we do, however we do.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let said = child.stdout.take().ok_or("the upstream has no output")?;
        BufReader::new(said).read_line(&mut line)?;
        Ok(Self {
            child,
            address: line.trim().parse()?,
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything, round by round.
async fn measure(scene: &Scene, lengths: Lengths) -> Result<Figures, Box<dyn Error>> {
    let direct = contender::direct(scene)?;
    let contenders = contender::start_all(scene)?;
    let mut figures = Figures::default();
    for contender in &contenders {
        figures.versions.push(contender.version.clone());
        // Both ways into Cordon are one process.
        if let Some((row, _)) = contender.doors.first() {
            figures.add(*row, Figure::Idle, mebibytes(contender.idle.now));
        }
    }
    for round in 1..=lengths.rounds {
        println!("round {round} of {}", lengths.rounds);
        one_door(&mut figures, Row::Direct, &direct, None, lengths).await?;
        for contender in &contenders {
            let Contender { doors, usage, .. } = contender;
            for (row, door) in doors {
                one_door(&mut figures, *row, door, Some(usage), lengths).await?;
            }
        }
    }
    drop(contenders);
    // The first start makes what later starts find.
    for start in 0..=lengths.rounds {
        for row in Row::ALL {
            let took = contender::start_up(scene, row)?.filter(|_| start > 0);
            let took = took.map(|took| took.as_secs_f64() * 1_000.0);
            took.into_iter()
                .for_each(|took| figures.add(row, Figure::StartUp, took));
        }
    }
    Ok(figures)
}

/// One round by one door.
async fn one_door(
    figures: &mut Figures,
    row: Row,
    door: &Door,
    usage: Option<&Usage>,
    lengths: Lengths,
) -> Result<(), Box<dyn Error>> {
    let Lengths { small, large, .. } = lengths;
    let mut meter = Meter { row, door, usage };
    let kept = Connections::Kept;
    let new = Connections::New;
    for work in [Work::Read, Work::Change] {
        // Leaves and sessions are made by the first call of a kind.
        meter.calls(work, kept, 1, Duration::ZERO).await?;
    }

    let one = meter.calls(Work::Read, kept, 1, small).await?;
    figures.add(row, Figure::Latency, one.sample.median_us());
    let many = meter.calls(Work::Read, kept, MANY, small).await?;
    figures.add(row, Figure::Rate, many.sample.rate());
    figures.maybe(row, Figure::Processor, many.processor_us);
    figures.maybe(row, Figure::SmallPeak, many.peak);

    let changes = meter.calls(Work::Change, kept, CHANGING, small).await?;
    figures.add(row, Figure::Changes, changes.sample.rate());

    let one = meter.calls(Work::Read, new, 1, small / 2).await?;
    figures.add(row, Figure::NewLatency, one.sample.median_us());
    let many = meter.calls(Work::Read, new, MANY, small / 2).await?;
    figures.add(row, Figure::NewRate, many.sample.rate());
    figures.maybe(row, Figure::NewProcessor, many.processor_us);

    let mut peaks = Vec::new();
    for (work, figure) in [
        (Work::Up, Figure::Up),
        (Work::UpUnsigned, Figure::UpUnsigned),
        (Work::Down, Figure::Down),
    ] {
        let bodies = meter.calls(work, kept, 1, large).await?;
        figures.add(row, figure, megabytes_a_second(&bodies.sample));
        peaks.extend(bodies.more);
    }
    figures.maybe(row, Figure::LargeMore, peaks.into_iter().reduce(f64::max));
    Ok(())
}

/// Measures by one door.
#[derive(Debug)]
struct Meter<'a> {
    row: Row,
    door: &'a Door,
    /// Nothing where nobody stands between.
    usage: Option<&'a Usage>,
}

/// A sample with what it cost the contender.
#[derive(Debug)]
struct Measured {
    sample: Sample,
    /// Processor time a call.
    processor_us: Option<f64>,
    /// The most memory, in MiB.
    peak: Option<f64>,
    /// How much more that is than there was before.
    more: Option<f64>,
}

impl Meter<'_> {
    /// Calls for a while. An error where any call went wrong.
    async fn calls(
        &mut self,
        work: Work,
        connections: Connections,
        clients: usize,
        time: Duration,
    ) -> Result<Measured, Box<dyn Error>> {
        let before = self.usage.map(Usage::processor).transpose()?;
        self.usage.map(Usage::forget_peak).transpose()?;
        let memory = self.usage.map(Usage::memory).transpose()?;
        let sample = call(self.door, work, connections, clients, time).await;
        if let Some(error) = sample.errors.first() {
            let count = sample.errors.len();
            let name = self.row.name();
            return Err(format!("{name}: {count} calls went wrong, as in: {error}").into());
        }
        let after = self.usage.map(Usage::processor).transpose()?;
        let peak = self.usage.map(Usage::memory).transpose()?;
        let spent = after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        let more = peak
            .zip(memory)
            .map(|(peak, memory)| peak.peak.saturating_sub(memory.now));
        Ok(Measured {
            processor_us: spent.map(|spent| spent.as_secs_f64() * 1e6 / sample.calls() as f64),
            peak: peak.map(|memory| mebibytes(memory.peak)),
            more: more.map(mebibytes),
            sample,
        })
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// One body after the other, as fast as each took.
fn megabytes_a_second(sample: &Sample) -> f64 {
    work::LARGE as f64 / sample.median_us()
}

/// The number of processors and what they are.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |model| model.trim_start_matches([' ', '\t', ':']));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} processors ({model})")
}
