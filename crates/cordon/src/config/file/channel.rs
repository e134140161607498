//! `[[channel]]`: where people hear of what waits.
//!
//! ```toml
//! [[channel]]
//! name = "ops"
//! kind = "webhook"
//! url = "https://ops.example.com/cordon"
//! key_file = "ops.key"
//!
//! [[channel]]
//! name = "mail"
//! kind = "email"
//! server = "smtp.example.com"
//! user = "cordon"
//! password_file = "smtp.secret"
//! from = "cordon@example.com"
//! ```

use super::super::{Channel, ChannelWay};
use super::{Reader, Setting, setting};
use cordon_control::channel::{Address, EMAIL, KINDS, Kind, Recipients, Security, Server};
use cordon_core::document::{Placed, Section};
use std::collections::BTreeSet;

/// One channel; `names` are those of the channels before it.
pub(super) fn read<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    names: &mut BTreeSet<String>,
) -> Option<Channel> {
    let document = &mut reader.document;
    let name = document.required_string(section, "name", "ops");
    let kind = document.required_string(section, "kind", "webhook");
    let (name, kind) = (name.map(setting), kind.map(setting)?);
    if let Some(name) = name
        .as_ref()
        .filter(|name| !names.insert(name.text.clone()))
    {
        let message = format!("another channel has the name `{}`", name.text);
        let help = "what was told is kept by the name: give each channel one of its own";
        reader.fault(name.origin, message, help);
    }
    let posted = KINDS.into_iter().find(|known| known.word == kind.text);
    let way = match posted {
        Some(posted) => post(reader, section, &kind, posted)?,
        None if kind.text == EMAIL => email(reader, section)?,
        None => {
            let words: Vec<&str> = KINDS.iter().map(|known| known.word).collect();
            let message = format!("`{}` is not a kind of channel", kind.text);
            let help = format!("kinds: {}, {EMAIL}", words.join(", "));
            reader.fault(kind.origin, message, &help);
            return None;
        }
    };
    Some(Channel {
        name: name?.text,
        way,
    })
}

fn post<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    kind: &Setting,
    found: Kind,
) -> Option<ChannelWay> {
    let url = reader.document.string(section, "url").map(setting);
    let url_file = reader.document.string(section, "url_file").map(setting);
    let key_file = reader.document.string(section, "key_file").map(setting);
    if url.is_some() == url_file.is_some() {
        let help = "`url_file` keeps an address that is a secret out of this file";
        let message = "a channel has either `url` or `url_file`";
        reader.fault(kind.origin, message, help);
    }
    if found.signed != key_file.is_some() {
        let message = match found.signed {
            true => "a webhook has a `key_file`: what its notices are signed with",
            false => "only a webhook has a `key_file`",
        };
        reader.fault(kind.origin, message, "");
    }
    Some(ChannelWay::Post {
        target: url.and_then(|url| reader.parsed(&url)),
        url_file: url_file.map(|file| reader.path(file)),
        key_file: key_file.map(|file| reader.path(file)),
        kind: found,
    })
}

fn email<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<ChannelWay> {
    let document = &mut reader.document;
    let server = document.required_string(section, "server", "smtp.example.com");
    let port = document.count(section, "port");
    let tls = document.string(section, "tls").map(setting);
    let user = document.string(section, "user").map(setting);
    let password_file = document.string(section, "password_file").map(setting);
    let from = document.required_string(section, "from", "cordon@example.com");
    let to = document.strings(section, "to");
    let security = match tls {
        None => Security::Implicit,
        Some(tls) => security(reader, &tls)?,
    };
    if let (Some(one), None) | (None, Some(one)) = (&user, &password_file) {
        let message = "`user` and `password_file` come together";
        reader.fault(
            one.origin,
            message,
            "leave both out where the server asks for neither",
        );
    }
    let port = match port {
        None => None,
        Some(port) => Some(self::port(reader, &port)?),
    };
    let server = server.map(setting)?;
    let found = Server::new(&server.text, port, security);
    let found = found.map_err(|error| reader.fault(server.origin, error, ""));
    let from = address(reader, &from?)?;
    let given: Vec<Option<Address>> = to.iter().map(|to| address(reader, to)).collect();
    let given: Option<Vec<Address>> = given.into_iter().collect();
    let password_file = password_file.map(|file| reader.path(file));
    Some(ChannelWay::Email {
        server: found.ok()?,
        login: user.map(|user| user.text).zip(password_file),
        from,
        to: match given? {
            none if none.is_empty() => Recipients::Asked,
            these => Recipients::These(these),
        },
    })
}

fn security(reader: &mut Reader<'_>, tls: &Setting) -> Option<Security> {
    let all = Security::ALL.into_iter();
    let found = all.clone().find(|way| way.as_str() == tls.text);
    if found.is_none() {
        let words: Vec<&str> = all.map(Security::as_str).collect();
        let message = format!("`{}` is not a way to use TLS", tls.text);
        reader.fault(tls.origin, message, &format!("ways: {}", words.join(", ")));
    }
    found
}

fn port(reader: &mut Reader<'_>, port: &Placed<u32>) -> Option<u16> {
    let found = u16::try_from(port.value).ok().filter(|port| *port > 0);
    if found.is_none() {
        let message = format!("`{}` is not a port", port.value);
        reader
            .document
            .fault(port.offset, message, "from 1 to 65535");
    }
    found
}

fn address(reader: &mut Reader<'_>, text: &Placed<String>) -> Option<Address> {
    let found = text.value.parse().ok();
    if found.is_none() {
        let message = format!("`{}` is not an address for mail", text.value);
        let help = "write the address alone: cordon@example.com";
        reader.document.fault(text.offset, message, help);
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::read;
    use super::*;
    use crate::config::Flags;
    use std::path::Path;

    const TEXT: &str = r#"
[[channel]]
name = "mail"
kind = "email"
server = "smtp.example.com"
port = 587
tls = "starttls"
user = "cordon"
password_file = "smtp.secret"
from = "cordon@example.com"
to = ["seniors@example.com"]
"#;

    fn way(text: &str) -> ChannelWay {
        let config = read(Path::new("/etc/cordon.toml"), text, &Flags::default());
        config.unwrap().control.channels.remove(0).way
    }

    #[test]
    fn a_server_for_mail_is_read_with_whom_it_tells() {
        let ChannelWay::Email {
            server, login, to, ..
        } = way(TEXT)
        else {
            panic!("{TEXT}");
        };
        let expected = Server::new("smtp.example.com", Some(587), Security::StartTls);
        assert_eq!(server, expected.unwrap());
        let (user, file) = login.unwrap();
        assert_eq!(
            (user.as_str(), file.as_path()),
            ("cordon", Path::new("/etc/smtp.secret"))
        );
        assert_eq!(
            to,
            Recipients::These(vec!["seniors@example.com".parse().unwrap()])
        );
        let short = TEXT.lines().filter(|line| {
            let left_out = ["port", "tls", "user", "password_file", "to"];
            !left_out
                .iter()
                .any(|key| line.starts_with(&format!("{key} =")))
        });
        let short: Vec<&str> = short.collect();
        let ChannelWay::Email {
            server, login, to, ..
        } = way(&short.join("\n"))
        else {
            panic!("{short:?}");
        };
        let expected = Server::new("smtp.example.com", Some(465), Security::Implicit);
        assert_eq!((server, login), (expected.unwrap(), None));
        assert_eq!(to, Recipients::Asked);
    }

    #[test]
    fn what_would_tell_others_or_nobody_is_a_fault() {
        for (from, to, fault) in [
            (
                "\"starttls\"",
                "\"none\"",
                ":5:10: mail leaves this machine over TLS alone",
            ),
            ("\"starttls\"", "\"ssl\"", "`ssl` is not a way to use TLS"),
            ("port = 587", "port = 65536", "`65536` is not a port"),
            ("port = 587", "port = 0", "`0` is not a port"),
            ("smtp.example.com", "smtp.example.com:25", "without a port"),
            (
                "user = \"cordon\"\n",
                "",
                "`user` and `password_file` come together",
            ),
            ("password_file", "password", "password"),
            ("from = \"cordon@example.com\"\n", "", "from"),
            (
                "seniors@example.com",
                "seniors",
                "`seniors` is not an address for mail",
            ),
            (
                "seniors@example.com",
                "a@example.com\\r\\nBcc: b@example.com",
                "is not an address",
            ),
            ("to =", "key_file = \"x\"\nto =", "key_file"),
            ("\"email\"", "\"mail\"", "kinds: webhook, slack, email"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let text = TEXT.replace(from, to);
            let said = read(Path::new("/etc/cordon.toml"), &text, &Flags::default());
            let said = said.unwrap_err().to_string();
            assert!(said.contains(fault), "{fault}: {said}");
        }
    }
}
