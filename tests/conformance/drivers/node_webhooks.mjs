// Has the official Node SDK verify a notification, and tells what it made of it. The twin of python_webhooks.py.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Cashfree, CFEnvironment } = createRequire(`${process.cwd()}/`)("cashfree-pg");
const asked = JSON.parse(readFileSync(0, "utf8"));

// Release 4: the method and the configuration belong to the class.
function sdk() {
  if ("PGVerifyWebhookSignature" in Cashfree) {
    Cashfree.XClientSecret = asked.secret;
    return Cashfree;
  }
  return new Cashfree(CFEnvironment.SANDBOX, "id", asked.secret, undefined, undefined, undefined, false);
}

try {
  const event = sdk().PGVerifyWebhookSignature(asked.signature, asked.body, asked.timestamp);
  process.stdout.write(JSON.stringify({ type: event.type, object: event.object, error: null }));
} catch (error) {
  process.stdout.write(JSON.stringify({ type: null, object: null, error: error.message }));
}
