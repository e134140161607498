//! What the stories of the edge and those of the line both start with.

use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::SecretKey;
use cordon_broker::{BaseIdentity, Broker, BrokerConfig, Role, Roles};
use cordon_core::action::Actions;
use cordon_core::policy::{BundleFile, Policies};
use std::path::Path;
use std::sync::Arc;

/// The account of every story: the one of AWS's documentation.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The bundle that Cordon brings, over the whole catalog.
#[allow(
    dead_code,
    reason = "each test program takes what it needs of this file"
)]
pub(crate) fn baseline() -> Policies {
    baseline_in("dev")
}

/// The same, with the account of the stories in another environment.
pub(crate) fn baseline_in(environment: &str) -> Policies {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut files: Vec<BundleFile> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| BundleFile {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    // Loops of a test are longer than what a team's tasks may do.
    for file in files.iter_mut().filter(|file| file.name == "manifest.toml") {
        for limit in [
            "max_mutations = 1000",
            "max_creates = 200",
            "max_destroys = 50",
        ] {
            let (name, _) = limit.split_once(" = ").unwrap();
            file.text = file.text.replace(limit, &format!("{name} = 100000"));
        }
    }
    for file in files
        .iter_mut()
        .filter(|file| file.name == "environments.toml")
    {
        let rule = |name: &str| format!("environment = \"{name}\"\naccounts = [\"{ACCOUNT}\"]");
        file.text = file.text.replace(&rule("dev"), &rule(environment));
        let dev = "[environment.dev]";
        let below = format!("[environment.nonprod]\n{dev}\nin = [\"nonprod\"]");
        file.text = file.text.replace(dev, &below);
    }
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", &files, actions).unwrap()
}

/// A broker that asks the STS at `endpoint`, as this key pair, for the role of [`ACCOUNT`].
pub(crate) async fn broker(endpoint: String, id: &str, secret: &str) -> Broker {
    Broker::new(BrokerConfig {
        roles: Roles::new([Role {
            account: ACCOUNT.parse().unwrap(),
            environment: None,
            arn: format!("arn:aws:iam::{ACCOUNT}:role/agent")
                .parse()
                .unwrap(),
        }]),
        base: BaseIdentity::Keys {
            id: id.to_owned(),
            secret: SecretKey::new(secret.to_owned()),
        },
        endpoint: Some(endpoint),
        ..BrokerConfig::default()
    })
    .await
}
