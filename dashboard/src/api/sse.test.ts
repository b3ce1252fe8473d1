import { describe, expect, test } from "vitest";
import { Parser, pause } from "./sse";

const WHOLE =
  'event: hello\r\ndata: {"a":1}\r\n\r\n: still here\r\n\r\nevent: task\nid: 7\ndata: one\ndata: two\n\n';

describe("the parser of event streams", () => {
  test("it reads events, and comments are none", () => {
    expect(new Parser().push(WHOLE)).toEqual([
      { event: "hello", data: '{"a":1}', id: null },
      { event: "task", data: "one\ntwo", id: "7" },
    ]);
  });

  test("it does not matter where the stream is cut", () => {
    const whole = new Parser().push(WHOLE);
    for (let at = 1; at < WHOLE.length; at += 1) {
      const parser = new Parser();
      expect([...parser.push(WHOLE.slice(0, at)), ...parser.push(WHOLE.slice(at))], `cut at ${at}`).toEqual(
        whole,
      );
    }
  });

  test("an event without data is none", () => {
    expect(new Parser().push("event: task\n\n")).toEqual([]);
  });
});

describe("the pause before the next try", () => {
  test("it doubles up to ten seconds and is never nothing", () => {
    expect([1, 2, 3, 20].map((n) => pause(n, 1))).toEqual([500, 1_000, 2_000, 10_000]);
    expect(pause(1, 0)).toBe(300);
  });
});
