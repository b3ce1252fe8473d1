// The evidence of an attempt: JSON that an executor wrote, read without trust.

export interface Check {
  command: string;
  /** Where it comes from: task, plan, project. */
  source: string | null;
  exit_code: number | null;
  tail: string;
  duration_ms: number | null;
}

export interface Evidence {
  verify: Check[];
  commit: string | null;
  diff_stat: string | null;
  files: string[];
  notes: string[];
  summary: string | null;
  no_verify: boolean;
  /** What a person has, or had, to look at before the result lands. */
  flags: string[];
  /** The branch the result waits on. */
  held_on: string | null;
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function name(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "path" in value) return String(value.path);
  return JSON.stringify(value);
}

/** An attempt that came to nothing leaves nothing to look at. */
export function isEmpty(evidence: Evidence): boolean {
  const { verify, files, notes, flags, diff_stat, summary, no_verify } = evidence;
  return (
    verify.length + files.length + notes.length + flags.length === 0 && !diff_stat && !summary && !no_verify
  );
}

export function readEvidence(json: string | null): Evidence | null {
  if (!json) return null;
  let raw: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== "object" || parsed === null) return null;
    raw = parsed as Record<string, unknown>;
  } catch {
    return null;
  }
  return {
    verify: list(raw.verify).map((item) => {
      const check = (typeof item === "object" && item !== null ? item : {}) as Record<string, unknown>;
      return {
        command: text(check.command) ?? "(unnamed)",
        source: text(check.source),
        exit_code: number(check.exit_code),
        tail: text(check.tail) ?? "",
        duration_ms: number(check.duration_ms),
      };
    }),
    commit: text(raw.commit),
    diff_stat: text(raw.diff_stat),
    files: list(raw.files).map(name),
    notes: list(raw.notes).map(name),
    summary: text(raw.summary),
    no_verify: raw.no_verify === true,
    flags: list(raw.flags).map(name),
    held_on: text(raw.held_on),
  };
}
