//! One signature makes one change.

use crate::stage::Stage;
use jiff::Timestamp;

#[tokio::test]
async fn a_signed_change_is_made_once_and_its_second_coming_asks_for_another_signature() {
    let stage = Stage::new().await;
    let second = Timestamp::now().as_second();
    let change = stage.agent.put_item("1");
    assert_eq!(stage.agent.send(&change).await.status, 200);

    let again = stage.agent.send(&change).await;
    assert_eq!(again.status, 400, "{}", again.text());
    assert!(
        again.text().contains("ThrottlingException"),
        "{}",
        again.text()
    );
    assert!(
        again.text().contains("one signature makes one change"),
        "{}",
        again.text()
    );
    assert_eq!(stage.upstream.seen().len(), 1, "it was not sent again");

    // The answer came when the second of the signature was over, so what an SDK does with it, to
    // sign anew, makes another signature.
    assert!(Timestamp::now().as_second() > second, "{second}");
    let signed_anew = stage.agent.put_item("1");
    assert_eq!(stage.agent.send(&signed_anew).await.status, 200);
    assert_eq!(stage.upstream.seen().len(), 2);
}

#[tokio::test]
async fn two_that_come_at_once_with_one_signature_make_one_change() {
    let stage = Stage::new().await;
    let change = stage.agent.put_item("1");
    let (one, other) = tokio::join!(stage.agent.send(&change), stage.agent.send(&change));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(stage.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_read_may_be_sent_again() {
    let stage = Stage::new().await;
    let read = stage.agent.get_item();
    for _ in 0..3 {
        assert_eq!(stage.agent.send(&read).await.status, 200);
    }
    assert_eq!(stage.upstream.seen().len(), 3);
}
