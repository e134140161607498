// Does steps with the AWS SDK for JavaScript: takes a JSON list of them, gives a line of JSON for
// each. Everything that the SDK needs to know is in the environment, as for any program.

import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as lambda from "@aws-sdk/client-lambda";
import * as s3 from "@aws-sdk/client-s3";
import * as sqs from "@aws-sdk/client-sqs";
import * as sts from "@aws-sdk/client-sts";

const services = {
  dynamodb: [dynamodb, dynamodb.DynamoDBClient],
  lambda: [lambda, lambda.LambdaClient],
  s3: [s3, s3.S3Client],
  sqs: [sqs, sqs.SQSClient],
  sts: [sts, sts.STSClient],
};

// Left alone, the SDK takes the host of a queue's URL for its endpoint, past AWS_ENDPOINT_URL.
const settings = { sqs: { useQueueUrlAsEndpoint: false } };

const clients = {};

async function run({ service, operation, parameters }) {
  const [module, Client] = services[service];
  const client = (clients[service] ??= new Client(settings[service] ?? {}));
  try {
    const answer = await client.send(new module[`${operation}Command`](parameters));
    await answer.Body?.transformToByteArray();
    return { ok: true };
  } catch (error) {
    // The answer to a HEAD has no body, so there the status is all that the SDK can tell.
    const status = error.$metadata?.httpStatusCode;
    return { ok: false, code: `${status} ${error.name}`, message: error.message };
  }
}

for (const step of JSON.parse(process.argv[2])) {
  console.log(JSON.stringify(await run(step)));
}
