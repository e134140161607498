//! The environment of an agent. Which variable reaches which tool was tried with the real tools:
//! `AWS_CA_BUNDLE` replaces the trust store of the CLI, boto3 and Terraform, `SSL_CERT_FILE` that
//! of Go and OpenSSL programs, `NODE_EXTRA_CA_CERTS` adds to Node's; a preset `AWS_CA_BUNDLE` or
//! profile would win over ours, so each is always set or cleared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A script for `NODE_OPTIONS=--require`: Node's SDK does not read `HTTPS_PROXY` by itself.
pub const NODE_PROXY: &str = include_str!("node_proxy.cjs");

/// How tools reach Cordon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// `HTTPS_PROXY`: complete, every service and host prefix.
    #[default]
    Proxy,
    /// `AWS_ENDPOINT_URL`: no certificate needed; operations with a host prefix do not work.
    Endpoint,
}

/// What an agent is given.
#[derive(Debug, Clone, Copy)]
pub struct AgentAccess<'a> {
    /// The placeholder access key id.
    pub key_id: &'a str,
    /// The placeholder secret.
    pub secret: &'a str,
    /// The region that tools take by default.
    pub region: &'a str,
    /// Cordon's listener: `http://127.0.0.1:8800`.
    pub url: &'a str,
    /// Cordon's CA alone, PEM.
    pub ca: &'a Path,
    /// Cordon's CA and the system's roots, PEM.
    pub ca_bundle: &'a Path,
    /// The file that holds [`NODE_PROXY`].
    pub node_proxy: &'a Path,
    /// How tools reach Cordon.
    pub way: Way,
}

/// Variables to set and variables to clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentEnvironment {
    /// Name to value.
    pub set: BTreeMap<&'static str, String>,
    /// Names that must not be inherited: they would lead a tool to other credentials, or past
    /// Cordon.
    pub cleared: BTreeSet<String>,
}

/// Names that would win over what we set, or hand a tool another identity.
const CLEARED: &[&str] = &[
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_S3",
    "CORDON_CONTROL_URL",
    "CORDON_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

/// Whether a variable chooses an endpoint: `AWS_ENDPOINT_URL_DYNAMODB` and its like of the SDKs,
/// `AWS_USE_FIPS_ENDPOINT`, `TF_AWS_S3_ENDPOINT` of Terraform. There is one for each service, so
/// they are known by their form.
fn chooses_endpoint(name: &str) -> bool {
    let of_aws = name.strip_prefix("TF_").unwrap_or(name);
    of_aws.starts_with("AWS_ENDPOINT_URL")
        || (of_aws.starts_with("AWS_") && of_aws.ends_with("_ENDPOINT"))
}

const NOT_PROXIED: &str = "127.0.0.1,localhost,::1,169.254.169.254,169.254.170.2";

impl AgentEnvironment {
    /// The environment for `access`, for an agent that would inherit the variables `inherited`.
    #[must_use]
    pub fn new(
        access: &AgentAccess<'_>,
        inherited: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let text = |path: &Path| path.display().to_string();
        let mut set = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", access.key_id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", access.secret.to_owned()),
            ("AWS_REGION", access.region.to_owned()),
            ("AWS_DEFAULT_REGION", access.region.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", NULL_FILE.to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", NULL_FILE.to_owned()),
            ("AWS_PAGER", String::new()),
        ]);
        match access.way {
            Way::Proxy => set.extend([
                ("HTTPS_PROXY", access.url.to_owned()),
                ("https_proxy", access.url.to_owned()),
                ("NO_PROXY", NOT_PROXIED.to_owned()),
                ("no_proxy", NOT_PROXIED.to_owned()),
                ("AWS_CA_BUNDLE", text(access.ca_bundle)),
                ("REQUESTS_CA_BUNDLE", text(access.ca_bundle)),
                ("CURL_CA_BUNDLE", text(access.ca_bundle)),
                ("SSL_CERT_FILE", text(access.ca_bundle)),
                ("NODE_EXTRA_CA_CERTS", text(access.ca)),
                (
                    "NODE_OPTIONS",
                    format!("--require \"{}\"", text(access.node_proxy)),
                ),
            ]),
            Way::Endpoint => set.extend([("AWS_ENDPOINT_URL", access.url.to_owned())]),
        }
        let mut cleared: BTreeSet<String> = CLEARED.iter().map(ToString::to_string).collect();
        for name in inherited {
            if chooses_endpoint(name.as_ref()) {
                cleared.insert(name.as_ref().to_owned());
            }
        }
        Self { set, cleared }
    }

    /// The environment as lines for a POSIX shell's `eval`.
    #[must_use]
    pub fn to_shell(&self) -> String {
        let cleared = self.cleared.iter().map(|name| format!("unset {name}\n"));
        let quoted = |value: &String| value.replace('\'', r"'\''");
        let set = self
            .set
            .iter()
            .map(|(name, value)| format!("export {name}='{}'\n", quoted(value)));
        cleared.chain(set).collect()
    }
}

#[cfg(windows)]
const NULL_FILE: &str = "NUL";
#[cfg(not(windows))]
const NULL_FILE: &str = "/dev/null";

#[cfg(test)]
mod tests {
    use super::*;

    fn access(way: Way) -> AgentEnvironment {
        inheriting(way, &[])
    }

    fn inheriting(way: Way, names: &[&str]) -> AgentEnvironment {
        let access = AgentAccess {
            key_id: "AKIACORDON0000000001",
            secret: "it's a placeholder",
            region: "cn-north-1",
            url: "http://127.0.0.1:8800",
            ca: Path::new("/state/ca.pem"),
            ca_bundle: Path::new("/state/ca-bundle.pem"),
            node_proxy: Path::new("/state/node-proxy.cjs"),
            way,
        };
        AgentEnvironment::new(&access, names)
    }

    #[test]
    fn no_other_identity_can_leak_in() {
        let environment = access(Way::Proxy);
        for name in [
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CREDENTIAL_EXPIRATION",
        ] {
            assert!(environment.cleared.contains(name) && !environment.set.contains_key(name));
        }
        assert_eq!(environment.set["AWS_SHARED_CREDENTIALS_FILE"], NULL_FILE);
    }

    #[test]
    fn no_inherited_endpoint_leads_past_cordon() {
        let names = [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL_DYNAMODB",
            "AWS_USE_FIPS_ENDPOINT",
            "AWS_S3_ENDPOINT",
            "TF_AWS_STS_ENDPOINT",
        ];
        for way in [Way::Proxy, Way::Endpoint] {
            let environment = inheriting(way, &names);
            for name in names {
                assert!(environment.cleared.contains(name), "{name}");
            }
        }
        let shell = inheriting(Way::Endpoint, &names).to_shell();
        let (cleared, set) = (
            shell.find("unset AWS_ENDPOINT_URL\n").unwrap(),
            shell.find("export AWS_ENDPOINT_URL=").unwrap(),
        );
        assert!(cleared < set, "{shell}");
        let kept = inheriting(Way::Proxy, &["PATH", "AWS_RETRY_MODE", "MY_ENDPOINT"]);
        assert_eq!(kept.cleared, access(Way::Proxy).cleared);
    }

    #[test]
    fn one_way_is_exported_at_a_time() {
        assert!(!access(Way::Proxy).set.contains_key("AWS_ENDPOINT_URL"));
        assert!(!access(Way::Endpoint).set.contains_key("HTTPS_PROXY"));
    }

    #[test]
    fn shell_lines_survive_quotes() {
        assert!(
            access(Way::Proxy)
                .to_shell()
                .contains(r"export AWS_SECRET_ACCESS_KEY='it'\''s a placeholder'")
        );
    }
}
