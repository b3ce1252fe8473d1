import { describe, expect, test } from "vitest";
import type { Graph, Task } from "../api/types";
import { isEmpty, readEvidence } from "./evidence";
import { compareKeys, filter, fromSearch } from "./filters";
import { ago, bytes, duration, measure, percent } from "./format";
import { closedId, neighbourhood, restrict, view } from "./graph";
import { bars } from "./history";
import { inOrder, layout } from "./layout";
import { byOrder, look } from "./states";
import { happenings, reasonBeside } from "./words";

function task(key: string, more: Partial<Task> = {}): Task {
  return {
    id: `PLAN/${key}`,
    key,
    title: `Title of ${key}`,
    state: "pending",
    priority: "P2",
    section: "",
    agent: null,
    generation: 1,
    attempts_spent: 0,
    failure: null,
    reason: null,
    due_at_ms: null,
    line: 1,
    document: "PLAN.md",
    completed_at_ms: null,
    ...more,
  };
}

describe("format", () => {
  test("a share is never rounded up to what it is not", () => {
    expect(percent(0.9999)).toBe("99.9 %");
    expect(percent(0.949_9)).toBe("94.9 %");
    expect(percent(0.95)).toBe("95 %");
    expect(percent(1)).toBe("100 %");
  });

  test("durations are as long as people need them", () => {
    expect([
      duration(840),
      duration(5_000),
      duration(65_000),
      duration(3_600_000),
      duration(200_000_000),
    ]).toEqual(["840 ms", "5 s", "1 min 05 s", "1 h 00 min", "2 d 7 h"]);
  });

  test("values carry their unit", () => {
    expect([
      measure(0.5, "ratio"),
      measure(5_000, "ms"),
      measure(12, "tasks"),
      measure(1, "tasks"),
      measure(1.234, "tasks/h"),
    ]).toEqual(["50 %", "5 s", "12 tasks", "1 task", "1.23 tasks/h"]);
  });

  test("sizes and ages are short", () => {
    expect([bytes(12), bytes(1_536), ago(1_000), ago(120_000)]).toEqual([
      "12 B",
      "1.5 KiB",
      "just now",
      "2 min ago",
    ]);
  });
});

describe("filters", () => {
  const tasks = [
    task("1.10", { state: "running", agent: "rust" }),
    task("1.2", { state: "failed", epic: "e" }),
    task("2.1", { priority: "P0" }),
  ];
  const keys = (search: string) => filter(tasks, fromSearch(new URLSearchParams(search))).map((t) => t.key);

  test("no filter leaves everything", () => expect(keys("")).toEqual(["1.10", "1.2", "2.1"]));

  test("states are alternatives, everything else has to hold together", () => {
    expect(keys("state=running,failed")).toEqual(["1.10", "1.2"]);
    expect(keys("state=running,failed&epic=e")).toEqual(["1.2"]);
    expect(keys("agent=rust")).toEqual(["1.10"]);
    expect(keys("priority=P0")).toEqual(["2.1"]);
  });

  test("every word has to be found", () => {
    expect(keys("q=title+1.2")).toEqual(["1.2"]);
    expect(keys("q=title+nowhere")).toEqual([]);
  });

  test("keys are in the order in which people count", () => {
    expect([...tasks].sort(compareKeys).map((t) => t.key)).toEqual(["1.2", "1.10", "2.1"]);
  });
});

describe("states", () => {
  test("what needs a person comes first", () => {
    expect(["completed", "running", "needs_human"].sort(byOrder)).toEqual([
      "needs_human",
      "running",
      "completed",
    ]);
  });

  test("an unknown state is shown as it is", () => expect(look("brand_new").label).toBe("brand new"));
});

describe("graph", () => {
  const node = (name: string, epic: string | null, critical = false) => ({
    task: name,
    key: name,
    title: name,
    state: "pending",
    epic,
    priority: "P2",
    critical,
  });
  const edge = (from: string, to: string, kind = "blocks") => ({ from, to, kind });
  const graph: Graph = {
    nodes: [node("a", "x", true), node("b", "x"), node("c", "y", true), node("d", "y"), node("e", null)],
    edges: [edge("a", "b"), edge("a", "c"), edge("b", "c"), edge("c", "d"), edge("d", "e", "informs")],
  };

  test("a neighbourhood reaches as far as asked, in both directions", () => {
    expect([...neighbourhood(graph, "c", 1)].sort()).toEqual(["a", "b", "c", "d"]);
    expect([...neighbourhood(graph, "e", 2)].sort()).toEqual(["c", "d", "e"]);
  });

  test("a restricted graph has no edge that leads out of it", () => {
    expect(restrict(graph, new Set(["a", "c", "d"])).edges).toEqual([edge("a", "c"), edge("c", "d")]);
  });

  test("closed epics stand for the dependencies of their tasks", () => {
    const { links } = view(graph, () => false);
    const between = links.find((link) => link.from === closedId("x") && link.to === closedId("y"));
    expect(between).toMatchObject({ weight: 2, critical: true, kind: "blocks" });
    expect(links).toHaveLength(2);
  });

  test("an open epic shows its tasks beside closed ones", () => {
    const { links } = view(graph, (epic) => epic === "x");
    expect(links.map((link) => [link.from, link.to])).toContainEqual(["b", closedId("y")]);
  });

  test("everything is laid out, tasks inside their epic, and nothing overlaps", () => {
    const groups = ["x", "y", "z", "w", "v"].map((id) => ({ id, tasks: [`${id}1`, `${id}2`, `${id}3`] }));
    const links: [string, string][] = [
      ["x1", "x2"],
      ["x2", "y1"],
      ["y1", "x3"],
    ];
    const placed = layout({ groups, links, aspect: 1.8 });
    expect(placed).toHaveLength(20);
    for (const list of [placed.filter((p) => p.parent === null), placed.filter((p) => p.parent === "x")]) {
      for (const a of list) {
        for (const b of list) {
          if (a === b) continue;
          const apart =
            a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
          expect(apart, `${a.id} and ${b.id}`).toBe(true);
        }
      }
    }
    for (const child of placed.filter((p) => p.parent !== null)) {
      const parent = placed.find((p) => p.id === child.parent);
      expect(child.x + child.width).toBeLessThanOrEqual(parent?.width ?? 0);
      expect(child.y + child.height).toBeLessThanOrEqual(parent?.height ?? 0);
    }
  });

  test("boxes come after what they depend on, and a circle does not hang", () => {
    const box = (id: string) => ({ id, width: 1, height: 1 });
    const order = (links: [string, string][]) =>
      inOrder([box("a"), box("b"), box("c")], links).map((b) => b.id);
    expect(order([["c", "a"]])).toEqual(["b", "c", "a"]);
    expect(
      order([
        ["a", "b"],
        ["b", "a"],
      ]),
    ).toHaveLength(3);
  });
});

describe("history", () => {
  test("buckets are put together without losing any", () => {
    const buckets = [0, 1, 2, 3, 11].map((n) => ({ at_ms: n * 10, completed: n, failed: 1 }));
    const rows = bars({ buckets, bucket_ms: 10 }, 0, 119, 4);
    expect(rows).toHaveLength(4);
    expect(rows.reduce((sum, row) => sum + row.completed, 0)).toBe(17);
    expect(rows.reduce((sum, row) => sum + row.failed, 0)).toBe(5);
  });

  test("what is older than the chart is left out", () => {
    expect(bars({ buckets: [{ at_ms: 5, completed: 1, failed: 0 }], bucket_ms: 10 }, 100, 119)).toEqual([
      { at_ms: 100, completed: 0, failed: 0 },
      { at_ms: 110, completed: 0, failed: 0 },
    ]);
  });
});

describe("words", () => {
  test("a failure is not said twice", () => {
    expect(reasonBeside("timeout", "timeout: no end within 30 min")).toBe("no end within 30 min");
    expect(reasonBeside("timeout", "it hung")).toBe("it hung");
    expect(reasonBeside(null, null)).toBe("");
  });

  test("a reason that stays with the task is told once, where it came up", () => {
    const event = (at_ms: number, cause: string) => ({
      from: "a",
      to: "b",
      attempt: "",
      actor: "x",
      cause,
      at_ms,
    });
    const told = happenings([
      event(1, "claim"),
      event(2, "retry_later: boom: 3"),
      event(3, "retry_due: boom: 3"),
      event(4, "claim"),
    ]);
    expect(told.map((e) => [e.trigger, e.news])).toEqual([
      ["claim", ""],
      ["retry due", ""],
      ["retry later", "boom: 3"],
      ["claim", ""],
    ]);
  });
});

describe("evidence", () => {
  test("what came to nothing is empty", () => {
    const empty = readEvidence('{"verify":[],"files":[],"notes":[],"diff_stat":"","no_verify":false}');
    expect(empty && isEmpty(empty)).toBe(true);
  });

  test("what is there is read", () => {
    const read = readEvidence(
      JSON.stringify({
        verify: [{ command: "make test", source: "plan", exit_code: 2, tail: "boom", duration_ms: 5 }],
        files: ["a.rs", { path: "b.rs" }],
        flags: ["the test `adds` is removed"],
        held_on: "coditect/held/T-1",
        no_verify: false,
      }),
    );
    expect(read?.verify).toEqual([
      { command: "make test", source: "plan", exit_code: 2, tail: "boom", duration_ms: 5 },
    ]);
    expect(read?.flags).toEqual(["the test `adds` is removed"]);
    expect(read?.held_on).toBe("coditect/held/T-1");
    expect(read?.files).toEqual(["a.rs", "b.rs"]);
    expect(read?.summary).toBeNull();
  });

  test("a missing exit code is not taken for success", () => {
    expect(readEvidence('{"verify":[{"command":"x"}]}')?.verify[0]?.exit_code).toBeNull();
  });

  test("what is no evidence is none", () => {
    expect([readEvidence(null), readEvidence("not json"), readEvidence("3")]).toEqual([null, null, null]);
  });
});
