//! `cordon calls`: what happened, followed or searched.

use super::why::call_value;
use crate::config::{Config, Flags};
use crate::failure::{Failure, USAGE};
use crate::output::{self, Format, STRONG};
use crate::view::{self, Watched};
use crate::wiring;
use clap::{Args, Subcommand};
use cordon_core::authenticate::Ingress;
use cordon_core::decide::Outcome;
use cordon_core::record::{CallResult, RecordedOutcome};
use cordon_store::{CallFilter, Store, StoredCall};
use jiff::Timestamp;
use std::process::ExitCode;
use std::sync::Arc;

/// Subcommands of `cordon calls`.
#[derive(Debug, Subcommand)]
pub(crate) enum Calls {
    /// Follow calls as they are decided
    Tail(Tail),
    /// Search calls, newest first
    Search(Search),
}

/// Options of `cordon calls tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Terms that all must hold, as for `cordon calls search`: task:T-1042 session:S-1 verdict:deny
    filter: Vec<String>,
    /// How many past calls to show first
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: u32,
    /// Stop after the past calls instead of following
    #[arg(long)]
    no_follow: bool,
    /// Lines, also at a terminal
    ///
    /// At a terminal calls are shown in a view with keys to look closer, to amend and to go live; elsewhere,
    /// and with NO_COLOR, in lines.
    #[arg(long)]
    plain: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon calls search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Terms that all must hold: task:T-1042 session:S-1 verdict:deny service:lambda
    /// operation:DeleteFunction class:destroy env:cn-prod, or a word found anywhere
    filter: Vec<String>,
    /// Only calls since this time: 2026-11-25T08:00:00Z, or an age: 30m, 8h, 2d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Calls {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        wiring::block_on(async {
            let store = wiring::visit(&config).await?;
            match self {
                Self::Tail(tail) => tail.run(&config, store).await?,
                Self::Search(search) => search.run(store).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Tail {
    async fn run(self, config: &Config, store: Arc<dyn Store>) -> Result<(), Failure> {
        let filter = parse_filter(&self.filter)?;
        let lines = self.plain || self.no_follow || self.format == Format::Json;
        if !lines && view::can_be_shown() {
            return self.watch(config, store, filter).await;
        }
        let latest = CallFilter {
            limit: Some(1),
            ..CallFilter::default()
        };
        let latest = store.search(&latest).await.map_err(wiring::store_failed)?;
        let mut after = latest.first().map_or(0, |call| call.sequence);
        let past = CallFilter {
            limit: Some(self.lines.max(1)),
            before: Some(after + 1),
            ..filter.clone()
        };
        let mut past = store.search(&past).await.map_err(wiring::store_failed)?;
        past.reverse();
        past.iter()
            .take(self.lines as usize)
            .for_each(|call| show(call, self.format));
        let mut beat = tokio::time::interval(std::time::Duration::from_millis(250));
        if self.no_follow {
            return Ok(());
        }
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
            for call in store.tail(after, 500).await.map_err(wiring::store_failed)? {
                after = call.sequence;
                if meets(&call, &filter) {
                    show(&call, self.format);
                }
            }
        }
    }
}

impl Tail {
    /// Shows the calls on the whole terminal until someone closes that.
    async fn watch(
        self,
        config: &Config,
        store: Arc<dyn Store>,
        filter: CallFilter,
    ) -> Result<(), Failure> {
        let mut watched = Watched {
            config,
            store,
            filter,
            title: match self.filter.is_empty() {
                true => "all calls".to_owned(),
                false => self.filter.join(" "),
            },
            past: self.lines,
            beside: None,
        };
        let (_, counts) = view::watch(&mut watched).await?;
        output::line(format_args!("{STRONG}cordon{STRONG:#}  {counts}"));
        Ok(())
    }
}

/// Whether a call meets everything that a filter asks for, as the store's search does.
pub(crate) fn meets(call: &StoredCall, filter: &CallFilter) -> bool {
    let record = &call.record;
    let named = |wanted: &Option<Box<str>>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
    let task = filter.task.as_ref();
    let environment = filter.environment.as_deref();
    let text = filter.text.as_deref().map(str::to_ascii_lowercase);
    task.is_none_or(|task| *record.task == *task.as_str())
        && filter.session.as_deref().is_none_or(|it| call.is_of(it))
        && named(&filter.service, &record.service)
        && named(&filter.operation, &record.operation)
        && named(&filter.class, record.class)
        && filter
            .verdict
            .is_none_or(|verdict| verdict == record.outcome)
        && environment.is_none_or(|wanted| {
            let mut accesses = record.accesses.iter();
            accesses.any(|access| &*access.environment == wanted)
        })
        && text.is_none_or(|text| {
            let whole = call_value(call).to_string().to_ascii_lowercase();
            whole.contains(&text)
        })
}

impl Search {
    async fn run(self, store: Arc<dyn Store>) -> Result<(), Failure> {
        let mut filter = parse_filter(&self.filter)?;
        filter.limit = Some(self.limit);
        filter.since = self.since.as_deref().map(parse_since).transpose()?;
        let found = store.search(&filter).await.map_err(wiring::store_failed)?;
        found.iter().for_each(|call| show(call, self.format));
        if found.is_empty() && self.format == Format::Human {
            output::error_line(format_args!("no call matches"));
        }
        Ok(())
    }
}

fn show(call: &StoredCall, format: Format) {
    if format == Format::Json {
        return output::json(&call_value(call));
    }
    output::line(format_args!("{}", line(call)));
}

/// One call as a line for people.
pub(crate) fn line(call: &StoredCall) -> String {
    let record = &call.record;
    let (style, verdict) = verdict(record.outcome);
    let operation = match record.operation.is_empty() {
        true => "(not identified)".to_owned(),
        // Nothing was made.
        false if record.ingress == Ingress::DryRun.as_str() => {
            format!("{} {} (dry run)", record.service, record.operation)
        }
        false => format!("{} {}", record.service, record.operation),
    };
    let target = record
        .accesses
        .first()
        .map(|access| short(&access.resource))
        .unwrap_or_default();
    let more = record.accesses.len().saturating_sub(1);
    let more = if more > 0 {
        format!(" +{more}")
    } else {
        String::new()
    };
    let time = record.at.to_string();
    let time = time.get(11..19).unwrap_or_default();
    format!(
        "{time}  {:10} {:1} {:42} {:36} {style}{verdict:8}{style:#} {:9} {}",
        record.task,
        symbol(record.class),
        output::inert(&operation, 42),
        output::inert(&format!("{target}{more}"), 36),
        became(call),
        record.reference,
    )
}

/// What became of a call that was let go, in a word; nothing where it went well.
pub(crate) fn became(call: &StoredCall) -> String {
    let Some(closed) = &call.closed else {
        let open = call.record.outcome.allowed();
        return if open { "under way" } else { "" }.to_owned();
    };
    match &closed.result {
        CallResult::Answered { status, .. } if *status < 400 => String::new(),
        CallResult::Answered { status, .. } => status.to_string(),
        CallResult::Faulted { fault, .. } => fault.as_str().to_owned(),
        CallResult::Indeterminate { .. } => "not known".to_owned(),
        CallResult::NotSent { .. } => "not sent".to_owned(),
    }
}

/// One symbol for what a call does; reads have none.
pub(crate) fn symbol(class: &str) -> &'static str {
    match class {
        "create" => "+",
        "update" => "~",
        "disrupt" => "!",
        "destroy" => "-",
        "identity" | "weaken" => "*",
        _ => "",
    }
}

/// The verdict in words; only what was let go is in lower case, so that it reads without colour.
pub(crate) fn verdict(outcome: RecordedOutcome) -> (anstyle::Style, &'static str) {
    match outcome {
        RecordedOutcome::Decided(Outcome::Allow) => (output::GOOD, "allow"),
        RecordedOutcome::Decided(Outcome::Hold) => (output::WAIT, "HOLD"),
        RecordedOutcome::Decided(Outcome::Preview) => (output::WAIT, "PREVIEW"),
        RecordedOutcome::Decided(Outcome::Deny) => (output::ERROR, "DENY"),
        RecordedOutcome::Rejected => (output::ERROR, "REJECT"),
    }
}

/// The part of an ARN that people know it by.
pub(crate) fn short(arn: &str) -> String {
    arn.splitn(6, ':').nth(5).unwrap_or(arn).to_owned()
}

/// Terms to a filter.
fn parse_filter(terms: &[String]) -> Result<CallFilter, Failure> {
    let mut filter = CallFilter::default();
    let mut words = Vec::new();
    for term in terms {
        let Some((key, value)) = term.split_once(':') else {
            words.push(term.as_str());
            continue;
        };
        match key {
            "task" => {
                filter.task = Some(value.parse().map_err(|error| {
                    Failure::because("the filter cannot be used", &error).code(USAGE)
                })?)
            }
            "session" => filter.session = Some(value.into()),
            "verdict" => filter.verdict = Some(parse_verdict(value)?),
            "service" => filter.service = Some(value.into()),
            "operation" => filter.operation = Some(value.into()),
            "class" => filter.class = Some(value.into()),
            "env" | "environment" => filter.environment = Some(value.into()),
            // An ARN is a word: it has colons too.
            "arn" => words.push(term),
            _ => {
                return Err(Failure::new(format!(
                    "`{key}` is not something calls are searched by"
                ))
                .help("use task, session, verdict, service, operation, class, env, or a word")
                .code(USAGE));
            }
        }
    }
    match words.as_slice() {
        [] => Ok(filter),
        [word] => Ok(CallFilter {
            text: Some((*word).into()),
            ..filter
        }),
        _ => Err(Failure::new("more than one word to search for")
            .help("quote a phrase")
            .code(USAGE)),
    }
}

fn parse_verdict(word: &str) -> Result<RecordedOutcome, Failure> {
    RecordedOutcome::named(word).ok_or_else(|| {
        Failure::new(format!("`{word}` is not a verdict"))
            .help("use allow, hold, preview, deny or reject")
            .code(USAGE)
    })
}

fn parse_since(text: &str) -> Result<Timestamp, Failure> {
    let age = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => return None,
        };
        let seconds = number.parse::<i64>().ok()?.checked_mul(seconds)?;
        Timestamp::now()
            .checked_sub(jiff::SignedDuration::from_secs(seconds))
            .ok()
    };
    text.parse().ok().or_else(age).ok_or_else(|| {
        Failure::new(format!("`{text}` is not a time"))
            .help("write 2026-11-25T08:00:00Z, or an age such as 30m, 8h or 2d")
            .code(USAGE)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_or_refused_whole() {
        let terms = |terms: &[&str]| {
            parse_filter(&terms.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let filter = terms(&["task:T-1", "verdict:deny", "arn:aws:s3:::b"]).unwrap();
        assert_eq!(
            filter.verdict,
            Some(RecordedOutcome::Decided(Outcome::Deny))
        );
        assert_eq!(filter.text.as_deref(), Some("arn:aws:s3:::b"));
        for bad in [["verdict:maybe"], ["colour:red"], ["task:a b"]] {
            assert!(terms(&bad).is_err(), "{bad:?}");
        }
        assert!(terms(&["two", "words"]).is_err());
    }

    #[test]
    fn a_time_may_be_an_age() {
        assert!(parse_since("30m").unwrap() < Timestamp::now());
        assert!(parse_since("2026-11-25T08:00:00Z").is_ok());
        for bad in ["", "m", "soon", "-", "9999999999999999d", "5µ"] {
            assert!(parse_since(bad).is_err(), "{bad}");
        }
    }
}
