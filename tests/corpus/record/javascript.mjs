// Makes calls with the AWS SDK for JavaScript, for `record.py` to write down. Prints a line a
// call. Every call is answered by an error, and that is well.

import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../clients/node/package.json", import.meta.url));
const proxy = new URL(process.env.HTTPS_PROXY);

/// Goes through the proxy, which the SDK does not by itself.
class Through extends https.Agent {
  createConnection(options, done) {
    const asked = http.request({
      host: proxy.hostname,
      port: proxy.port,
      method: "CONNECT",
      path: `${options.host}:${options.port}`,
    });
    asked.on("connect", (_, socket) => {
      done(null, tls.connect({ socket, servername: options.servername ?? options.host }));
    });
    asked.on("error", done);
    asked.end();
  }
}

const { NodeHttpHandler } = require("@smithy/node-http-handler");
const requestHandler = new NodeHttpHandler({ httpsAgent: new Through() });
const settings = { requestHandler, maxAttempts: 1, useArnRegion: true };

async function calls(name, Client, list) {
  const module = require(`@aws-sdk/client-${name}`);
  const client = new module[Client](settings);
  for (const [operation, parameters] of list) {
    console.log(`${name}:${operation}`);
    try {
      await client.send(new module[`${operation}Command`](parameters));
    } catch {
      // The recorder's answer.
    }
  }
}

const Bucket = "corpus-bucket";
const object = { Bucket, Key: "a key/ü.txt" };
const point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/readers";
const upload = { Bucket, Key: "big", UploadId: "u1" };
const id = { id: { S: "n-1" } };
const QueueUrl = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders";
const FunctionName = "orders";

await calls("s3", "S3Client", [
  ["ListBuckets", {}],
  ["CreateBucket", { Bucket, CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } }],
  ["HeadBucket", { Bucket }],
  ["GetBucketLocation", { Bucket }],
  ["ListObjectsV2", { Bucket, Prefix: "logs/", MaxKeys: 7 }],
  ["ListObjectVersions", { Bucket }],
  ["PutObject", { ...object, Body: "text" }],
  ["PutObject", { Bucket: point, Key: "through/a/point", Body: "text" }],
  ["GetObject", { Bucket, Key: "logs//1", Range: "bytes=0-9" }],
  ["GetObject", { Bucket: "dotted.bucket", Key: "plus+and%percent", VersionId: "v1" }],
  ["HeadObject", object],
  ["CopyObject", { Bucket, Key: "to", CopySource: "source-bucket/from%20here" }],
  ["CreateMultipartUpload", { Bucket, Key: "big" }],
  ["UploadPart", { ...upload, PartNumber: 1, Body: "part" }],
  ["AbortMultipartUpload", upload],
  ["DeleteObject", { Bucket, Key: "logs/1", VersionId: "v1" }],
  ["DeleteObjects", { Bucket, Delete: { Objects: [{ Key: "a" }, { Key: "b", VersionId: "v2" }] } }],
  ["PutBucketTagging", { Bucket, Tagging: { TagSet: [{ Key: "team", Value: "shop & co" }] } }],
  ["GetBucketPolicy", { Bucket }],
  ["PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Suspended" } }],
  ["DeleteBucket", { Bucket }],
]);
await calls("dynamodb", "DynamoDBClient", [
  ["ListTables", {}],
  ["DescribeTable", { TableName: "orders" }],
  ["PutItem", { TableName: "orders", Item: id }],
  ["GetItem", { TableName: "orders", Key: id }],
  ["DeleteItem", { TableName: "orders", Key: id }],
  ["Scan", { TableName: "orders" }],
  ["BatchWriteItem", { RequestItems: { orders: [{ DeleteRequest: { Key: id } }] } }],
  ["TransactWriteItems", { TransactItems: [{ Delete: { TableName: "carts", Key: id } }] }],
  ["ExecuteStatement", { Statement: "DELETE FROM \"orders\" WHERE id = 'n-1'" }],
  ["DeleteTable", { TableName: "orders" }],
]);
await calls("lambda", "LambdaClient", [
  ["ListFunctions", {}],
  ["GetFunction", { FunctionName: "orders:live" }],
  ["Invoke", { FunctionName: "111122223333:function:orders", Payload: "{}" }],
  ["UpdateFunctionConfiguration", { FunctionName, MemorySize: 256 }],
  ["PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 0 }],
  ["DeleteFunction", { FunctionName, Qualifier: "7" }],
]);
await calls("sqs", "SQSClient", [
  ["CreateQueue", { QueueName: "orders" }],
  ["ListQueues", {}],
  ["SendMessage", { QueueUrl, MessageBody: '{"n":1}' }],
  ["ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 5 }],
  ["PurgeQueue", { QueueUrl }],
  ["DeleteQueue", { QueueUrl }],
]);
await calls("sts", "STSClient", [
  ["GetCallerIdentity", {}],
  ["AssumeRole", { RoleArn: "arn:aws:iam::111122223333:role/deploy", RoleSessionName: "one" }],
]);
