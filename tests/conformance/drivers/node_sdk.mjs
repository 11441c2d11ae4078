// A program that makes calls and verifies webhook deliveries with the official Node SDK.
//
// It has the same protocol as python_sdk.py: one JSON object a line on stdin, one JSON result a line on stdout. It starts
// in the folder whose node_modules contains the SDK, and loads the SDK from there.

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

// The credentials of a step in the order of the SDK's constructor. Missing ones are not sent.
const CREDENTIALS = ["client_id", "client_secret", "partner_key", "client_signature", "partner_merchant_id"];

function call(baseUrl, step) {
  const credentials = CREDENTIALS.map((name) => step[name] || undefined);
  const values = [...argumentsOf(step), step.request_id, step.idempotency_key, OPTIONS];
  const method = step.method ?? METHODS[step.call];
  return method in Cashfree
    ? configuredClass(baseUrl, credentials)[method](step.version ?? Cashfree.XApiVersion, ...values)
    : instance(baseUrl, step, credentials)[method](...values);
}

function argumentsOf(step) {
  return step.method ? step.arguments.map(built) : [step.customer_id, step.second];
}

// Requests are plain objects in Node: the names of models are left out.
function built(value) {
  if (value === null || typeof value !== "object") return value;
  if ("of" in value) return built(value.of);
  if ("model" in value) return built(value.fields);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, built(each)]));
}

// In release 4, the methods and the configuration belong to the class, and the version is the first argument.
function configuredClass(baseUrl, credentials) {
  const names = ["XClientId", "XClientSecret", "XPartnerKey", "XClientSignature", "XPartnerMerchantId"];
  names.forEach((name, index) => { Cashfree[name] = credentials[index]; });
  Cashfree.XEnvironment = Cashfree.Environment.SANDBOX;
  Cashfree.XEnableErrorAnalytics = false; // by default, the SDK sends error reports to Cashfree
  Cashfree.basePath = baseUrl;
  return Cashfree;
}

function instance(baseUrl, step, credentials) {
  const sdk = new Cashfree(CFEnvironment.SANDBOX, ...credentials, false); // false disables error reports
  sdk.basePath = baseUrl;
  if ("version" in step) sdk.XApiVersion = step.version;
  return sdk;
}

async function outcome(baseUrl, step) {
  try {
    const response = await call(baseUrl, step);
    return { ...described(response), error: null, fields: response.data };
  } catch (error) {
    return { ...described(error.response), error: error.constructor.name, fields: null };
  }
}

function described(response) {
  if (!response) return { status: null, headers: {}, body: null, model: null };
  return { status: response.status, headers: { ...response.headers }, body: response.data, model: null };
}

function verified(delivery) {
  try {
    const event = verifier(delivery.secret).PGVerifyWebhookSignature(
      delivery.signature, delivery.body, delivery.timestamp);
    return { type: event.type, object: event.object, error: null };
  } catch (error) {
    return { type: null, object: null, error: error.message };
  }
}

function verifier(secret) {
  return "PGVerifyWebhookSignature" in Cashfree
    ? configuredClass(undefined, ["id", secret])
    : new Cashfree(CFEnvironment.SANDBOX, "id", secret, undefined, undefined, undefined, false);
}

async function resultOf(message) {
  if (message.delivery) return verified(message.delivery);
  const outcomes = [];
  for (const step of message.steps) outcomes.push(await outcome(message.base_url, step));
  return outcomes;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await resultOf(JSON.parse(line)))}\n`);
}
