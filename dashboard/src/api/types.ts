// What the orchestrator answers, as `/api/v1` has it: snake_case, times in epoch milliseconds, absent optionals null.

export const TASK_STATES = [
  "pending",
  "ready",
  "assigned",
  "running",
  "verifying",
  "landing",
  "completed",
  "waiting_retry",
  "awaiting_merge",
  "needs_human",
  "failed",
  "cancelled",
  "skipped",
  "retired",
] as const;

export interface Attempt {
  id: string;
  task: string;
  generation: number;
  number: number;
  agent: string;
  account: string;
  executor: string;
  state: string;
  open: boolean;
  assigned_at_ms: number;
  claimed_at_ms: number | null;
  ended_at_ms: number | null;
  failure: string | null;
  message: string | null;
  commit: string | null;
  /** JSON text; see `lib/evidence.ts`. */
  evidence: string | null;
  cost_usd: number | null;
  tokens_in?: number | null;
  tokens_out?: number | null;
  title: string;
  because?: string[] | null;
  runtime_version?: string | null;
  last_line?: string | null;
  last_line_at_ms?: number | null;
}

export interface Task {
  id: string;
  key: string;
  title: string;
  state: string;
  priority: string;
  section: string;
  agent: string | null;
  generation: number;
  attempts_spent: number;
  failure: string | null;
  reason: string | null;
  due_at_ms: number | null;
  line: number;
  document: string;
  completed_at_ms: number | null;
  epic?: string | null;
  rank?: number | null;
  updated_at_ms?: number | null;
}

export interface PlanProblem {
  severity: string;
  code: string;
  path: string;
  line: number;
  column: number;
  message: string;
  help: string;
}

export interface Figure {
  name: string;
  label: string;
  /** null: nothing has been measured yet. */
  value: number | null;
  unit: string;
  target: number | null;
  comparison: ">=" | "<=";
  met: boolean | null;
  basis: string;
}

export interface Epic {
  id: string;
  title: string;
  document: string;
  total: number;
  completed: number;
  active: number;
  attention: number;
}

export interface Status {
  project: string;
  by_state: Record<string, number>;
  total: number;
  running: Attempt[];
  attention: Task[];
  paused: boolean;
  slots: number;
  executors: number;
  done: boolean;
  stuck: boolean;
  /** Open tasks that no verify command proves. */
  unproved?: number;
  problems: PlanProblem[];
  figures?: Figure[];
  epics?: Epic[];
  now_ms?: number;
  leader?: string | null;
}

export interface TaskList {
  tasks: Task[];
  total: number;
}

export interface Dependency {
  task: string;
  kind: string;
  state: string;
  met: boolean;
  title: string;
}

export interface TaskEvent {
  from: string;
  to: string;
  attempt: string;
  actor: string;
  cause: string;
  at_ms: number;
}

export interface Answer {
  actor: string;
  question: string | null;
  answer: string;
  at_ms: number;
}

export interface HeldResult {
  branch: string;
  commit: string;
  flags: string[];
  verdict: string;
  decided_by?: string | null;
}

export interface DeliveredResult {
  branch: string;
  commit: string;
  /** The pull request, once it is open. */
  number?: number | null;
  url?: string | null;
  /** What the forge refused last. */
  trouble?: string | null;
  verdict: string;
  decided_by?: string | null;
}

export interface TaskDetail {
  task: Task;
  description?: string | null;
  steps?: string[];
  acceptance?: string[];
  dependencies: Dependency[];
  dependents: string[];
  attempts: Attempt[];
  events: TaskEvent[];
  dangling: string[];
  verify: string[];
  /** Where each of `verify` comes from: task, plan, project. */
  verify_sources?: string[];
  /** Whether the task changes anything: required, optional, none. */
  changes?: string;
  /** Its last result that was held because of what it changes. */
  held?: HeldResult | null;
  /** Its last result that was left on a branch to be merged by others. */
  delivered?: DeliveredResult | null;
  answers?: Answer[];
  actions?: string[];
}

export interface Why {
  task: string;
  state: string;
  ready: boolean;
  unmet: { task: string; state: string; title: string; agent?: string | null }[];
  roots: { task: string; cause: string; title: string; agent?: string | null; holds_up: number }[];
  skipped: string[];
  set_aside: string[];
  cycle: string[];
  dangling: string[];
  dependents: string[] | number;
  holds_up: number;
  held?: string;
}

export interface Forecast {
  slots: number;
  now_ms: number;
  finish_ms: number;
  factor: number;
  measured: number;
  tasks: { task: string; start_ms: number; finish_ms: number; slack_ms: number | null }[];
  held: string[];
}

export interface LogLine {
  seq: number;
  at_ms: number;
  kind: string;
  text: string;
}

export interface GraphNode {
  task: string;
  key: string;
  title: string;
  state: string;
  epic: string | null;
  priority: string;
  critical: boolean;
}

export interface GraphEdge {
  from: string;
  to: string;
  kind: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface Bucket {
  at_ms: number;
  completed: number;
  failed: number;
}

export interface History {
  buckets: Bucket[];
  bucket_ms: number;
}

export interface Breaker {
  state: string;
  failures: number;
  open_until_ms: number | null;
}

export interface Account {
  name: string;
  paused: boolean;
  cause: string | null;
  reason: string | null;
  until_ms: number | null;
  active: number;
  max_concurrent: number | null;
  spent_today_usd: number | null;
  daily_budget_usd: number | null;
  breaker: Breaker | null;
}

export interface Agent {
  name: string;
  description: string | null;
  active: number;
  completed: number;
  failed: number;
  breaker: Breaker | null;
  paused?: boolean;
}

export interface Queue {
  stream: string;
  group: string | null;
  depth: number;
  lag: number | null;
  pending: number | null;
  /** The age of the oldest entry. */
  oldest_ms: number | null;
}

export interface Backup {
  file: string;
  bytes: number;
  at_ms: number;
  tasks: number | null;
  events: number | null;
}

export interface LiveEvent {
  task: string;
  from: string;
  to: string;
  attempt: string | null;
  actor: string;
  at_ms: number;
}
