// Records requests as the AWS SDK for JavaScript v3 signs them, one JSON object a line.
//
// Nothing is sent: the HTTP handler is replaced. Key and clock are fixed; invocation ids are not.
//
//     npm install @aws-sdk/client-s3@3 @aws-sdk/client-lambda@3 @aws-sdk/client-dynamodb@3 \
//         @aws-sdk/client-sqs@3 @aws-sdk/client-ec2@3 @aws-sdk/client-cloudwatch@3 \
//         @aws-sdk/client-api-gateway@3 @aws-sdk/s3-request-presigner@3
//     node javascript.mjs > javascript.jsonl

import { Readable } from "node:stream";
import { GetTagsCommand, APIGatewayClient } from "@aws-sdk/client-api-gateway";
import { CloudWatchClient, PutMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EC2Client, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { InvokeCommand, LambdaClient, UntagResourceCommand } from "@aws-sdk/client-lambda";
import * as s3 from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const NOW = Date.UTC(2026, 10, 25, 9, 30, 0);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    parts.length > 0 ? super(...parts) : super(NOW);
  }
  static now() {
    return NOW;
  }
};

const KEYS = ["a/../b", "x//y", "/leading", "a+b c", "emoji-\u{1F680}", "tab\tkey", "~-._", "%41?#&=;", "..", "a/./b/", "it's(*)!"];
class Stop extends Error {}
let name;

async function bytes(body) {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body);
  const pieces = [];
  for await (const piece of body) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function write(id, method, url, headers, body) {
  process.stdout.write(JSON.stringify({ id, method, url, headers, body_b64: body.toString("base64") }) + "\n");
}

const requestHandler = {
  async handle(request) {
    const query = Object.entries(request.query ?? {}).flatMap(([key, values]) =>
      [values].flat().map((value) => escape(key) + (value === null ? "" : "=" + escape(value))),
    );
    const port = request.port ? `:${request.port}` : "";
    const url = `${request.protocol}//${request.hostname}${port}${request.path}${query.length ? "?" + query.join("&") : ""}`;
    // The user agent, which is not signed, tells of the machine.
    const headers = { ...request.headers, "user-agent": "aws-sdk-js" };
    write(name, request.method, url, Object.entries(headers), await bytes(request.body));
    throw new Stop();
  },
};

// As @smithy/querystring-builder, which the SDK's own HTTP handler writes the query with.
function escape(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
}

const common = {
  region: "eu-west-1",
  credentials: { accessKeyId: "AKIACORDONEXAMPLE000", secretAccessKey: "placeholder/secret+key" },
  customUserAgent: [],
  maxAttempts: 1,
  requestHandler,
};

async function call(id, client, command) {
  name = id;
  try {
    await client.send(command);
  } catch (error) {
    if (error instanceof Stop) return;
    throw error;
  }
}

const bucket = new s3.S3Client(common);
const plain = new s3.S3Client({ ...common, endpoint: "http://127.0.0.1:8800", forcePathStyle: true });
const stream = () => Object.assign(Readable.from([Buffer.alloc(70_000, "x")]), { path: undefined });
for (const [index, Key] of KEYS.entries()) {
  await call(`s3-get-${index}`, bucket, new s3.GetObjectCommand({ Bucket: "bucket", Key }));
  await call(`s3-put-${index}`, bucket, new s3.PutObjectCommand({ Bucket: "bucket", Key, Body: "content" }));
}
await call("s3-put-stream", bucket, new s3.PutObjectCommand({ Bucket: "bucket", Key: "k", Body: stream(), ContentLength: 70_000 }));
await call("s3-put-cached", bucket, new s3.PutObjectCommand({ Bucket: "bucket", Key: "k", Body: "x", CacheControl: "no-store", ContentType: "text/plain", Metadata: { team: "pay  roll" } }));
await call("s3-put-plain-http", plain, new s3.PutObjectCommand({ Bucket: "b", Key: "a b", Body: "content", ChecksumAlgorithm: "SHA256" }));
await call("s3-list", bucket, new s3.ListObjectsV2Command({ Bucket: "bucket", Prefix: "a b/+~*'()!", Delimiter: "/" }));
await call("s3-delete-many", bucket, new s3.DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects: KEYS.map((Key) => ({ Key })) } }));
await call("s3-copy", bucket, new s3.CopyObjectCommand({ Bucket: "bucket", Key: "to", CopySource: "other/a%2Bb" }));
await call("s3-acl", bucket, new s3.GetBucketAclCommand({ Bucket: "bucket" }));
const lambda = new LambdaClient(common);
const arn = "arn:aws:lambda:eu-west-1:111122223333:function:ce:live";
await call("lambda-invoke", lambda, new InvokeCommand({ FunctionName: arn, Payload: "{}" }));
await call("lambda-untag", lambda, new UntagResourceCommand({ Resource: arn, TagKeys: ["a b", "c+d"] }));
await call("apigateway-tags", new APIGatewayClient(common), new GetTagsCommand({ resourceArn: "arn:aws:apigateway:eu-west-1::/restapis/x" }));
await call("dynamodb", new DynamoDBClient(common), new DeleteTableCommand({ TableName: "orders" }));
await call("sqs", new SQSClient(common), new SendMessageCommand({ QueueUrl: "https://sqs.eu-west-1.amazonaws.com/111122223333/q", MessageBody: "a b" }));
await call("ec2", new EC2Client(common), new TerminateInstancesCommand({ InstanceIds: ["i-0abc"] }));
await call("cloudwatch", new CloudWatchClient(common), new PutMetricDataCommand({ Namespace: "n", MetricData: [{ MetricName: "m", Value: 1.5 }] }));

async function presign(id, method, command, headers, body) {
  const url = await getSignedUrl(bucket, command, { expiresIn: 900 });
  write(id, method, url, [["host", new URL(url).host], ...headers], Buffer.from(body));
}
await presign("presigned-get", "GET", new s3.GetObjectCommand({ Bucket: "bucket", Key: "a b/\u{1F680}" }), [], "");
await presign("presigned-put", "PUT", new s3.PutObjectCommand({ Bucket: "bucket", Key: "k", ContentType: "text/plain" }), [["content-type", "text/plain"]], "bytes");
