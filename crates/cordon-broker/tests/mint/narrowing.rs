//! What is too large for STS is narrowed to the call, and never widened.

use crate::{Stage, live, parameter};
use cordon_broker::MintError;

#[tokio::test]
async fn a_read_whose_shared_policy_is_too_large_gets_its_own() {
    let stage = Stage::cramped(200).await;
    let first = stage.mint("DescribeTable", "orders").await;
    let asked = stage.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].refusal(), Some("PackedPolicyTooLarge"));
    assert!(asked[1].is_done(), "{:?}", asked[1].verdict);
    let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"arn:aws:dynamodb:eu-central-1:111122223333:table/orders"}}"#;
    assert_eq!(parameter(&asked[1], "Policy").as_deref(), Some(own));

    // What did not fit is remembered: another read asks for its own alone.
    assert_eq!(stage.mint("DescribeTable", "orders").await, first);
    assert_ne!(stage.mint("DescribeTable", "returns").await, first);
    let asked = stage.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(
        parameter(&asked[2], "Policy"),
        Some(own.replace("orders", "returns"))
    );

    // For a while, because what else takes up the room may change.
    stage.turn(900);
    stage.mint("DescribeTable", "orders").await;
    assert_eq!(stage.asked()[3].refusal(), Some("PackedPolicyTooLarge"));
}

#[tokio::test]
async fn a_call_that_is_too_large_by_itself_is_refused_in_words() {
    let stage = Stage::cramped(100).await;
    for (operation, asked) in [("PutItem", 1), ("DescribeTable", 3)] {
        let permit = stage.permit(operation, "orders");
        let error = stage.broker.mint(&permit, stage.now(), live).await;
        let Err(MintError::TooLarge(said)) = error else {
            panic!("{error:?}");
        };
        assert!(said.starts_with("Packed policy consumes "), "{said}");
        assert_eq!(stage.asked().len(), asked, "{operation}");
    }
    let refused = |entry: &cordon_lab::Entry| entry.refusal() == Some("PackedPolicyTooLarge");
    assert!(stage.asked().iter().all(refused));
}
