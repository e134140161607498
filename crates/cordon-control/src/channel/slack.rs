//! Slack's incoming webhooks: one text. What agents chose stands in it as text: no mention, no link,
//! no formatting comes out of it, and nothing in it decides.

use super::{Kind, Letter, Notice};
use http::{HeaderName, HeaderValue};
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    word: "slack",
    signed: false,
    write,
    head,
};

fn head(_: &Letter<'_>) -> Vec<(HeaderName, HeaderValue)> {
    Vec::new()
}

fn write(notice: &Notice) -> Vec<u8> {
    let hold = &notice.hold;
    let first = match hold.state.as_str() {
        "waiting" => format!("{} waits for {}: {}", hold.id, hold.waits_for, hold.effect),
        state => format!("{} is {state}: {}", hold.id, hold.effect),
    };
    let text = format!(
        "{first}\n{} in {} of {}, task {} of {}, agent {}\nlook at it: {} or `cordon holds show {}`",
        hold.operation,
        hold.region,
        hold.account,
        hold.task,
        hold.sponsor,
        hold.agent,
        notice.console,
        hold.id,
    );
    let body = json!({
        "text": escaped(&text),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    body.to_string().into_bytes()
}

/// Slack reads `<...>` as links and mentions, and `&` as the beginning of an escape.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_agent_chose_is_more_than_text() {
        assert_eq!(
            escaped("<!channel> <https://evil.example.com|approve> &lt;"),
            "&lt;!channel&gt; &lt;https://evil.example.com|approve&gt; &amp;lt;"
        );
    }
}
