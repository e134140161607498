//! The configuration file as written, overridden by flags: every value keeps its place, so that
//! each fault says where it came from.

use super::{
    Config, Control, EnvironmentRule, Flags, Limits, Listen, Log, LogFormat, Role, Upstream,
    default_state,
};
use cordon_control::api::Reliability;
use cordon_core::decide::Posture;
use cordon_core::document::{Document, Placed, Section};
use cordon_core::fault::{Fault, Faults};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod channel;
mod oidc;

/// A text and where it was written.
struct Setting {
    text: String,
    origin: Origin,
}

/// Where a setting was written.
#[derive(Clone, Copy)]
enum Origin {
    /// At this byte of the file.
    File(usize),
    /// By this flag, or by its variable.
    Flag(&'static str),
}

/// The file under reading and the faults of flags.
struct Reader<'t> {
    document: Document<'t>,
    faults: Vec<Fault>,
    /// Relative paths of the file are relative to its folder.
    folder: PathBuf,
}

/// Reads the text of the file at `path`, lets `flags` win, and says what both mean.
pub(super) fn read(path: &Path, text: &str, flags: &Flags) -> Result<Config, Faults> {
    let name = path.display().to_string();
    let (document, mut top) = Document::parse(&name, text);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut reader = Reader {
        document,
        faults: Vec::new(),
        folder,
    };
    let config = reader.config(&mut top, flags);
    reader.document.finish(top);
    reader.faults.extend(reader.document.into_faults());
    Faults::or(reader.faults, config)
}

impl<'t> Reader<'t> {
    fn config(&mut self, top: &mut Section<'t>, flags: &Flags) -> Config {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let listen = self.setting(top, "listen", "--listen", flags.listen.clone());
        let state = self.setting(top, "state", "--state", path(&flags.state));
        let policies = self.setting(top, "policies", "--bundle", path(&flags.policies));
        let people = self.document.string(top, "people").map(setting);
        let metrics = self.setting(top, "metrics", "--metrics", flags.metrics.clone());
        self.only_sqlite(top);
        let listen = self.listen(listen);
        Config {
            control: self.control(top, flags, &listen),
            listen,
            state: state.map_or_else(default_state, |state| self.path(state)),
            policies: policies.map(|policies| self.path(policies)),
            people: people.map(|people| self.path(people)),
            own_hosts: values(self.document.strings(top, "own_hosts")),
            upstream: self.upstream(top, flags),
            roles: self.rows(top, "role", Self::role),
            environments: self.rows(top, "environment", Self::environment),
            hosts: values(self.document.strings(top, "hosts")),
            metrics: metrics.and_then(|metrics| self.address(&metrics)),
            log: self.log(top, flags),
            limits: self.limits(top),
        }
    }

    /// A text of the file, or the flag's, which wins.
    fn setting(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        flag: &'static str,
        given: Option<String>,
    ) -> Option<Setting> {
        let written = self.document.string(section, key).map(setting);
        given
            .map(|text| Setting {
                text,
                origin: Origin::Flag(flag),
            })
            .or(written)
    }

    fn fault(&mut self, origin: Origin, message: impl Display, help: &str) {
        match origin {
            Origin::File(offset) => self.document.fault(offset, message.to_string(), help),
            Origin::Flag(flag) => self
                .faults
                .push(Fault::of_file(flag, message.to_string(), help)),
        }
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, setting: &Setting) -> Option<T> {
        setting
            .text
            .parse()
            .map_err(|error| self.fault(setting.origin, error, ""))
            .ok()
    }

    fn path(&self, setting: Setting) -> PathBuf {
        match setting.origin {
            Origin::File(_) => self.folder.join(setting.text),
            Origin::Flag(_) => PathBuf::from(setting.text),
        }
    }

    fn address(&mut self, setting: &Setting) -> Option<SocketAddr> {
        let parsed = setting.text.parse().ok();
        if parsed.is_none() {
            let message = format!(
                "`{}` is not an address such as 127.0.0.1:8800",
                setting.text
            );
            self.fault(setting.origin, message, "");
        }
        parsed
    }

    fn listen(&mut self, setting: Option<Setting>) -> Listen {
        let default = Listen::Address(SocketAddr::from(([127, 0, 0, 1], 8800)));
        let Some(setting) = setting else {
            return default;
        };
        if let Some(path) = setting.text.strip_prefix("unix:") {
            let path = Setting {
                text: path.to_owned(),
                origin: setting.origin,
            };
            return Listen::Socket(self.path(path));
        }
        match self.address(&setting) {
            Some(address) if address.ip().is_loopback() => Listen::Address(address),
            Some(address) => {
                let help =
                    "agents sign over plain HTTP here: listen on 127.0.0.1, [::1] or unix:PATH";
                self.fault(
                    setting.origin,
                    format!("`{address}` is not a loopback address"),
                    help,
                );
                default
            }
            None => default,
        }
    }

    fn control(&mut self, top: &mut Section<'t>, flags: &Flags, proxy: &Listen) -> Control {
        let mut listen = flags.control.clone().map(|text| Setting {
            text,
            origin: Origin::Flag("--control"),
        });
        let (mut url, mut oidc) = (None, None);
        if let Some(mut section) = self.document.section(top, "control") {
            let written = self.document.string(&mut section, "listen").map(setting);
            listen = listen.or(written);
            url = self.document.string(&mut section, "url").map(setting);
            oidc = oidc::read(self, &mut section);
            self.document.finish(section);
        }
        // Where the system chooses the proxy's port, it chooses this one as well.
        let port = match proxy {
            Listen::Address(address) if address.port() == 0 => 0,
            Listen::Address(address) => address.port().checked_add(1).unwrap_or(8801),
            Listen::Socket(_) => 8801,
        };
        let default = SocketAddr::from(([127, 0, 0, 1], port));
        let listen = listen.and_then(|setting| match self.address(&setting)? {
            address if address.ip().is_loopback() => Some(address),
            address => {
                let help = "listen on 127.0.0.1 or [::1]; for others put a server for TLS in front, and name its address as `url`";
                let message = format!("`{address}` is not a loopback address");
                self.fault(setting.origin, message, help);
                None
            }
        });
        let mut names = BTreeSet::new();
        let channel =
            |reader: &mut Self, section: &mut _| channel::read(reader, section, &mut names);
        Control {
            listen: listen.unwrap_or(default),
            url: url.and_then(|url| self.parsed(&url)),
            channels: self.rows(top, "channel", channel),
            oidc,
            reliability: self.reliability(top),
        }
    }

    /// How many incidents raise the posture, where a limit is set.
    fn reliability(&mut self, top: &mut Section<'t>) -> Option<Reliability> {
        let mut section = self.document.section(top, "reliability")?;
        let incidents = self.limit(Some(&mut section), "incidents", 3, 1..=1_000);
        let days = self.limit(Some(&mut section), "days", 90, 1..=3_650);
        let posture = self.document.string(&mut section, "posture");
        self.document.finish(section);
        let named = posture
            .as_ref()
            .map(|written| Posture::named(&written.value));
        let posture = match named {
            None => Posture::Elevated,
            Some(Some(posture @ (Posture::Elevated | Posture::Freeze))) => posture,
            Some(_) => {
                let offset = posture.map_or(0, |written| written.offset);
                let help = "write `elevated` or `freeze`";
                let message = "incidents raise the posture to no such one";
                self.document.fault(offset, message, help);
                Posture::Elevated
            }
        };
        Some(Reliability {
            incidents: incidents as u64,
            days: u16::try_from(days).unwrap_or(u16::MAX),
            posture,
        })
    }

    fn only_sqlite(&mut self, top: &mut Section<'t>) {
        let Some(store) = self.document.string(top, "store").map(setting) else {
            return;
        };
        if store.text != "sqlite" {
            let message = format!("`{}` is not a store of this version", store.text);
            self.fault(
                store.origin,
                message,
                "use \"sqlite\", or leave the line out",
            );
        }
    }

    fn upstream(&mut self, top: &mut Section<'t>, flags: &Flags) -> Upstream {
        let mut section = self.document.section(top, "upstream");
        let mut endpoint = flags.upstream.clone().map(|text| Setting {
            text,
            origin: Origin::Flag("--upstream"),
        });
        let mut ca = None;
        if let Some(section) = &mut section {
            let written = self.document.string(section, "endpoint").map(setting);
            endpoint = endpoint.or(written);
            ca = self.document.string(section, "ca").map(setting);
        }
        section
            .into_iter()
            .for_each(|section| self.document.finish(section));
        if let (Some(ca), None) = (&ca, &endpoint) {
            self.fault(
                ca.origin,
                "`ca` is the authority of an `endpoint`, and there is none",
                "AWS itself is known by the roots of this system",
            );
        }
        Upstream {
            endpoint: endpoint.and_then(|endpoint| self.endpoint(endpoint)),
            ca: ca.map(|ca| self.path(ca)),
        }
    }

    fn endpoint(&mut self, setting: Setting) -> Option<String> {
        use cordon_proxy::{FixedUpstream, PlainUpstream};
        match FixedUpstream::parse(&setting.text, PlainUpstream::LoopbackOnly) {
            Ok(_) => Some(setting.text.trim_end_matches('/').to_owned()),
            Err(error) => {
                self.fault(
                    setting.origin,
                    error,
                    "write an address such as http://127.0.0.1:5000",
                );
                None
            }
        }
    }

    fn log(&mut self, top: &mut Section<'t>, flags: &Flags) -> Log {
        let given = [
            ("--log-format", flags.log_format.clone()),
            ("--log", flags.log.clone()),
        ];
        let [mut format, mut level] = given.map(|(flag, text)| {
            text.map(|text| Setting {
                text,
                origin: Origin::Flag(flag),
            })
        });
        if let Some(mut section) = self.document.section(top, "log") {
            let written =
                ["format", "level"].map(|key| self.document.string(&mut section, key).map(setting));
            let [written_format, written_level] = written;
            format = format.or(written_format);
            level = level.or(written_level);
            self.document.finish(section);
        }
        let level = level
            .filter(|level| self.is_filter(level))
            .map(|level| level.text);
        Log {
            format: format.map_or(LogFormat::Human, |format| self.log_format(&format)),
            level,
        }
    }

    fn is_filter(&mut self, level: &Setting) -> bool {
        let parsed = tracing_subscriber::EnvFilter::try_new(&level.text);
        if let Err(error) = &parsed {
            self.fault(
                level.origin,
                error,
                "write error, warn, info, debug, or a filter such as cordon_proxy=debug",
            );
        }
        parsed.is_ok()
    }

    fn log_format(&mut self, format: &Setting) -> LogFormat {
        match format.text.as_str() {
            "human" => LogFormat::Human,
            "json" => LogFormat::Json,
            other => {
                self.fault(
                    format.origin,
                    format!("`{other}` is not a log format"),
                    "write human or json",
                );
                LogFormat::Human
            }
        }
    }

    fn limits(&mut self, top: &mut Section<'t>) -> Limits {
        let mut section = self.document.section(top, "limits");
        let mut count = |key, default, range| self.limit(section.as_mut(), key, default, range);
        let limits = Limits {
            connections: count("connections", 4096, 1..=100_000),
            body: count("body_mib", 16, 1..=256) << 20,
            grace: count("grace_seconds", 30, 0..=3600) as u64,
            park: count("park_seconds", 50, 0..=600) as u64,
        };
        section
            .into_iter()
            .for_each(|section| self.document.finish(section));
        limits
    }

    fn limit(
        &mut self,
        section: Option<&mut Section<'t>>,
        key: &'static str,
        default: usize,
        range: RangeInclusive<u32>,
    ) -> usize {
        let Some(written) = section.and_then(|section| self.document.count(section, key)) else {
            return default;
        };
        if !range.contains(&written.value) {
            let message = format!("`{key}` must be from {} to {}", range.start(), range.end());
            self.document.fault(written.offset, message, "");
        }
        written.value as usize
    }

    fn rows<T>(
        &mut self,
        top: &mut Section<'t>,
        key: &'static str,
        mut read: impl FnMut(&mut Self, &mut Section<'t>) -> Option<T>,
    ) -> Vec<T> {
        let mut rows = Vec::new();
        for mut section in self.document.sections(top, key) {
            rows.extend(read(self, &mut section));
            self.document.finish(section);
        }
        rows
    }

    fn role(&mut self, section: &mut Section<'t>) -> Option<Role> {
        let account = self
            .document
            .required_string(section, "account", "111122223333")
            .map(setting);
        let example = "arn:aws:iam::111122223333:role/cordon-agent";
        let arn = self
            .document
            .required_string(section, "arn", example)
            .map(setting);
        let environment = self.document.string(section, "environment").map(setting);
        let environment = environment.and_then(|name| self.parsed(&name));
        let account = account.and_then(|account| self.parsed(&account));
        let arn = arn.and_then(|arn| self.parsed(&arn));
        Some(Role {
            account: account?,
            environment,
            arn: arn?,
        })
    }

    fn environment(&mut self, section: &mut Section<'t>) -> Option<EnvironmentRule> {
        let name = self
            .document
            .required_string(section, "name", "web-gamma")
            .map(setting);
        let production = self.document.boolean(section, "production");
        let accounts = values(self.document.strings(section, "accounts"));
        let regions = values(self.document.strings(section, "regions"));
        let arns = values(self.document.strings(section, "arns"));
        let name = name.and_then(|name| self.parsed(&name))?;
        Some(EnvironmentRule {
            name,
            production: production.unwrap_or(false),
            accounts,
            regions,
            arns,
        })
    }
}

fn setting(written: Placed<String>) -> Setting {
    Setting {
        text: written.value,
        origin: Origin::File(written.offset),
    }
}

fn values(written: Vec<Placed<String>>) -> Vec<String> {
    written.into_iter().map(|text| text.value).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::ChannelWay;

    fn check(text: &str, expected: &[&str]) {
        let faults = read(Path::new("cordon.toml"), text, &Flags::default())
            .unwrap_err()
            .to_string();
        for place in expected {
            assert!(faults.contains(place), "{place} is not in:\n{faults}");
        }
    }

    #[test]
    fn every_fault_is_reported_at_its_place() {
        check(
            "listen = \"0.0.0.0:1\"\nstorre = \"sqlite\"\n[upstream]\nendpoint = \"http://example.com\"\n[[role]]\naccount = \"12\"\n",
            &[
                "cordon.toml:1:10",
                "cordon.toml:2:1",
                "did you mean `store`?",
                "cordon.toml:4:12",
                "cordon.toml:6:11",
                "`arn`",
            ],
        );
        check("[upstream]\nca = \"ca.pem\"\n", &["cordon.toml:2:6"]);
        check("listen = ", &["cordon.toml:1:"]);
        check(
            "[control]\nlisten = \"0.0.0.0:8801\"\nurl = \"cordon.example.com\"\n",
            &["cordon.toml:2:10", "cordon.toml:3:7"],
        );
        check(
            "[limits]\nbody_mib = 0\n[log]\nlevel = \"=,=\"\n",
            &["cordon.toml:2:12", "cordon.toml:4:9"],
        );
        check(
            "[reliability]\nincidents = 0\nposture = \"normal\"\nweeks = 1\n",
            &["cordon.toml:2:13", "cordon.toml:3:11", "cordon.toml:4:1"],
        );
    }

    #[test]
    fn a_limit_of_incidents_is_what_is_written_and_none_where_nothing_is() {
        let limit = |text: &str| {
            let config = read(Path::new("cordon.toml"), text, &Flags::default());
            config.unwrap().control.reliability
        };
        assert_eq!(limit(""), None);
        let usual = Reliability {
            incidents: 3,
            days: 90,
            posture: Posture::Elevated,
        };
        assert_eq!(limit("[reliability]\n"), Some(usual));
        let other = Reliability {
            incidents: 1,
            days: 7,
            posture: Posture::Freeze,
        };
        let text = "[reliability]\nincidents = 1\ndays = 7\nposture = \"freeze\"\n";
        assert_eq!(limit(text), Some(other));
    }

    #[test]
    fn flags_win_and_their_faults_name_them() {
        let flags = Flags {
            listen: Some("nowhere".to_owned()),
            ..Flags::default()
        };
        let faults = read(Path::new("c.toml"), "listen = \"127.0.0.1:1\"", &flags).unwrap_err();
        assert!(faults.to_string().starts_with("--listen: "), "{faults}");
        let flags = Flags {
            listen: Some("127.0.0.1:2".to_owned()),
            ..Flags::default()
        };
        let config = read(Path::new("c.toml"), "listen = \"127.0.0.1:1\"", &flags).unwrap();
        assert_eq!(
            config.listen,
            Listen::Address("127.0.0.1:2".parse().unwrap())
        );
    }

    #[test]
    fn a_channel_says_where_it_is_and_what_signs() {
        let channel = |lines: &str| format!("[[channel]]\nname = \"ops\"\n{lines}\n");
        let hook = "kind = \"webhook\"\nurl = \"https://hooks.example.com\"";
        let slack = "kind = \"slack\"";
        for (lines, expected) in [
            ("kind = \"pigeon\"", "cordon.toml:3:8"),
            (hook, "a webhook has a `key_file`"),
            (slack, "either `url` or `url_file`"),
            (
                "kind = \"slack\"\nurl = \"http://hooks.example.com\"",
                "cordon.toml:4:7",
            ),
        ] {
            check(&channel(lines), &[expected]);
        }
        let signed = channel(&format!("{hook}\nkey_file = \"ops.key\""));
        // What was told is kept by the name of the channel: one of the two would be told nothing.
        check(
            &format!("{signed}{signed}"),
            &["cordon.toml:7:8", "another channel has the name `ops`"],
        );
        let config = read(Path::new("/etc/c.toml"), &signed, &Flags::default()).unwrap();
        let [channel] = config.control.channels.as_slice() else {
            panic!("{:?}", config.control);
        };
        let ChannelWay::Post { key_file, .. } = &channel.way else {
            panic!("{channel:?}");
        };
        assert_eq!(key_file.as_deref(), Some(Path::new("/etc/ops.key")));
    }

    #[test]
    fn people_decide_one_port_further_than_agents_call() {
        let control = |text: &str| {
            let config = read(Path::new("c.toml"), text, &Flags::default()).unwrap();
            config.control.listen.to_string()
        };
        assert_eq!(control(""), "127.0.0.1:8801");
        assert_eq!(control("listen = \"127.0.0.1:9000\""), "127.0.0.1:9001");
        assert_eq!(control("listen = \"127.0.0.1:0\""), "127.0.0.1:0");
        assert_eq!(control("[control]\nlisten = \"[::1]:7000\""), "[::1]:7000");
    }

    #[test]
    fn paths_of_the_file_are_relative_to_it() {
        let config = read(
            Path::new("/etc/cordon/cordon.toml"),
            "state = \"state\"",
            &Flags::default(),
        )
        .unwrap();
        assert_eq!(config.state, Path::new("/etc/cordon/state"));
    }
}
