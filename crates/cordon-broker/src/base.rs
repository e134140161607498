//! The base identity: who asks STS, and where STS is.
//!
//! Takes the broker's configuration; gives [`Sts`], which makes clients. Only `upstream.endpoint`
//! says where STS is: a Cordon that is started where an agent's variables are set would otherwise
//! find its own address in `AWS_ENDPOINT_URL` and call itself, and whoever can set a variable could
//! have the base identity's signed requests sent to a host of theirs.

use crate::mint::BrokerConfig;
use crate::roles::Roles;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{IdentityCache, Region, SharedHttpClient};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use cordon_aws::sigv4::SecretKey;
use cordon_core::session::is_placeholder;
use cordon_core::sign::Minted;
use jiff::Timestamp;

/// The identity that assumes roles.
#[derive(Debug, Clone, Default)]
pub enum BaseIdentity {
    /// What the default chain of the AWS SDK finds: variables, profiles, web identity, SSO,
    /// container and instance roles.
    #[default]
    DefaultChain,
    /// This key pair, of a cloud that this process made.
    Keys {
        /// The access key id.
        id: String,
        /// Its secret.
        secret: SecretKey,
    },
}

/// The base identity is a key pair that Cordon gave to an agent.
#[derive(Debug, thiserror::Error)]
#[error("the access key id is one that Cordon gives to agents")]
pub(crate) struct OwnPlaceholder;

/// Credentials of the chain, unless they are ours.
#[derive(Debug)]
struct NotOurOwn(SharedCredentialsProvider);

impl ProvideCredentials for NotOurOwn {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.0.provide_credentials().await?;
            match is_placeholder(credentials.access_key_id()) {
                true => Err(CredentialsError::invalid_configuration(OwnPlaceholder)),
                false => Ok(credentials),
            }
        })
    }
}

/// STS, as the base identity reaches it.
pub(crate) struct Sts {
    base: SdkConfig,
    endpoint: Option<String>,
    /// Trusts the authorities of `endpoint` and no other.
    rooted: Option<SharedHttpClient>,
}

impl Sts {
    /// Reads what the base identity needs. Nothing is sent before the first call.
    pub(crate) async fn of(config: &BrokerConfig) -> Self {
        let rooted = config.authorities.as_ref().map(|authorities| {
            client_trusting(TrustStore::empty().with_pem_certificate(authorities.as_slice()))
        });
        Self {
            base: base(config).await,
            endpoint: config.endpoint.clone(),
            rooted,
        }
    }

    /// The one fixed address, if there is one.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// A client in the partition of `region`, to which it is `now`.
    pub(crate) fn client(&self, region: &str, now: Timestamp) -> aws_sdk_sts::Client {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let mut config = aws_sdk_sts::config::Builder::from(&self.base)
            .region(Region::new(region.to_owned()))
            .time_source(StaticTimeSource::from_secs(seconds));
        // Set also where there is none: it takes the place of what variables and profiles say.
        config.set_endpoint_url(self.endpoint.clone());
        if let Some(rooted) = &self.rooted {
            config = config.http_client(rooted.clone());
        }
        aws_sdk_sts::Client::from_conf(config.build())
    }

    /// The same client for whoever holds `minted`: a role from which another one is assumed.
    pub(crate) fn client_as(
        &self,
        region: &str,
        now: Timestamp,
        minted: &Minted,
    ) -> aws_sdk_sts::Client {
        let credentials = Credentials::new(
            minted.credentials.key_id().as_str(),
            minted.credentials.keys().secret().expose(),
            minted
                .credentials
                .token()
                .map(|token| token.expose().to_owned()),
            None,
            "minted",
        );
        let config = self
            .client(region, now)
            .config()
            .to_builder()
            .credentials_provider(credentials)
            // The shared cache keeps what it once had for as long as it lives.
            .identity_cache(IdentityCache::no_cache());
        aws_sdk_sts::Client::from_conf(config.build())
    }
}

async fn base(config: &BrokerConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.deadlines.connect)
        .operation_timeout(config.deadlines.answer)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client_trusting(TrustStore::default()))
        .region(region(&config.roles))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    if let BaseIdentity::Keys { id, secret } = &config.base {
        let keys = Credentials::new(id, secret.expose(), None, None, "configured");
        loader = loader.credentials_provider(keys);
    }
    let found = loader.load().await;
    let provider = found
        .credentials_provider()
        .map(|provider| SharedCredentialsProvider::new(NotOurOwn(provider)));
    let mut base = found.into_builder();
    base.set_credentials_provider(provider);
    base.build()
}

/// A client that trusts `roots`, and never goes through the proxy that the environment may name:
/// it might be Cordon itself.
#[expect(
    clippy::expect_used,
    reason = "roots are looked at when a client connects, and a context is nothing else"
)]
fn client_trusting(roots: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(roots).build();
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context.expect("a context of roots"))
        .build_https()
}

/// The region in which the base identity itself is had, where that takes a call; each session is
/// minted in the region of the call that it is for. The SDK's own chain would ask the instance
/// metadata while it starts, which where there is none takes seconds of every start.
fn region(roles: &Roles) -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(Region::from_static(roles.home_region()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use aws_sdk_sts::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
    use aws_sdk_sts::error::BoxError;
    use std::process::Command;
    use std::sync::{Arc, Mutex};

    /// Notes where a request is about to go, and stops it there.
    #[derive(Debug, Clone, Default)]
    struct Sight(Arc<Mutex<Option<String>>>);

    impl Intercept for Sight {
        fn name(&self) -> &'static str {
            "Sight"
        }

        fn read_before_transmit(
            &self,
            context: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            *self.0.lock().unwrap() = Some(context.request().uri().to_owned());
            Err("it was seen".into())
        }
    }

    /// Where a request to STS would go.
    async fn address(endpoint: Option<&str>) -> String {
        let identity = BaseIdentity::Keys {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: SecretKey::new("secret".to_owned()),
        };
        let config = BrokerConfig {
            base: identity,
            endpoint: endpoint.map(str::to_owned),
            ..BrokerConfig::default()
        };
        let now = "2026-11-25T09:00:00Z".parse().unwrap();
        let sight = Sight::default();
        Sts::of(&config)
            .await
            .client("eu-central-1", now)
            .assume_role()
            .role_arn("arn:aws:iam::111122223333:role/agent")
            .role_session_name("T-1")
            .customize()
            .interceptor(sight.clone())
            .send()
            .await
            .unwrap_err();
        sight.0.lock().unwrap().take().unwrap()
    }

    /// Runs itself again where an agent's variables, and a profile of another, are set.
    #[tokio::test]
    async fn only_the_configuration_says_where_sts_is() {
        const AGAIN: &str = "CORDON_BROKER_TEST_AGAIN";
        if std::env::var_os(AGAIN).is_some() {
            assert_eq!(
                address(None).await,
                "https://sts.eu-central-1.amazonaws.com/"
            );
            let configured = "http://127.0.0.1:5000/";
            assert_eq!(address(Some(configured)).await, configured);
            return;
        }
        let file = std::env::temp_dir().join(format!("{AGAIN}-{}", std::process::id()));
        let elsewhere = "http://127.0.0.1:8800";
        std::fs::write(
            &file,
            format!(
                "[default]\nendpoint_url = {elsewhere}\nservices = other\n\
                 [services other]\nsts =\n  endpoint_url = {elsewhere}\n"
            ),
        )
        .unwrap();
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args([
            "--exact",
            "base::tests::only_the_configuration_says_where_sts_is",
        ]);
        again.env(AGAIN, "1").env("AWS_CONFIG_FILE", &file);
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_STS",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
        ] {
            again.env(name, elsewhere);
        }
        let by_variables = again.output().unwrap();
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
            again.env_remove(name);
        }
        let by_profile = again.output().unwrap();
        std::fs::remove_file(&file).unwrap();
        for ran in [by_variables, by_profile] {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        }
    }
}
