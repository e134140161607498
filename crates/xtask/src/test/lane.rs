//! The lanes: which tests each runs and which tools it drives.

use clap::ValueEnum;

use super::tool::Tool;

/// A set of tests that stands or falls with its tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Lane {
    /// The tests inside of the crates
    Unit,
    /// The whole program, with what needs no client from outside
    Stories,
    /// The lab, held to what moto answers where both know a call
    Contract,
    /// Every operation of every service, as botocore writes it, identified
    Corpus,
    /// The whole program, driven by AWS CLI version 1
    AwsCliV1,
    /// The whole program, driven by AWS CLI version 2
    AwsCliV2,
    /// The whole program, driven by boto3
    Boto3,
    /// The whole program, driven by the AWS SDK for JavaScript
    Javascript,
    /// People who sign in by a provider of identities, npm's `oidc-provider`
    Oidc,
    /// People who hear by mail what waits, through aiosmtpd
    Mail,
    /// People who sign in by a passkey, in Chromium
    Browser,
    /// The whole program, driven by Terraform with the AWS provider
    Terraform,
    /// The whole program, driven by the CLI of CDK
    Cdk,
    /// Every fuzz target, fed for a minute
    Fuzz,
    /// Licences, sources and bans of the dependencies
    Deny,
}

/// The lanes that were asked for, in their own order and each once; all where none was.
pub(super) fn chosen(asked: &[Lane]) -> Vec<Lane> {
    let all = Lane::value_variants().iter().copied();
    all.filter(|lane| asked.is_empty() || asked.contains(lane))
        .collect()
}

impl Lane {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Stories => "stories",
            Self::Contract => "contract",
            Self::Corpus => "corpus",
            Self::AwsCliV1 => "aws-cli-v1",
            Self::AwsCliV2 => "aws-cli-v2",
            Self::Boto3 => "boto3",
            Self::Javascript => "javascript",
            Self::Oidc => "oidc",
            Self::Mail => "mail",
            Self::Browser => "browser",
            Self::Terraform => "terraform",
            Self::Cdk => "cdk",
            Self::Fuzz => "fuzz",
            Self::Deny => "deny",
        }
    }

    /// What the table calls the client: the name of a part of the lane's client tool.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Unit | Self::Stories => "Rust",
            Self::Contract => "moto",
            Self::Corpus => "botocore",
            Self::AwsCliV1 => "AWS CLI v1",
            Self::AwsCliV2 => "AWS CLI v2",
            Self::Boto3 => "boto3",
            Self::Javascript => "AWS SDK for JS v3",
            Self::Oidc => "oidc-provider",
            Self::Mail => "aiosmtpd",
            Self::Browser => "Chromium",
            Self::Terraform => "Terraform",
            Self::Cdk => "CDK CLI",
            Self::Fuzz => "cargo-fuzz",
            Self::Deny => "cargo-deny",
        }
    }

    /// The tool that holds the client, where it is one from outside.
    pub(super) fn client(self) -> Option<Tool> {
        self.needs().first().copied()
    }

    /// Every tool without which the lane's tests cannot run, the client first. The stories of
    /// the clients need Python too, since moto is one of their two clouds.
    pub(super) fn needs(self) -> &'static [Tool] {
        match self {
            Self::Unit | Self::Stories => &[],
            Self::Contract | Self::Corpus | Self::AwsCliV1 | Self::Boto3 | Self::Mail => {
                &[Tool::Python]
            }
            Self::AwsCliV2 => &[Tool::AwsCliV2, Tool::Python],
            Self::Javascript | Self::Cdk => &[Tool::Node, Tool::Python],
            Self::Oidc => &[Tool::Node],
            Self::Browser => &[Tool::Browser, Tool::Node],
            Self::Terraform => &[Tool::Terraform, Tool::Python],
            Self::Fuzz => &[Tool::CargoFuzz],
            Self::Deny => &[Tool::CargoDeny],
        }
    }

    /// Whether the lane's tests start `cordon`.
    pub(super) fn runs_the_program(self) -> bool {
        !matches!(self, Self::Unit | Self::Contract | Self::Fuzz | Self::Deny)
    }

    /// The one test program of a client's lane, named as its file in `tests/tests/`.
    pub(super) fn test_program(self) -> Option<&'static str> {
        match self {
            Self::Unit | Self::Stories | Self::Fuzz | Self::Deny => None,
            Self::Contract => Some("contract"),
            Self::Corpus => Some("corpus"),
            Self::AwsCliV1 => Some("aws_cli_v1"),
            Self::AwsCliV2 => Some("aws_cli_v2"),
            Self::Boto3 => Some("boto3"),
            Self::Javascript => Some("javascript"),
            Self::Oidc => Some("oidc"),
            Self::Mail => Some("mail"),
            Self::Browser => Some("passkeys"),
            Self::Terraform => Some("terraform"),
            Self::Cdk => Some("cdk"),
        }
    }
}

/// Whether a test program belongs to the lane of some client.
pub(super) fn is_of_a_client(program: &str) -> bool {
    Lane::value_variants()
        .iter()
        .any(|lane| lane.test_program() == Some(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_run_in_their_own_order_and_once() {
        let asked = [Lane::Terraform, Lane::Unit, Lane::Terraform];
        assert_eq!(chosen(&asked), [Lane::Unit, Lane::Terraform]);
        assert_eq!(chosen(&[]).len(), Lane::value_variants().len());
    }

    #[test]
    fn a_client_and_its_test_program_come_together() {
        for lane in Lane::value_variants() {
            let own_program = matches!(lane, Lane::Fuzz | Lane::Deny);
            let from_outside = lane.client().is_some() && !own_program;
            assert_eq!(
                lane.test_program().is_some(),
                from_outside,
                "{}",
                lane.name()
            );
        }
    }
}
