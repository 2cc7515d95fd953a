// Run it with: sh with_fake.sh node --test credits.test.mjs
import assert from "node:assert";
import test from "node:test";

test("a key says how much it may still spend", async () => {
  const { OPENROUTER_BASE_URL: url, OPENROUTER_API_KEY: key } = process.env;

  const reply = await fetch(`${url}/key`, { headers: { Authorization: `Bearer ${key}` } });
  const { data } = await reply.json();

  assert.equal(data.limit_remaining, 26.83);
});
