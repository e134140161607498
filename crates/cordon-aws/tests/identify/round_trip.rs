//! What was read, written and read again is what was read: for what botocore sends and for every
//! operation that can be made from the models, to AWS and to an upstream of one's own.

use super::corpus::{SAMPLE, are_twins};
use super::made::{self, Made};
use super::{Sent, own_hosts};
use cordon_aws::call::Call;
use cordon_aws::emit::{HostStyle, emit};
use cordon_aws::endpoint::Destination;
use cordon_aws::identify::IdentifyError;
use std::collections::BTreeMap;

/// Writes `call` for an upstream of this style, and reads it as one who is sent it there.
fn again(sent: &Sent, call: &Call, style: HostStyle) -> Result<Call, String> {
    let emission = emit(call, style);
    let host = match style {
        HostStyle::Aws => emission.host.as_str(),
        HostStyle::Fixed => "cordon.test",
    };
    let destination = Destination::parse(host, &own_hosts()).map_err(|error| error.to_string())?;
    let again = sent.again(&emission, destination);
    let read = again.identify();
    read.map_err(|error| format!("{error:?} for {emission:?}"))
}

/// What two calls differ in: in their parameters, or, for operations that are one request on the
/// wire, in what is written for them.
fn difference(one: &Call, two: &Call) -> Option<String> {
    let name = |call: &Call| (call.service().name(), call.operation().name());
    let written = |call: &Call| {
        let emission = emit(call, HostStyle::Aws);
        format!(
            "{:?} {:?} {:?}",
            emission.path, emission.query, emission.body
        )
    };
    let (before, after) = match one.operation() == two.operation() {
        true => (
            format!("{:?}", one.parameters()),
            format!("{:?}", two.parameters()),
        ),
        false if are_twins(name(one), name(two)) => (written(one), written(two)),
        false => (
            format!("{:?}", one.operation()),
            format!("{:?}", two.operation()),
        ),
    };
    (before != after).then(|| format!("{before}\nbecame\n{after}"))
}

#[test]
fn what_botocore_sends_is_read_again_as_it_was_read() {
    let mut misses = Vec::new();
    for line in SAMPLE.lines() {
        let (sent, ..) = Sent::of_line(line);
        let Ok(call) = sent.identify() else {
            continue;
        };
        for style in [HostStyle::Aws, HostStyle::Fixed] {
            let difference = again(&sent, &call, style).map(|read| difference(&call, &read));
            let miss = difference.unwrap_or_else(Some);
            misses.extend(miss.map(|text| format!("{:?} {style:?}: {text}", call.operation())));
        }
    }
    assert!(misses.is_empty(), "{misses:#?}");
}

#[test]
fn what_the_models_admit_is_read_as_it_was_written() {
    let mut misses = Vec::new();
    let mut count = 0;
    for Made { sent, call } in made::requests(0, 1) {
        count += 1;
        let difference = match sent.identify() {
            Ok(read) => difference(&call, &read),
            Err(IdentifyError::UnsupportedOperation { .. }) => {
                let streams = call.operation().event_stream_input();
                (!streams).then(|| "is refused".to_owned())
            }
            Err(error) => Some(format!("{error:?}")),
        };
        let name = || format!("{:?} by {}", call.operation(), call.protocol());
        misses.extend(difference.map(|text| format!("{}: {text}", name())));
    }
    assert!(misses.is_empty(), "{misses:#?}");
    // Two of three operations; the others are of services of which the sample has none, or have
    // a host of their own.
    assert!(count > 13_000, "only {count} were made");
}

#[test]
fn a_call_has_none_beside_it_that_goes_elsewhere() {
    let head = "POST https://data-lakeformation.eu-west-1.amazonaws.com/GetWorkUnitResults\n\
                Content-Type: application/json\n\n\
                {\"QueryId\":\"q\",\"WorkUnitId\":1,\"WorkUnitToken\":\"t\"}";
    let call = Sent::parse("lakeformation", "eu-west-1", head);
    let call = call.identify().unwrap();
    let nothing = || cordon_aws::value::Value::Structure(BTreeMap::new());
    assert!(call.beside("GetDataLakeSettings", nothing()).is_none());
}
