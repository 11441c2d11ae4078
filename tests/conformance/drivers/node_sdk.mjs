// Makes the calls of a scenario with the official Node SDK and tells what came back.
//
// The twin of python_sdk.py: one JSON scenario a line on stdin, one JSON list of outcomes a line on stdout. Started in
// the folder whose node_modules holds the SDK, so the SDK is looked up from there and not from this file's place.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Cashfree, CFEnvironment } = createRequire(`${process.cwd()}/`)("cashfree-pg");

const METHODS = {
  fetch_instruments: "PGCustomerFetchInstruments",
  fetch_instrument: "PGCustomerFetchInstrument",
  delete_instrument: "PGCustomerDeleteInstrument",
  fetch_cryptogram: "PGCustomerInstrumentsFetchCryptogram",
};

const OPTIONS = { timeout: 10_000 };

function client(baseUrl, step) {
  // The last argument switches off the error reports that the SDK sends to its makers by default.
  const sdk = new Cashfree(CFEnvironment.SANDBOX, step.client_id, step.client_secret, "", "", "", false);
  sdk.basePath = baseUrl;
  if ("version" in step) sdk.XApiVersion = step.version;
  return sdk;
}

async function outcome(baseUrl, step) {
  try {
    const method = METHODS[step.call];
    const answer = await client(baseUrl, step)[method](
      step.customer_id, step.which, step.request_id, step.idempotency_key, OPTIONS,
    );
    return { ...seen(answer), error: null, fields: answer.data };
  } catch (error) {
    return { ...seen(error.response), error: error.constructor.name, fields: null };
  }
}

function seen(response) {
  if (!response) return { status: null, headers: {}, body: null, model: null };
  return { status: response.status, headers: { ...response.headers }, body: response.data, model: null };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { base_url: baseUrl, steps } = JSON.parse(line);
  const outcomes = [];
  for (const step of steps) outcomes.push(await outcome(baseUrl, step));
  process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}
