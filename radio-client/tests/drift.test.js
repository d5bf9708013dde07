// A sound card that is quicker or slower than the station's, for as long as it takes until the listener has to be moved.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./simulation.js";

// 8.6 s too quick: a pause of six seconds or two; 17.3 s too slow: a segment or two left out
for (const [hours, ppm, silence_s] of [[12, 200, 12], [24, -200, 0.001]]) {
  test(`${hours} hours with a sound card ${ppm} ppm off: moved when the lead leaves its window, otherwise without a hole`, async () => {
    const w = world({ ppm, hqBytes: 60_000 });
    await w.listen(hours * 3600);
    const corrections = w.listening.counters.corrections;
    assert.ok(corrections >= 1 && corrections <= 2, `${corrections} corrections`);
    assert.equal(w.count("underrun"), 0);
    assert.ok(w.silence_s <= silence_s, `${w.silence_s} s of silence`);
    const behind_s = w.listening.behind_s ?? 0;
    assert.ok(behind_s > 10 && behind_s < 40, `${behind_s} s behind`);
    w.stop();
  });
}
