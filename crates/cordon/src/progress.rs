//! A bar on standard error while long work goes on. Takes how much is done; shows it before a
//! terminal once the work has taken a second, and leaves nothing behind, so that what comes after
//! stands as if it had never been there.

use crate::output;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// What takes less is over before anybody asks.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar is drawn.
const BEAT: Duration = Duration::from_millis(100);
/// How many characters it is wide.
const WIDTH: u64 = 30;

/// How far work has come.
#[derive(Debug)]
pub(crate) struct Progress {
    whole: u64,
    since: Instant,
    drawn: Option<Instant>,
    watched: bool,
}

impl Progress {
    /// Work of so many parts, which begins now.
    pub(crate) fn of(whole: u64) -> Self {
        Self::begun(whole, Instant::now(), std::io::stderr().is_terminal())
    }

    fn begun(whole: u64, since: Instant, watched: bool) -> Self {
        Self {
            whole,
            since,
            drawn: None,
            watched,
        }
    }

    /// So many parts are done.
    pub(crate) fn show(&mut self, done: u64) {
        if self.watched
            && let Some(bar) = self.bar(done, Instant::now())
        {
            output::error_part(format_args!("\r{bar}"));
        }
    }

    /// The bar, where it is time to draw it.
    fn bar(&mut self, done: u64, now: Instant) -> Option<String> {
        let (last, pause) = match self.drawn {
            Some(last) => (last, BEAT),
            None => (self.since, PATIENCE),
        };
        if !self.watched || now.saturating_duration_since(last) < pause {
            return None;
        }
        self.drawn = Some(now);
        let whole = self.whole.max(1);
        let share = |of: u64| done.min(whole).saturating_mul(of) / whole;
        let bar: String = (0..WIDTH)
            .map(|at| if at < share(WIDTH) { '#' } else { '.' })
            .collect();
        Some(format!("[{bar}] {:3} %", share(100)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            output::error_part(format_args!("\r{:40}\r", ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(watched: bool, at: &[(u64, u64)]) -> Vec<Option<String>> {
        let begin = Instant::now();
        let mut progress = Progress::begun(200, begin, watched);
        let bars = at.iter().map(|(milliseconds, done)| {
            progress.bar(*done, begin + Duration::from_millis(*milliseconds))
        });
        let bars = bars.collect();
        // What it leaves on a terminal is cleared when it ends: not on that of these tests.
        progress.drawn = None;
        bars
    }

    #[test]
    fn nothing_is_drawn_for_what_is_soon_over_nor_where_nobody_watches() {
        assert_eq!(
            drawn(true, &[(0, 1), (500, 100), (999, 200)]),
            [None, None, None]
        );
        assert_eq!(drawn(false, &[(5_000, 100)]), [None]);
    }

    #[test]
    fn what_takes_a_second_is_drawn_ten_times_a_second() {
        let bars = drawn(
            true,
            &[(1_000, 20), (1_099, 60), (1_100, 100), (9_000, 900)],
        );
        let bar = |full: usize, percent: &str| {
            let (full, left) = ("#".repeat(full), ".".repeat(30 - full));
            Some(format!("[{full}{left}] {percent} %"))
        };
        assert_eq!(bars, [bar(3, " 10"), None, bar(15, " 50"), bar(30, "100")]);
    }

    #[test]
    fn work_without_parts_is_no_fault() {
        let begin = Instant::now();
        let mut progress = Progress::begun(0, begin, true);
        assert!(progress.bar(0, begin + PATIENCE).is_some());
        progress.drawn = None;
    }
}
