// How states are named, ordered and coloured. An unknown one is shown as it is.

export type Tone = "idle" | "ready" | "active" | "good" | "wait" | "attention" | "bad" | "off";

interface Look {
  label: string;
  tone: Tone;
}

const LOOKS: Record<string, Look> = {
  pending: { label: "pending", tone: "idle" },
  ready: { label: "ready", tone: "ready" },
  assigned: { label: "assigned", tone: "active" },
  running: { label: "running", tone: "active" },
  verifying: { label: "verifying", tone: "active" },
  landing: { label: "landing", tone: "active" },
  completed: { label: "completed", tone: "good" },
  landed: { label: "landed", tone: "good" },
  waiting_retry: { label: "waiting to retry", tone: "wait" },
  awaiting_merge: { label: "awaiting merge", tone: "wait" },
  needs_human: { label: "needs a person", tone: "attention" },
  failed: { label: "failed", tone: "bad" },
  cancelled: { label: "cancelled", tone: "off" },
  skipped: { label: "skipped", tone: "off" },
  retired: { label: "retired", tone: "off" },
};

export function look(state: string): Look {
  return LOOKS[state] ?? { label: state.replaceAll("_", " "), tone: "idle" };
}

/** Most pressing first: the order of sorting by state. */
const ORDER = [
  "needs_human",
  "failed",
  "running",
  "verifying",
  "landing",
  "assigned",
  "waiting_retry",
  "awaiting_merge",
  "ready",
  "pending",
  "completed",
  "skipped",
  "cancelled",
  "retired",
];

export function order(state: string): number {
  const at = ORDER.indexOf(state);
  return at < 0 ? ORDER.length : at;
}

export function byOrder(a: string, b: string): number {
  return order(a) - order(b) || a.localeCompare(b);
}
