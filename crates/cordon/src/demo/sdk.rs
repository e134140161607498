//! The agent's tool where no AWS CLI is installed: one act over the AWS SDK for Rust, in a process
//! of its own (`cordon demo-agent ACT`).
//!
//! Takes an act and, from its environment, what `cordon run` gives to any agent: placeholder keys,
//! region, proxy, CA bundle. Gives what the AWS CLI prints for the same call. It signs by itself,
//! reaches Cordon by CONNECT and TLS, trusts the CA bundle and nothing else, and tries once.

use super::act::{Act, INVOKE, STATEMENT, VARIABLES};
use crate::failure::Failure;
use crate::output;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::SdkConfig;
use std::process::ExitCode;

/// What the AWS CLI exits with where the service refused.
const REFUSED: u8 = 254;

/// Does an act, and prints what came of it.
///
/// # Errors
/// When the environment is not that of an agent, and when the call got no answer.
pub(crate) async fn perform(act: &Act) -> Result<ExitCode, Failure> {
    let config = config()?;
    match call(&config, act).await {
        Ok(rows) => {
            for row in rows {
                output::line(format_args!("{}", row.join("\t")));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Trouble::Refused { code, message }) => {
            output::error_line(format_args!(
                "\nAn error occurred ({code}) when calling the {} operation: {message}",
                act.operation()
            ));
            Ok(ExitCode::from(REFUSED))
        }
        Err(Trouble::Unanswered(why)) => Err(Failure::new(format!(
            "{} got no answer: {why}",
            act.operation()
        ))),
    }
}

/// What the SDK is told: all of it from the environment of an agent.
fn config() -> Result<SdkConfig, Failure> {
    let key_id = variable("AWS_ACCESS_KEY_ID")?;
    // These acts are for the demo's cloud. Somebody's own keys must not carry them anywhere.
    if !cordon_core::session::is_placeholder(&key_id) {
        return Err(not_an_agent("AWS_ACCESS_KEY_ID is no placeholder key"));
    }
    let proxy = variable("HTTPS_PROXY")?;
    let proxy = ProxyConfig::https(&proxy)
        .map_err(|error| Failure::because("HTTPS_PROXY is not the address of a proxy", &error))?;
    let keys = Credentials::new(
        key_id,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    );
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(http_client(proxy)?)
        .retry_config(RetryConfig::disabled())
        .build())
}

/// A client that goes through `proxy` and trusts what `AWS_CA_BUNDLE` holds.
fn http_client(proxy: ProxyConfig) -> Result<SharedHttpClient, Failure> {
    let bundle = variable("AWS_CA_BUNDLE")?;
    let certificates = std::fs::read(&bundle)
        .map_err(|error| Failure::because(format!("`{bundle}` could not be read"), &error))?;
    let trusted = TrustStore::empty().with_pem_certificate(certificates);
    let context = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .map_err(|error| Failure::because(format!("`{bundle}` cannot be used"), &error))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .build()
    }))
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| not_an_agent(&format!("{name} is not set")))
}

fn not_an_agent(why: &str) -> Failure {
    Failure::new(format!("this is not the environment of an agent: {why}"))
        .help("`cordon demo` starts this by itself")
}

/// A call that did not do what it was to do.
#[derive(Debug)]
enum Trouble {
    /// It was answered with an error.
    Refused { code: String, message: String },
    /// It was not answered.
    Unanswered(String),
}

impl<E> From<SdkError<E>> for Trouble
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        match (error.code(), error.message()) {
            (Some(code), message) => Self::Refused {
                code: code.to_owned(),
                message: message.unwrap_or_default().to_owned(),
            },
            (None, _) => Self::Unanswered(output::chain(&error)),
        }
    }
}

/// Makes the call of an act; gives the fields that its answer is shown by, as `--query` selects
/// them.
async fn call(config: &SdkConfig, act: &Act) -> Result<Vec<Vec<String>>, Trouble> {
    let beanstalk = aws_sdk_elasticbeanstalk::Client::new(config);
    let lambda = aws_sdk_lambda::Client::new(config);
    Ok(match act {
        Act::DescribeEnvironments => {
            let answer = beanstalk.describe_environments().send().await?;
            let row = |known: &aws_sdk_elasticbeanstalk::types::EnvironmentDescription| {
                vec![
                    field(known.environment_name()),
                    field(known.status().map(|status| status.as_str())),
                    field(known.health().map(|health| health.as_str())),
                ]
            };
            answer.environments().iter().map(row).collect()
        }
        Act::GetFunctionConfiguration { function } => {
            let call = lambda.get_function_configuration().function_name(function);
            let answer = call.send().await?;
            vec![vec![
                field(answer.function_name()),
                field(answer.runtime().map(|runtime| runtime.as_str())),
                field(answer.memory_size()),
            ]]
        }
        Act::UpdateEnvironment {
            environment,
            variable,
            value,
        } => {
            let setting = ConfigurationOptionSetting::builder()
                .namespace(VARIABLES)
                .option_name(variable)
                .value(value)
                .build();
            let call = beanstalk
                .update_environment()
                .environment_name(environment)
                .option_settings(setting);
            let answer = call.send().await?;
            vec![vec![
                field(answer.environment_name()),
                field(answer.status().map(|status| status.as_str())),
            ]]
        }
        Act::RebuildEnvironment { environment } => {
            let call = beanstalk.rebuild_environment();
            call.environment_name(environment).send().await?;
            Vec::new()
        }
        Act::TerminateEnvironment { environment } => {
            let call = beanstalk.terminate_environment();
            call.environment_name(environment).send().await?;
            Vec::new()
        }
        Act::AddPermission {
            function,
            principal,
        } => {
            let call = lambda
                .add_permission()
                .function_name(function)
                .statement_id(STATEMENT)
                .action(INVOKE)
                .principal(principal);
            call.send().await?;
            Vec::new()
        }
    })
}

/// A field of an answer, as the CLI prints it as text.
fn field(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}
