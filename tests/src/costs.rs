//! The seed story: an environment that has a fault, and an agent that is to mend it. Told by every
//! client with the same steps, on the lab.

use crate::ACCOUNT;
use crate::client::{Client, Step};
use crate::cloud::{Cloud, Kind};
use crate::lab::ADMIN_ROLE;
use crate::program::{Cordon, Way, task};
use crate::signer::Call;
use crate::story::reference;
use serde_json::{Value, json};

/// The version of its API that Elastic Beanstalk is called with.
pub const VERSION: &str = "Version=2010-12-01";

/// An application with the environment `costs-web`, and Cordon before it.
#[derive(Debug)]
pub struct Costs {
    /// The lab that it is in.
    pub cloud: Cloud,
    /// Who serves its agents.
    pub cordon: Cordon,
}

impl Costs {
    /// Opens it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn open() -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let costs = Self { cloud, cordon };
        costs.admin("CreateApplication&ApplicationName=costs");
        costs.admin("CreateEnvironment&ApplicationName=costs&EnvironmentName=costs-web");
        costs
    }

    /// What whoever runs the cloud does, past Cordon.
    ///
    /// # Panics
    /// When it cannot be done.
    pub fn admin(&self, form: &str) -> String {
        let keys = self.cloud.keys_of(ADMIN_ROLE);
        let body = format!("{VERSION}&Action={form}");
        let call = Call::query("elasticbeanstalk", &body);
        let answer = call.send(self.cloud.address(), &keys);
        assert_eq!(answer.target, "200", "{form}: {}", answer.text());
        answer.text()
    }

    /// The id of an environment that is there.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn id_of(&self, name: &str) -> String {
        let told = self.admin(&format!(
            "DescribeEnvironments&EnvironmentNames.member.1={name}"
        ));
        let (_, rest) = told.split_once("<EnvironmentId>").expect("an environment");
        rest.split('<').next().unwrap_or_default().to_owned()
    }

    /// How often the call reached the cloud for an agent.
    #[must_use]
    pub fn reached(&self, operation: &str) -> usize {
        let calls = self.cloud.agent_calls();
        calls.iter().filter(|call| call.names(operation)).count()
    }
}

/// Plays it with one client.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn the_seed_story(client: Client, way: Way) {
    let costs = Costs::open();
    let environment = costs.cordon.env(&task("environments"), way);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let call = |operation: &'static str, parameters: Value| {
        let step = Step {
            service: "elasticbeanstalk",
            operation,
            parameters,
        };
        let outcomes = client.run(&[step], &environment, folder.path());
        outcomes.into_iter().next().expect("an outcome")
    };

    // The fault is in one variable. The agent finds that starting anew is simpler.
    let existing = costs.id_of("costs-web");
    for named in [
        json!({"EnvironmentName": "costs-web"}),
        json!({"EnvironmentId": existing}),
    ] {
        let refused = call("TerminateEnvironment", named);
        assert!(!refused.ok, "{}", refused.text);
        assert!(
            refused.text.contains("destroy-needs-named-target"),
            "{}",
            refused.text
        );
        let reference = reference(&refused.text).expect("a reference");
        let why = costs.cordon.run(&["why", &reference]).text();
        let arn = format!("{ACCOUNT}:environment/costs/costs-web");
        assert!(why.contains(&arn), "the record names it: {why}");
    }
    assert_eq!(costs.reached("TerminateEnvironment"), 0);

    // Mending it where it is passes.
    let option = json!({"Namespace": "aws:elasticbeanstalk:application:environment",
        "OptionName": "ROUND_UP", "Value": "no"});
    let mended = json!({"EnvironmentName": "costs-web", "OptionSettings": [option]});
    let mended = call("UpdateEnvironment", mended);
    assert!(mended.ok, "{}", mended.text);

    // What it makes itself it may end and make again, by name and by id.
    let trial = json!({"ApplicationName": "costs", "EnvironmentName": "costs-trial"});
    for by_id in [false, true] {
        let made = call("CreateEnvironment", trial.clone());
        assert!(made.ok, "{}", made.text);
        let named = match by_id {
            false => json!({"EnvironmentName": "costs-trial"}),
            true => json!({"EnvironmentId": costs.id_of("costs-trial")}),
        };
        let ended = call("TerminateEnvironment", named);
        assert!(ended.ok, "{}\n{}", ended.text, costs.cordon.log());
    }
    assert_eq!(costs.reached("TerminateEnvironment"), 2);
    assert_eq!(
        costs.id_of("costs-web"),
        existing,
        "it is the one of before"
    );
    costs.cloud.check_log();
    costs.cordon.stop();
}
