//! The line: one request from its head to its answer, one call per stage.
//!
//! ```text
//! read ─► authenticate ─► identify ─► gather (look) ─► assess ─► decide ─► record ─► mint ─► sign
//!      ─► forward ─► close (the outcome is recorded)
//! ```
//! A call for virtual credentials turns off after record: [`lend`] answers it.
//! Each stage takes what only the one before it makes, so none can be left out. What stops a
//! request is recorded and told in one place, [`stop`], and answered by [`crate::rescue`]. From
//! gathering to recording a call goes in [`hold`], because one that people must decide about goes
//! that way again.
//! Nothing on the line looks at whether the client is still there: once a call was forwarded, its
//! outcome is recorded.

mod ahead;
mod depart;
mod eyes;
mod hold;
mod lend;
mod look;
mod omission;
mod outcome;
mod patience;
mod pause;
mod predict;
mod record;
mod stop;
mod tags;
mod witness;

use crate::forward::{Answered, Caller};
use crate::http1::{Connection, Reply, ReplyBody};
use crate::line::Line;
use crate::payload;
use crate::replay::Signature;
use crate::rescue;
use cordon_aws::error_shape::{ErrorShape, shape_of};
use cordon_core::authenticate::{Received, authenticate};
use cordon_core::identify::identify;
use hold::{Passage, Passed};
use http::{Method, StatusCode};
use std::time::Instant;
use stop::Stopped;

pub(crate) use stop::stray;

/// Carries one request down the line and gives its answer.
pub(crate) async fn run(line: &Line, client: &mut Connection, received: Received) -> Reply {
    let method = received.request.method.clone();
    line.meter.in_flight.increment(1);
    let carried = carry(line, client, received).await;
    line.meter.in_flight.decrement(1);
    match carried {
        Ok(Carried::Answered(answered)) => reply(answered, &method).await,
        Ok(Carried::Lent(reply)) => reply.for_method(&method),
        Err(stopped) => rescue::answer(&stopped.refusal, stopped.shape, &stopped.reference),
    }
}

/// What became of a request that was not stopped.
enum Carried {
    /// AWS answered.
    Answered(Answered),
    /// Cordon answered, with credentials of its own.
    Lent(Reply),
}

/// The line itself.
async fn carry(
    line: &Line,
    client: &mut Connection,
    mut received: Received,
) -> Result<Carried, Stopped> {
    let began = Instant::now();
    let snapshot = line.live.snapshot();
    let now = line.clock.now();

    let held = match payload::read(line, client, &received.request, &snapshot.sessions).await {
        Ok(held) => held,
        Err(fault) => return Err(stop::unread(line, &received, &fault).await),
    };
    received.request.body = held.body.clone();

    let authenticated = match authenticate(received, &snapshot.sessions, now) {
        Ok(authenticated) => authenticated,
        Err((received, error)) => return Err(stop::nobody(line, &received, &error).await),
    };
    let verified = authenticated.verified();
    let signature = Signature::of(verified);
    let agent = patience::agent(&authenticated.request().headers);
    let guessed = shape_of(authenticated.request(), Some(&verified.scope().service));

    let identified = match identify(authenticated, line.catalog) {
        Ok(identified) => identified,
        Err(unidentified) => return Err(stop::unidentified(line, &unidentified, guessed).await),
    };
    let shape = ErrorShape {
        protocol: identified.call().protocol(),
        ..guessed
    };

    let passage = Passage::new(line, client, &signature, shape, began, agent);
    let Passed {
        permit,
        recorded,
        decided,
    } = passage.pass(identified, snapshot).await?;
    let departure = depart::Departure::of(line, &permit, shape, decided);
    if permit.loan().is_some() {
        let lent = Box::pin(lend::lend(line, &permit, &departure)).await;
        return lend::close(line, recorded, &departure, lent)
            .await
            .map(Carried::Lent);
    }
    let outcome = depart::depart(line, Caller::Agent(client), permit, &recorded, &departure).await;
    depart::close(line, recorded, departure, outcome)
        .await
        .map(Carried::Answered)
}

/// What the agent gets of an answer.
async fn reply(answered: Answered, method: &Method) -> Reply {
    let Answered {
        status,
        headers,
        body,
        ..
    } = answered;
    // A body without bytes has no last piece that could wait until the outcome is kept.
    let bodiless = *method == Method::HEAD
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || body.length() == Some(0);
    let body = match bodiless {
        false => ReplyBody::Streamed(body),
        true => {
            body.discard().await;
            ReplyBody::Absent {
                told: told_length(&headers),
            }
        }
    };
    Reply {
        status,
        headers,
        body,
    }
}

/// The length that an answer without a body tells of the one it stands for.
fn told_length(headers: &http::HeaderMap) -> Option<u64> {
    headers
        .get(http::header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
