//! The clouds that stand in for AWS, each behind a recorder and filled with the same things.
//!
//! moto is wide and believes everybody; `cordon-lab` knows fewer services and is strict. A story
//! that holds with both does not lean on the manners of either.

use std::net::SocketAddr;
use std::process::Command;

use crate::lab::FUNCTION_ROLE;
use crate::process::Background;
use crate::recorder::Recorder;
use crate::signer::{self, Call, Keys, target};
use crate::wire::{Exchange, Message};
use crate::{ACCOUNT, lab, tool};

/// The bucket of the stories.
pub const BUCKET: &str = "cordon-story-reports";
/// The table that the task may write.
pub const TABLE: &str = "orders";
/// The table that it may not.
pub const OTHER_TABLE: &str = "ledger";
/// The queue that the task may send to.
pub const QUEUE: &str = "jobs";
/// The function that the task may change.
pub const FUNCTION: &str = "ce-export";

/// Which cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// moto's server, in a process of its own.
    Moto,
    /// `cordon-lab`, in this process.
    Lab,
}

/// A cloud that runs, until its value is dropped.
#[derive(Debug)]
pub struct Cloud {
    address: SocketAddr,
    recorder: Recorder,
    base: Keys,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Moto(#[expect(dead_code, reason = "it ends the child when dropped")] Background),
    Lab(lab::Running),
}

impl Cloud {
    /// Starts a cloud and fills it.
    pub fn start(kind: Kind) -> Self {
        let (address, base, running) = match kind {
            Kind::Moto => {
                let (address, moto) = start_moto();
                let base = Keys {
                    id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                    secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
                    token: None,
                };
                (address, base, Running::Moto(moto))
            }
            Kind::Lab => {
                let lab = lab::Running::start();
                (lab.address(), lab::base_keys(), Running::Lab(lab))
            }
        };
        let cloud = Self {
            address,
            recorder: Recorder::start(address),
            base,
            running,
        };
        cloud.fill(kind);
        cloud
    }

    /// Its own address, past the recorder.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The recorder before it, which is where Cordon sends its calls.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The keys that Cordon starts from.
    #[must_use]
    pub fn base(&self) -> &Keys {
        &self.base
    }

    /// The lab with its own log, where this is one.
    ///
    /// # Panics
    /// Where it is not.
    #[must_use]
    pub fn lab(&self) -> &lab::Running {
        match &self.running {
            Running::Lab(lab) => lab,
            Running::Moto(_) => panic!("moto keeps no log"),
        }
    }

    /// The lab's own log says that it did every call it got; moto keeps none.
    pub fn check_log(&self) {
        if let Running::Lab(lab) = &self.running {
            lab.check_all_done();
        }
    }

    /// Every exchange with Cordon so far.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.recorder.exchanges()
    }

    /// Every request of Cordon's so far that is for an agent: all but those to STS.
    #[must_use]
    pub fn agent_calls(&self) -> Vec<Message> {
        let requests = self
            .exchanges()
            .into_iter()
            .map(|exchange| exchange.request);
        requests
            .filter(|request| !request.names("AssumeRole"))
            .collect()
    }

    /// The keys of a role of the account.
    #[must_use]
    pub fn keys_of(&self, role: &str) -> Keys {
        signer::assume(
            self.address,
            &self.base,
            &format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        )
    }

    /// Makes what the stories play with, by the cloud's own API.
    fn fill(&self, kind: Kind) {
        let admin = self.keys_of(lab::ADMIN_ROLE);
        let made = |call: Call<'_>| {
            let answer = call.send(self.address, &admin);
            assert!(
                answer.target.starts_with('2'),
                "{call:?}: {}",
                answer.text()
            );
        };
        for table in [TABLE, OTHER_TABLE] {
            let body = format!(
                r#"{{"TableName":"{table}","BillingMode":"PAY_PER_REQUEST",
                    "AttributeDefinitions":[{{"AttributeName":"id","AttributeType":"S"}}],
                    "KeySchema":[{{"AttributeName":"id","KeyType":"HASH"}}]}}"#
            );
            let headers = target("DynamoDB_20120810.CreateTable");
            made(Call::json("dynamodb", &headers, &body));
        }
        let bucket = format!("/{BUCKET}");
        let object = format!("/{BUCKET}/reports/old.txt");
        let location = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
            crate::REGION
        );
        let put = |path, body| Call {
            service: "s3",
            method: "PUT",
            path,
            headers: &[],
            body,
        };
        made(put(&bucket, location.as_bytes()));
        made(put(&object, b"last month"));
        made(Call::json(
            "sqs",
            &target("AmazonSQS.CreateQueue"),
            &format!(r#"{{"QueueName":"{QUEUE}"}}"#),
        ));
        if kind == Kind::Moto {
            let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
            let body = format!(
                "Action=CreateRole&Version=2010-05-08&RoleName={FUNCTION_ROLE}\
                 &AssumeRolePolicyDocument={trust}"
            );
            made(Call::query("iam", &body));
        }
        // The code is an empty archive.
        let function = format!(
            r#"{{"FunctionName":"{FUNCTION}","Runtime":"python3.12","Handler":"export.run",
                "Role":"arn:aws:iam::{ACCOUNT}:role/{FUNCTION_ROLE}","MemorySize":512,
                "Code":{{"ZipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}}}"#
        );
        made(Call {
            service: "lambda",
            method: "POST",
            path: "/2015-03-31/functions",
            headers: &[("content-type", "application/json")],
            body: function.as_bytes(),
        });
    }
}

/// Starts moto's server on a free port.
fn start_moto() -> (SocketAddr, Background) {
    let mut command = Command::new(tool("CORDON_TEST_PYTHON"));
    command.arg(crate::file("clients/moto_server.py"));
    command.args(["-H", "127.0.0.1", "-p", "0"]);
    let moto = Background::start("moto", command.env("PYTHONUNBUFFERED", "1"));
    let address = moto.wait_for("its address", |line| {
        let (_, address) = line.split_once("Running on http://")?;
        address.trim().parse().ok()
    });
    (address, moto)
}
