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

// The credentials of a step in the order of the SDK's constructor; what is not given is not sent.
const CREDENTIALS = ["client_id", "client_secret", "partner_key", "client_signature", "partner_merchant_id"];

function call(baseUrl, step) {
  const given = CREDENTIALS.map((name) => step[name] || undefined);
  const what = [step.customer_id, step.which, step.request_id, step.idempotency_key, OPTIONS];
  const method = METHODS[step.call];
  return method in Cashfree ? ofTheClass(baseUrl, step, given)[method](step.version ?? Cashfree.XApiVersion, ...what)
                            : anInstance(baseUrl, step, given)[method](...what);
}

// Release 4: the methods and the configuration belong to the class, and the version goes in front.
function ofTheClass(baseUrl, step, given) {
  const names = ["XClientId", "XClientSecret", "XPartnerKey", "XClientSignature", "XPartnerMerchantId"];
  names.forEach((name, place) => { Cashfree[name] = given[place]; });
  Cashfree.XEnvironment = Cashfree.Environment.SANDBOX;
  Cashfree.XEnableErrorAnalytics = false; // the SDK sends error reports to its makers by default
  Cashfree.basePath = baseUrl;
  return Cashfree;
}

function anInstance(baseUrl, step, given) {
  const sdk = new Cashfree(CFEnvironment.SANDBOX, ...given, false); // false: no error reports either
  sdk.basePath = baseUrl;
  if ("version" in step) sdk.XApiVersion = step.version;
  return sdk;
}

async function outcome(baseUrl, step) {
  try {
    const answer = await call(baseUrl, step);
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
