//! What a contender used, as the kernel counts it: processor time and resident memory of a
//! process and of its children.

use std::io;
use std::time::Duration;

/// The kernel counts processor time in hundredths of a second for whoever asks.
const TICK: Duration = Duration::from_millis(10);

/// A process with its children.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    ids: Vec<u32>,
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// The most since [`Usage::forget_peak`].
    pub(crate) peak: u64,
}

impl Usage {
    /// The process `id` and the children that it has by now.
    pub(crate) fn of(id: u32) -> io::Result<Self> {
        let mut ids = vec![id];
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process may end between the listing and the look.
            if field(child, PARENT).is_ok_and(|parent| parent == u64::from(id)) {
                ids.push(child);
            }
        }
        Ok(Self { ids })
    }

    /// User and system time so far.
    pub(crate) fn processor(&self) -> io::Result<Duration> {
        let mut ticks = 0;
        for id in &self.ids {
            ticks += field(*id, USER_TIME)? + field(*id, SYSTEM_TIME)?;
        }
        Ok(TICK * u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// Resident memory. What processes share is counted once for each.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let mut memory = Memory::default();
        for id in &self.ids {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
            memory.now += kilobytes(&status, "VmRSS:") << 10;
            memory.peak += kilobytes(&status, "VmHWM:") << 10;
        }
        Ok(memory)
    }

    /// Counts peaks from now on.
    pub(crate) fn forget_peak(&self) -> io::Result<()> {
        let reset = |id| std::fs::write(format!("/proc/{id}/clear_refs"), "5");
        self.ids.iter().try_for_each(reset)
    }
}

/// Fields of `/proc/ID/stat` after the name, which is in brackets and may hold anything.
const PARENT: usize = 1;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

fn field(id: u32, place: usize) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let value = after_name.split_whitespace().nth(place);
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| io::Error::other("an unknown form of /proc"))
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}
