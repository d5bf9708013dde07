// The vendored decoder is the one that the lock file names.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (/** @type {string} */ path) => readFileSync(new URL(path, import.meta.url));

test("the vendored Opus decoder is the locked package's own file", () => {
  assert.ok(
    read("../player/vendor/ogg-opus-decoder.min.js").equals(read("node_modules/ogg-opus-decoder/dist/ogg-opus-decoder.min.js")),
  );
  const { version } = JSON.parse(read("node_modules/ogg-opus-decoder/package.json").toString());
  assert.match(read("../player/vendor/README.md").toString(), new RegExp(`ogg-opus-decoder ${version},`));
});
