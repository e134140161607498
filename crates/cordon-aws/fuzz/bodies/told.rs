//! Any answer at all: what it tells is the same in every way of cutting it into pieces, and
//! reading it as a tree ends.

use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_aws::told::Told;

/// One operation for each form of telling, in the protocols that its service speaks.
const READERS: &[(&str, &str, Protocol)] = &[
    ("s3", "CopyObject", Protocol::RestXml),
    ("s3", "DeleteObjects", Protocol::RestXml),
    ("sns", "PublishBatch", Protocol::Query),
    ("sqs", "SendMessageBatch", Protocol::Query),
    ("sqs", "SendMessageBatch", Protocol::Json10),
    ("dynamodb", "BatchWriteItem", Protocol::Json10),
    ("dynamodb", "BatchExecuteStatement", Protocol::Json10),
    ("kinesis", "PutRecords", Protocol::Json11),
    ("kinesis", "PutRecords", Protocol::RpcV2Cbor),
];

/// The first byte chooses the operation, the second one the length of the pieces.
pub(crate) fn run(input: &[u8]) {
    let [reader, piece, body @ ..] = input else {
        return;
    };
    let (service, operation, protocol) = READERS[usize::from(*reader) % READERS.len()];
    let told = |piece: usize| {
        let mut reader = Told::reader(service, operation, protocol, None).expect("it tells");
        for piece in body.chunks(piece.max(1)) {
            reader.push(piece);
        }
        reader.finish()
    };
    assert_eq!(told(body.len()), told(usize::from(*piece)));
    for protocol in Protocol::ALL {
        let _ = Answer::read(protocol, body);
    }
}
