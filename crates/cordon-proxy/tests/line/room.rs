//! A disk without room: what cannot be recorded does not leave, and what left is not forgotten.

use crate::stage::Stage;
use crate::upstream::{Act, Manner, answer};
use tokio::sync::watch;

#[tokio::test]
async fn nothing_leaves_that_cannot_be_recorded_until_there_is_room_again() {
    let stage = Stage::new().await;
    stage.next_good_call_works().await;
    let before = stage.upstream.seen().len();

    stage.store.is_full(true);
    for call in [stage.agent.put_item("full"), stage.agent.get_item()] {
        let refused = stage.agent.send(&call).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert!(
            refused.text().contains("CordonNotRecorded"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(stage.upstream.seen().len(), before, "nothing was sent");

    stage.store.is_full(false);
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn a_change_whose_outcome_cannot_be_recorded_is_answered_and_stays_open() {
    let stage = Stage::new().await;
    let (switch, on) = watch::channel(false);
    let slow = [Act::Until(on), Act::Say(answer(200, "", "{}"))];
    stage.upstream.behave(Manner::acts(slow));
    let change = stage.agent.put_item("1");
    let sending = stage.agent.send(&change);
    let filling = async {
        stage.upstream.has_seen(1).await;
        stage.store.is_full(true);
        switch.send_replace(true);
    };
    let (answered, ()) = tokio::join!(sending, filling);
    assert_eq!(
        answered.status,
        200,
        "AWS made the change: {}",
        answered.text()
    );

    stage.store.is_full(false);
    stage.next_good_call_works().await;
    let calls = stage.store.tail_all().await;
    let open: Vec<_> = calls.iter().filter(|call| call.closed.is_none()).collect();
    assert_eq!(open.len(), 1, "it is visible that its outcome is missing");
}
