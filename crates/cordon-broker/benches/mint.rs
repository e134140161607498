//! What minting adds to a call whose session is kept already: at most a few microseconds.
//! `cargo bench -p cordon-broker --bench mint`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark stops at once"
)]

#[path = "../tests/mint/desk.rs"]
mod desk;

use cordon_aws::arn::{AccountId, Partition, Region};
use cordon_aws::sigv4::SecretKey;
use cordon_broker::{BaseIdentity, Broker, BrokerConfig, Role, Roles};
use cordon_core::session_policy::SessionPolicy;
use cordon_lab::{BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, DEPLOY_ROLE, Estate, Lab, LabConfig};
use desk::{ACCOUNT, Desk, REGION};
use divan::{Bencher, black_box};
use jiff::Timestamp;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const CALLS: [&str; 2] = ["PutItem", "DescribeTable"];

/// A change and a read of a task, each with its session in the cache.
#[divan::bench(args = CALLS)]
fn mint_from_cache(bencher: Bencher<'_, '_>, operation: &str) {
    let runtime = Runtime::new().unwrap();
    let lab = runtime
        .block_on(Lab::start(LabConfig::new(estate())))
        .unwrap();
    let broker = runtime.block_on(Broker::new(config(&lab)));
    let now = Timestamp::now();
    let desk = Desk::new();
    let session = desk.session("T-1", now);
    let permit = desk.permit(&session, operation, "orders", now);
    let mint = || {
        let minted = runtime.block_on(broker.mint(black_box(&permit), now, || true));
        minted.unwrap().expires
    };
    mint();
    bencher.bench_local(mint);
    assert_eq!(lab.log().len(), 1, "everything else came from the cache");
}

/// The part of it that writes the session policy.
#[divan::bench(args = CALLS)]
fn session_policy(bencher: Bencher<'_, '_>, operation: &str) {
    let now = Timestamp::now();
    let desk = Desk::new();
    let session = desk.session("T-1", now);
    let permit = desk.permit(&session, operation, "orders", now);
    bencher.bench_local(|| SessionPolicy::of(black_box(&permit)).unwrap());
}

fn estate() -> Estate {
    let region: Region = REGION.parse().unwrap();
    let account: AccountId = ACCOUNT.parse().unwrap();
    Estate::seed_story(&Partition::of_region(&region), &region, &account).unwrap()
}

fn config(lab: &Lab) -> BrokerConfig {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{DEPLOY_ROLE}");
    BrokerConfig {
        roles: Roles::new([Role {
            account: ACCOUNT.parse().unwrap(),
            environment: None,
            arn: arn.parse().unwrap(),
        }]),
        base: BaseIdentity::Keys {
            id: BASE_ACCESS_KEY_ID.to_owned(),
            secret: SecretKey::new(BASE_SECRET_ACCESS_KEY.to_owned()),
        },
        endpoint: Some(lab.endpoint()),
        ..BrokerConfig::default()
    }
}
