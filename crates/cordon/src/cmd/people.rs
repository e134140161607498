//! `cordon people`: who decides, links to sign in with, tokens for machines. Works on the state
//! folder itself: whoever may write there may do all of this anyway.

use crate::config::{Config, Flags};
use crate::failure::{Failure, USAGE};
use crate::output::{self, Format};
use crate::serving::Ready;
use crate::{identity, people, wiring};
use clap::{Args, Subcommand, ValueEnum};
use cordon_control::secret;
use cordon_core::names::{ApproverGroup, CheckName, Person};
use cordon_core::people::Membership;
use cordon_store::{Deed, Pass, PassKind, Passkey, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

/// Subcommands of `cordon people`.
#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// Everyone who may decide, with what each carries
    List(List),
    /// Make a link that signs a person in, once, within 10 minutes
    Link(Link),
    /// Make a token for a machine that speaks for a person
    Token(Token),
    /// Take back a pass, a token or a passkey, by its id in `cordon people list`
    Revoke(Revoke),
    /// What people did, newest first: decisions, postures, stops, sign-ins, links, tokens
    Log(Log),
}

/// Options of `cordon people list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whom a link is for.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// A name of people.toml
    name: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whom a token speaks for, and what it is good for.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// A name of people.toml
    name: String,
    /// What it is good for
    #[arg(long, value_enum)]
    scope: Scope,
    /// A check that it reports, as policies name it in `@checks`; once for each
    #[arg(long = "check", value_name = "NAME")]
    checks: Vec<CheckName>,
    /// For how many days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
    days: u16,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What a machine's token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// Look at what the person may look at
    Read,
    /// Report the checks that `--check` names, and look at the holds that ask for them
    Check,
}

/// Options of `cordon people log`.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which pass.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its id
    id: String,
}

impl People {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        identity::refuse_agents()?;
        let config = Config::load(flags)?;
        wiring::block_on(async {
            let store = wiring::visit(&config).await?;
            match self {
                Self::List(list) => list.run(&config, &store).await?,
                Self::Link(link) => link.run(&config, &store).await?,
                Self::Token(token) => token.run(&config, &store).await?,
                Self::Revoke(revoke) => revoke.run(&store).await?,
                Self::Log(log) => log.run(&store).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl List {
    async fn run(self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let claims = store.claims(Timestamp::now()).await;
        let claims = claims.map_err(wiring::store_failed)?;
        let claims = claims.iter().map(|one| (&one.person, &one.claim));
        let people = people::read(config)?.with_claims(claims);
        let passkeys = store.passkeys(None).await.map_err(wiring::store_failed)?;
        let passkeys = passkeys.into_iter().filter(|one| one.revoked.is_none());
        let (passkeys, strays): (Vec<Passkey>, Vec<Passkey>) =
            passkeys.partition(|one| people.iter().any(|(person, _)| *person == one.person));
        let mut rows = Vec::new();
        for (person, membership) in people.iter() {
            let passes = store.passes(person).await.map_err(wiring::store_failed)?;
            let now = Timestamp::now();
            let good: Vec<&Pass> = passes.iter().filter(|pass| pass.is_good(now)).collect();
            let theirs: Vec<&Passkey> = passkeys
                .iter()
                .filter(|one| one.person == *person)
                .collect();
            match self.format {
                Format::Json => output::json(&value(person, membership, &good, &theirs)),
                Format::Human => rows.push(row(person, membership, &good, &theirs)),
            }
        }
        if self.format == Format::Human {
            output::table(&["name", "groups", "roles", "carries"], rows);
        }
        for stray in strays {
            output::error_line(format_args!(
                "{} is not named any more and still has the passkey {}, which would count again if they were: `cordon people revoke {}`",
                stray.person,
                stray.id(),
                stray.id()
            ));
        }
        if people.iter().next().is_none() && config.control.oidc.is_none() {
            output::error_line(format_args!(
                "nobody is named: write a file of people, and name it in cordon.toml: people = \"people.toml\""
            ));
        }
        Ok(())
    }
}

fn groups(membership: &Membership) -> Vec<&str> {
    membership
        .groups
        .iter()
        .map(ApproverGroup::as_str)
        .collect()
}

fn roles(membership: &Membership) -> Vec<&str> {
    membership.roles.iter().map(|role| role.as_str()).collect()
}

fn value(
    person: &Person,
    membership: &Membership,
    passes: &[&Pass],
    passkeys: &[&Passkey],
) -> serde_json::Value {
    let passes = passes.iter().map(|pass| {
        json!({
            "id": pass.secret.id(), "kind": pass.kind.as_str(),
            "checks": pass.checks.iter().map(CheckName::as_str).collect::<Vec<_>>(),
            "signed_in": pass.signed_in.to_string(), "expires": pass.expires.to_string(),
        })
    });
    let passkeys = passkeys.iter().map(|passkey| {
        json!({
            "id": passkey.id(), "name": passkey.name, "added": passkey.added.to_string(),
            "used": passkey.used.map(|at| at.to_string()),
        })
    });
    json!({
        "name": person.as_str(),
        "email": membership.email.as_ref().map(Person::as_str),
        "groups": groups(membership),
        "roles": roles(membership),
        "passes": passes.collect::<Vec<_>>(),
        "passkeys": passkeys.collect::<Vec<_>>(),
    })
}

fn row(
    person: &Person,
    membership: &Membership,
    passes: &[&Pass],
    passkeys: &[&Passkey],
) -> Vec<String> {
    let passkeys = passkeys.iter().map(|passkey| {
        format!(
            "passkey {} {}",
            passkey.id(),
            output::inert(&passkey.name, 60)
        )
    });
    let carried: Vec<String> = passes
        .iter()
        .map(|pass| {
            format!(
                "{} {} until {:.0}",
                words(pass),
                pass.secret.id(),
                pass.expires
            )
        })
        .chain(passkeys)
        .collect();
    vec![
        person.to_string(),
        groups(membership).join(", "),
        roles(membership).join(", "),
        carried.join("\n"),
    ]
}

/// The person who is meant by `name`.
fn known(config: &Config, name: &str) -> Result<Person, Failure> {
    let people = people::read(config)?;
    let found = people.find(name).map(|(person, _)| person.clone());
    found.ok_or_else(|| {
        let shown = output::inert(name, 64);
        Failure::new(format!("nobody is called `{shown}` in the file of people"))
            .help("`cordon people list` shows everyone; `people` of cordon.toml names the file")
            .code(USAGE)
    })
}

/// Writes down what is done for a person where Cordon serves, before it is.
async fn write_down(
    store: &Arc<dyn Store>,
    person: &Person,
    what: &str,
    detail: &str,
) -> Result<(), Failure> {
    let deed = Deed {
        at: Timestamp::now(),
        person: "".into(),
        what: what.into(),
        thing: person.as_str().into(),
        detail: detail.into(),
    };
    store.put_deed(deed).await.map_err(wiring::store_failed)
}

/// Makes and keeps a link; gives the address to open. Where browsers go elsewhere than terminals,
/// both.
///
/// # Errors
/// When no control plane serves, or the store fails.
pub(crate) async fn link(
    store: &Arc<dyn Store>,
    ready: &Ready,
    person: Person,
) -> Result<Vec<String>, Failure> {
    let bases = ready.control_addresses();
    if bases.is_empty() {
        return Err(Failure::new("the Cordon that serves has no control plane")
            .help("name a file of people in cordon.toml, then start it again: people = \"people.toml\""));
    }
    write_down(store, &person, "make-link", "").await?;
    let (secret, link) = secret::link(person, Timestamp::now())
        .map_err(|error| Failure::because("no link can be made", &error))?;
    store
        .put_sign_in_link(link)
        .await
        .map_err(wiring::store_failed)?;
    Ok(bases
        .iter()
        .map(|base| secret::address(base, &secret))
        .collect())
}

impl Link {
    async fn run(self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let person = known(config, &self.name)?;
        let ready = Ready::find(config)?;
        let links = link(store, &ready, person.clone()).await?;
        match self.format {
            Format::Json => output::json(&json!({ "person": person.as_str(), "links": links })),
            Format::Human => links
                .iter()
                .for_each(|link| output::line(format_args!("{link}"))),
        }
        Ok(())
    }
}

/// What a pass is good for: `read`, or `check canary-tests`.
fn words(pass: &Pass) -> String {
    let mut words = vec![pass.kind.as_str()];
    words.extend(pass.checks.iter().map(CheckName::as_str));
    words.join(" ")
}

impl Token {
    /// The checks that it reports: some, where it is for checks, and none elsewhere.
    fn checks(&self) -> Result<BTreeSet<CheckName>, Failure> {
        match (self.scope, self.checks.is_empty()) {
            (Scope::Check, true) => Err(Failure::new("a token for checks names what it reports")
                .help("name each check as policies do in @checks: --check canary-tests")
                .code(USAGE)),
            (Scope::Read, false) => Err(Failure::new("a token that looks reports no checks")
                .help("make it with `--scope check`")
                .code(USAGE)),
            _ => Ok(self.checks.iter().cloned().collect()),
        }
    }

    async fn run(self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let person = known(config, &self.name)?;
        let kind = match self.scope {
            Scope::Read => PassKind::Read,
            Scope::Check => PassKind::Check,
        };
        let lifetime = SignedDuration::from_hours(24 * i64::from(self.days));
        let checks = self.checks()?;
        let token = secret::machine(person.clone(), kind, checks, Timestamp::now(), lifetime);
        let (secret, pass) =
            token.map_err(|error| Failure::because("no token can be made", &error))?;
        let made = format!("{} {}", words(&pass), pass.secret.id());
        write_down(store, &person, "make-token", &made).await?;
        store
            .put_pass(pass.clone())
            .await
            .map_err(wiring::store_failed)?;
        match self.format {
            Format::Json => output::json(&json!({
                "person": person.as_str(), "id": pass.secret.id(), "scope": kind.as_str(),
                "checks": pass.checks.iter().map(CheckName::as_str).collect::<Vec<_>>(),
                "expires": pass.expires.to_string(), "token": secret.expose(),
            })),
            Format::Human => {
                output::line(format_args!("{}", secret.expose()));
                output::error_line(format_args!(
                    "it speaks for {person} until {:.0} and is not shown again; take it back with `cordon people revoke {}`",
                    pass.expires,
                    pass.secret.id()
                ));
            }
        }
        Ok(())
    }
}

impl Log {
    async fn run(self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let deeds = store.deeds(None, self.limit).await;
        let deeds = deeds.map_err(wiring::store_failed)?;
        match self.format {
            Format::Json => deeds.iter().for_each(|kept| {
                let deed = &kept.deed;
                output::json(&json!({
                    "number": kept.number, "at": deed.at.to_string(), "person": deed.person,
                    "what": deed.what, "thing": deed.thing, "detail": deed.detail,
                }));
            }),
            Format::Human => output::table(
                &["at", "who", "what", "on", "said"],
                deeds.iter().map(|kept| {
                    let deed = &kept.deed;
                    let texts = [&deed.person, &deed.what, &deed.thing, &deed.detail];
                    let mut row = vec![format!("{:.0}", deed.at)];
                    row.extend(texts.map(|text| output::inert(text, 200)));
                    row
                }),
            ),
        }
        Ok(())
    }
}

impl Revoke {
    async fn run(self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let revoked = Deed {
            at: Timestamp::now(),
            person: "".into(),
            what: "revoke".into(),
            thing: output::inert(&self.id, 40).into(),
            detail: "".into(),
        };
        store
            .put_deed(revoked)
            .await
            .map_err(wiring::store_failed)?;
        let now = Timestamp::now();
        let revoked = match store.revoke_pass(&self.id, now).await {
            Err(StoreError::Unknown { .. }) => store.revoke_passkey(&self.id, now).await,
            revoked => revoked,
        };
        match revoked {
            Ok(()) => {
                output::line(format_args!("it is taken back"));
                Ok(())
            }
            Err(StoreError::Unknown { .. }) => Err(Failure::new(format!(
                "there is no pass and no passkey `{}`",
                output::inert(&self.id, 40)
            ))
            .help("`cordon people list` shows the ids")),
            Err(error) => Err(wiring::store_failed(error)),
        }
    }
}
