//! The estate of the demo.
//!
//! A billing team runs its cost explorer in China: a Beanstalk environment that customers use,
//! two functions, a table, a bucket, a queue and a secret. An agent is to mend a rounding fault.
//! The base key may do nothing but assume two roles, which is what Cordon is given.

use cordon_aws::arn::{AccountId, Partition, Region};
use jiff::Timestamp;
use serde_json::json;

use super::{Estate, RoleSeed, SeedError, UserSeed};
use crate::reply::Fault;

/// The access key of the story's base identity. AWS prints it as an example in its own guides,
/// so no scanner takes it for a secret.
pub const BASE_ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret.
pub const BASE_SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The role for changes.
pub const DEPLOY_ROLE: &str = "cordon-deploy";
/// The role for reads.
pub const READ_ROLE: &str = "cordon-read";

/// What the deployment role may do: all that the story's team could do before, which is more
/// than any one task needs. The difference is what a session policy must take away.
const DEPLOY_ACTIONS: [&str; 13] = [
    "cloudformation:*",
    "dynamodb:*",
    "ec2:*",
    "elasticbeanstalk:*",
    "lambda:*",
    "logs:*",
    "rds:*",
    "s3:*",
    "s3express:*",
    "secretsmanager:*",
    "sqs:*",
    "tag:GetResources",
    "iam:PassRole",
];

const READ_ACTIONS: [&str; 20] = [
    "cloudformation:Describe*",
    "cloudformation:Get*",
    "cloudformation:List*",
    "dynamodb:Describe*",
    "dynamodb:List*",
    "ec2:Describe*",
    "elasticbeanstalk:Describe*",
    "iam:Get*",
    "iam:List*",
    "lambda:Get*",
    "lambda:List*",
    "logs:Describe*",
    "rds:Describe*",
    "s3:Get*Configuration",
    "s3:GetBucket*",
    "s3:List*",
    "secretsmanager:DescribeSecret",
    "sqs:Get*",
    "sqs:List*",
    "tag:GetResources",
];

impl Estate {
    /// The story's estate in a partition, region and account of choice.
    ///
    /// # Errors
    ///
    /// Never for the constants here; the error tells a seed that no longer fits the grammar.
    pub fn seed_story(
        partition: &Partition,
        region: &Region,
        account: &AccountId,
    ) -> Result<Self, SeedError> {
        let role_arn = |name: &str| format!("arn:{partition}:iam::{account}:role/{name}");
        let allow = |actions: &[&str], resources: &[String]| {
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]})
                .to_string()
        };
        let trust = Self::trust_of_account(partition, account);
        let for_lambda = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        })
        .to_string();
        let everything = ["*".to_owned()];
        let assume = allow(
            &["sts:AssumeRole", "sts:SetSourceIdentity"],
            &[role_arn(DEPLOY_ROLE), role_arn(READ_ROLE)],
        );
        let mut estate = Self::empty(partition, region, account)
            .with_user(&UserSeed {
                name: "cordon",
                access_key_id: BASE_ACCESS_KEY_ID,
                secret_access_key: BASE_SECRET_ACCESS_KEY,
                policies: &[&assume],
            })?
            .with_role(&RoleSeed {
                name: DEPLOY_ROLE,
                trust: &trust,
                policies: &[&allow(&DEPLOY_ACTIONS, &everything)],
                max_session_seconds: 3_600,
            })?
            .with_role(&RoleSeed {
                name: READ_ROLE,
                trust: &trust,
                policies: &[&allow(&READ_ACTIONS, &everything)],
                max_session_seconds: 3_600,
            })?
            .with_role(&RoleSeed {
                name: "cost-explorer-function",
                trust: &for_lambda,
                policies: &[],
                max_session_seconds: 3_600,
            })?;
        let furnished = estate.furnish();
        debug_assert!(
            furnished.is_ok(),
            "an empty estate takes every seed: {furnished:?}"
        );
        Ok(estate)
    }

    /// Puts the story's resources into an estate that has none.
    fn furnish(&mut self) -> Result<(), Fault> {
        let now = Timestamp::UNIX_EPOCH;
        let (account, region) = (self.account.clone(), self.region.clone());
        let function_role = format!(
            "arn:{}:iam::{account}:role/cost-explorer-function",
            self.partition
        );
        let options = [
            (
                "aws:elasticbeanstalk:application:environment",
                "ROUNDING",
                "half-even",
            ),
            ("aws:autoscaling:asg", "MinSize", "2"),
            ("aws:autoscaling:asg", "MaxSize", "4"),
        ]
        .into_iter()
        .map(|(namespace, name, value)| ((namespace.to_owned(), name.to_owned()), value.to_owned()))
        .collect();

        let bucket = format!("cost-explorer-exports-{account}");
        self.s3.create(&bucket, &account, &region, now)?;
        self.s3.seed(
            &bucket,
            "2026/06/summary.csv",
            b"service,amount\nec2,1204.50\ns3,88.10\n",
            now,
        );
        self.s3.seed(
            &bucket,
            "2026/07/summary.csv",
            b"service,amount\nec2,1310.25\ns3,91.75\n",
            now,
        );

        let place = self.place(&account, &region);
        place
            .beanstalk
            .create_application("cost-explorer", "What each team spends", now)?;
        place
            .beanstalk
            .create_environment("cost-explorer", "ce-web-prod", options, now)?;
        let table = json!({
            "AttributeDefinitions": [{"AttributeName": "team", "AttributeType": "S"}, {"AttributeName": "month", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}, {"AttributeName": "month", "KeyType": "RANGE"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        place.dynamodb.create("cost-explorer-costs", &table, now)?;
        for (month, amount) in [("2026-06", "1292.60"), ("2026-07", "1402.00")] {
            let item =
                json!({"team": {"S": "billing"}, "month": {"S": month}, "amount": {"N": amount}});
            place.dynamodb.put("cost-explorer-costs", &item)?;
        }
        place
            .sqs
            .create("cost-explorer-exports", &Default::default(), now)?;
        place.secrets.create(
            "cost-explorer/database",
            "{\"password\":\"an example, not a secret\"}",
            now,
        );
        for (name, handler) in [
            ("cost-explorer-api", "api.handler"),
            ("cost-explorer-export", "export.handler"),
        ] {
            let settings = json!({
                "Runtime": "nodejs22.x",
                "Handler": handler,
                "Role": function_role,
                "Timeout": 30,
                "MemorySize": 256,
            });
            let code = format!("code of {name}");
            place.lambda.create(
                name,
                &settings,
                code.as_bytes(),
                "2026-06-01T00:00:00.000+0000".to_owned(),
            )?;
        }
        Ok(())
    }
}
