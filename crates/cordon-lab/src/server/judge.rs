//! One request, from its bytes to its answer and its entry in the log.
//!
//! 1. read the head;
//! 2. find whose key it claims;
//! 3. receive the body, taking its chunks apart with that key;
//! 4. hold signature and body to what they say;
//! 5. name the operation;
//! 6. perform it, which asks the policies first;
//! 7. write the log.
//!
//! Steps 4 to 7 hold the lock.

use std::cell::RefCell;

use hyper::body::Incoming;
use jiff::Timestamp;
use uuid::Uuid;

use super::{State, World};
use crate::host;
use crate::identity::{Credential, Principal};
use crate::intake::{self, Body, Plan};
use crate::log::{Entry, Signer, Verdict};
use crate::reply::{Answer, Fault, Frame, Protocol, Rendered, render, render_fault};
use crate::request::Head;
use crate::service::{self, Call, Service, s3};
use crate::signature::chunked::{Chain, Decoder};
use crate::signature::{Claim, Payload, SignatureFault};

pub(super) async fn judge(world: &World, parts: &http::request::Parts, body: Incoming) -> Rendered {
    let head = match Head::read(parts) {
        Ok(head) => head,
        Err(text) => return refuse_head(world, parts, text),
    };
    let claim = Claim::read(&head);
    let service = service_of(&head);
    let body = intake::receive(body, plan(world, &head, service, &claim)).await;
    let request_id = Uuid::now_v7().to_string();
    let now = world.config.clock.now();
    let arrival = Arrival {
        head: &head,
        body: &body,
        claim,
        service,
        request_id: &request_id,
        now,
    };
    decide(&mut world.state(), arrival)
}

/// What has arrived and what it claims.
struct Arrival<'a> {
    head: &'a Head,
    body: &'a Body,
    claim: Result<Option<Claim>, SignatureFault>,
    service: Option<&'static Service>,
    request_id: &'a str,
    now: Timestamp,
}

/// What is learned on the way, for the log.
#[derive(Default)]
struct Learned {
    signer: Option<Signer>,
    operation: String,
    accesses: Vec<(String, String)>,
}

/// The service that the scope names, or else the host.
fn service_of(head: &Head) -> Option<&'static Service> {
    match Claim::stated_service(head) {
        Some(name) => service::named(name),
        None => host::read(&head.host).and_then(|named| service::named(named.service)),
    }
}

fn plan(
    world: &World,
    head: &Head,
    service: Option<&'static Service>,
    claim: &Result<Option<Claim>, SignatureFault>,
) -> Plan {
    let config = &world.config;
    let is_s3 = service.is_some_and(|service| service.name == "s3");
    let framing = match claim {
        Ok(Some(claim)) if is_s3 => framing(world, claim),
        _ => None,
    };
    let limit = if is_s3 {
        config.object_limit
    } else {
        config.body_limit
    };
    Plan {
        framing,
        algorithms: if is_s3 {
            s3::algorithms(head)
        } else {
            Vec::new()
        },
        keep: if is_s3 {
            world.state().estate.s3.room()
        } else {
            limit
        },
        head: config.log_head,
        limit,
    }
}

fn framing(world: &World, claim: &Claim) -> Option<Decoder> {
    match claim.payload {
        Payload::Declared(_) | Payload::Computed | Payload::Unsigned => None,
        Payload::UnsignedChunks => Some(Decoder::new(None)),
        Payload::SignedChunks { .. } => {
            let state = world.state();
            // A key that is not known fails later, with its own error.
            let credential = state.estate.identity.credential(&claim.key_id)?;
            Some(Decoder::new(Some(Chain {
                key: claim.signing_key(&credential.secret),
                time_text: claim.time_text.clone(),
                scope: claim.scope(),
                previous: claim.signature.clone(),
            })))
        }
    }
}

fn decide(state: &mut State, arrival: Arrival<'_>) -> Rendered {
    let (head, body, request_id, now) =
        (arrival.head, arrival.body, arrival.request_id, arrival.now);
    let protocol = match arrival.service {
        Some(service) => service.protocol_of(head),
        None if head.header("x-amz-target").is_some() => Protocol::Json11,
        None => Protocol::Query,
    };
    let service_name = match (&arrival.claim, arrival.service) {
        (Ok(Some(claim)), _) => claim.service.clone(),
        (_, Some(service)) => service.name.to_owned(),
        _ => String::new(),
    };
    let namespace = arrival.service.map_or("", |service| service.namespace);
    let mut learned = Learned::default();
    let outcome = answer(state, arrival, protocol, &mut learned);
    let frame = Frame {
        protocol,
        namespace,
        operation: &learned.operation,
        request_id,
        is_head: head.method == "HEAD",
    };
    let (rendered, verdict) = match outcome {
        Ok(answer) => {
            let verdict = Verdict::Done {
                status: answer.status,
            };
            (render(answer, frame), verdict)
        }
        Err(fault) => {
            let (status, code) = fault.status_and_code(protocol);
            let verdict = Verdict::Refused {
                status,
                code: code.to_owned(),
                message: fault.message().to_owned(),
            };
            (render_fault(&fault, frame), verdict)
        }
    };
    state.log.record(Entry {
        sequence: 0,
        at: now,
        method: head.method.clone(),
        target: head.target.clone(),
        headers: head.headers.clone(),
        body: body.record.clone(),
        signer: learned.signer,
        service: service_name,
        operation: learned.operation,
        accesses: learned.accesses,
        verdict,
    });
    rendered
}

fn answer(
    state: &mut State,
    arrival: Arrival<'_>,
    protocol: Protocol,
    learned: &mut Learned,
) -> Result<Answer, Fault> {
    let (head, body, now) = (arrival.head, arrival.body, arrival.now);
    if !body.record.complete {
        return Err(Fault::new(
            400,
            "IncompleteBody",
            "The body did not arrive, or is longer than the lab takes.",
        ));
    }
    let claim = arrival.claim?.ok_or(SignatureFault::Missing)?;
    if head.header("x-amz-s3session-token").is_some() {
        return Err(Fault::new(
            400,
            "InvalidToken",
            "The lab has no sessions of S3 Express, so this is the token of none.",
        ));
    }
    check_host(head, &claim)?;
    let (principal, region) = authenticate(state, claim, head, body, now, learned)?;
    let service = arrival
        .service
        .ok_or_else(|| Fault::new(400, "UnknownService", "The lab has no such service."))?;
    if service.name == "s3" {
        s3::check_body(head, body)?;
    }
    let (operation, parameters) = service.identify(head, body)?;
    operation.clone_into(&mut learned.operation);
    let partition = state.estate.partition.clone();
    let call = Call {
        service,
        protocol,
        operation,
        head,
        body,
        parameters,
        caller: &principal,
        partition: &partition,
        region: &region,
        now,
        asked: RefCell::default(),
    };
    let outcome = service::perform(&call, &mut state.estate);
    learned.accesses = call.asked.into_inner();
    outcome
}

/// A host of AWS must name the service and region that the signature names.
fn check_host(head: &Head, claim: &Claim) -> Result<(), SignatureFault> {
    let Some(named) = host::read(&head.host) else {
        return Ok(());
    };
    let fits =
        named.service == claim.service && named.region.is_none_or(|region| region == claim.region);
    match fits {
        true => Ok(()),
        false => Err(SignatureFault::Scope(format!(
            "Credential should be scoped to the service and region of the \
             host '{}', not to '{}/{}'.",
            head.host, claim.region, claim.service
        ))),
    }
}

/// Who signed, and for which region. A fault never says whether only a part was right.
fn authenticate(
    state: &State,
    claim: Claim,
    head: &Head,
    body: &Body,
    now: Timestamp,
    learned: &mut Learned,
) -> Result<(Principal, String), SignatureFault> {
    let Credential {
        secret,
        token,
        expires,
        principal,
    } = state
        .estate
        .identity
        .credential(&claim.key_id)
        .cloned()
        .ok_or(SignatureFault::UnknownKey)?;
    if token != claim.token {
        return Err(SignatureFault::WrongToken);
    }
    let verified = claim.verify(head, &body.record.sha256, &secret, now)?;
    if expires.is_some_and(|end| end <= now) {
        return Err(SignatureFault::TokenExpired);
    }
    if let Some(fault) = &body.fault {
        return Err(fault.clone());
    }
    let session = principal.session();
    learned.signer = Some(Signer {
        key_id: verified.claim.key_id.clone(),
        arn: principal.arn.clone(),
        session_name: session.map(|session| session.name.clone()),
        source_identity: session.and_then(|session| session.source_identity.clone()),
        session_policy: session.and_then(|session| session.inline_policy.clone()),
    });
    Ok((principal, verified.claim.region))
}

/// A head that cannot be read in one way only.
fn refuse_head(world: &World, parts: &http::request::Parts, text: String) -> Rendered {
    let fault = Fault::new(400, "BadRequest", text);
    let request_id = Uuid::now_v7().to_string();
    let frame = Frame {
        protocol: Protocol::Query,
        namespace: "",
        operation: "",
        request_id: &request_id,
        is_head: parts.method == http::Method::HEAD,
    };
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    world.state().log.record(Entry {
        sequence: 0,
        at: world.config.clock.now(),
        method: parts.method.as_str().to_owned(),
        target: parts.uri.to_string(),
        headers,
        body: crate::log::BodyRecord {
            length: 0,
            sha256: String::new(),
            head: Vec::new(),
            complete: false,
        },
        signer: None,
        service: String::new(),
        operation: String::new(),
        accesses: Vec::new(),
        verdict: Verdict::Refused {
            status: 400,
            code: "BadRequest".to_owned(),
            message: fault.message().to_owned(),
        },
    });
    render_fault(&fault, frame)
}
