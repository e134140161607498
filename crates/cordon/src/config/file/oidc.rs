//! `[control.oidc]`: the provider of identities that people sign in by.
//!
//! ```toml
//! [control.oidc]
//! issuer             = "https://login.example.com"
//! client_id          = "cordon"
//! client_secret_file = "oidc.secret"
//! domains            = ["example.com"]
//! groups_claim       = "groups"
//!
//! [[control.oidc.map]]
//! value  = "Platform Seniors"
//! groups = ["senior"]
//! roles  = ["incident-commander"]
//! ```

use super::super::Oidc;
use super::{Reader, setting, values};
use cordon_control::channel::Target;
use cordon_control::oidc::ClaimRule;
use cordon_core::document::{Placed, Section};
use cordon_core::people::Role;
use std::str::FromStr;

/// The provider, where one is written.
pub(super) fn read<'t>(reader: &mut Reader<'t>, control: &mut Section<'t>) -> Option<Oidc> {
    let mut section = reader.document.section(control, "oidc")?;
    let offset = section.offset();
    let document = &mut reader.document;
    let issuer = document.required_string(&mut section, "issuer", "https://login.example.com");
    let client_id = document.required_string(&mut section, "client_id", "cordon");
    let secret = document.required_string(&mut section, "client_secret_file", "oidc.secret");
    let domains = document.strings(&mut section, "domains");
    let groups_claim = document.string(&mut section, "groups_claim");
    let map = reader.rows(&mut section, "map", rule);
    reader.document.finish(section);
    let domains = values(domains);
    let domains: Vec<String> = domains
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    if domains.is_empty() {
        let message = "`domains` says whose addresses may sign in, and there is none";
        let help = "write them: domains = [\"example.com\"]";
        reader.document.fault(offset, message, help);
    }
    if let (None, false) = (&groups_claim, map.is_empty()) {
        let message = "`map` says what a claim means, and `groups_claim` names none";
        reader
            .document
            .fault(offset, message, "name the claim: groups_claim = \"groups\"");
    }
    let (issuer, client_id, secret) = (issuer?, client_id?, secret?);
    if issuer.value.parse::<Target>().is_err() {
        let message = format!(
            "`{}` is not an address with TLS, or of this machine",
            issuer.value
        );
        let help = "write the issuer as the provider does: https://login.example.com";
        reader.document.fault(issuer.offset, message, help);
    }
    Some(Oidc {
        issuer: issuer.value,
        client_id: client_id.value,
        client_secret_file: reader.path(setting(secret)),
        domains,
        groups_claim: groups_claim.map(|claim| claim.value),
        map,
    })
}

/// What one value of the claim means.
fn rule<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<ClaimRule> {
    let document = &mut reader.document;
    let value = document.required_string(section, "value", "Platform Seniors");
    let groups = document.strings(section, "groups");
    let roles = document.strings(section, "roles");
    Some(ClaimRule {
        groups: names(
            reader,
            groups,
            |text| FromStr::from_str(text).ok(),
            "an approver group",
        ),
        roles: names(reader, roles, Role::named, "a role"),
        value: value?.value.into(),
    })
}

fn names<T>(
    reader: &mut Reader<'_>,
    written: Vec<Placed<String>>,
    meant: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Vec<T> {
    let mut found = Vec::new();
    for name in written {
        match meant(&name.value) {
            Some(name) => found.push(name),
            None => {
                let message = format!("`{}` is not {what}", name.value);
                reader.document.fault(name.offset, message, "");
            }
        }
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
[control.oidc]
issuer = "https://login.example.com"
client_id = "cordon"
client_secret_file = "oidc.secret"
domains = ["Example.com"]
groups_claim = "groups"

[[control.oidc.map]]
value = "Platform Seniors"
groups = ["senior"]
roles = ["incident-commander"]
"#;

    fn faults(text: &str) -> String {
        let read = read(Path::new("/etc/cordon.toml"), text, &Flags::default());
        read.unwrap_err().to_string()
    }

    #[test]
    fn a_provider_is_read_with_what_its_claim_means() {
        let config = read(Path::new("/etc/cordon.toml"), TEXT, &Flags::default()).unwrap();
        let oidc = config.control.oidc.unwrap();
        assert_eq!(oidc.domains, ["example.com"]);
        assert_eq!(oidc.client_secret_file, Path::new("/etc/oidc.secret"));
        let [rule] = oidc.map.as_slice() else {
            panic!("{:?}", oidc.map);
        };
        assert_eq!(rule.roles, [Role::IncidentCommander]);
    }

    #[test]
    fn what_would_let_strangers_in_is_a_fault() {
        for (from, to, fault) in [
            (
                "https://login",
                "http://login",
                ":3:10: `http://login.example.com` is not an address with TLS",
            ),
            (
                "domains = [\"Example.com\"]",
                "domains = []",
                "`domains` says whose addresses may sign in",
            ),
            ("groups_claim = \"groups\"", "", "`groups_claim` names none"),
            (
                "\"senior\"",
                "\"sen ior\"",
                "`sen ior` is not an approver group",
            ),
            ("incident-commander", "root", "`root` is not a role"),
            ("client_id = \"cordon\"", "", "client_id"),
            (
                "client_id",
                "client_secret = \"x\"\nclient_id",
                "client_secret",
            ),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let said = faults(&TEXT.replace(from, to));
            assert!(said.contains(fault), "{fault}: {said}");
        }
    }
}
