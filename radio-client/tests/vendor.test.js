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

test("the licences of all that is in it are beside it", () => {
  const told = read("../player/vendor/LICENSE").toString();
  for (const part of ["simple-yenc", "codec-parser"]) {
    const [, ...terms] = read(`node_modules/${part}/LICENSE`).toString().trim().split("\n");
    assert.ok(told.includes(terms.join("\n").trim()), part);
  }
  assert.match(told, /Xiph\.Org, Skype Limited[^]*Redistributions in binary form must reproduce/);
});
