// The plan's filters, which live in the address: a link shows others the same.

import type { Task } from "../api/types";
import { order } from "./states";

export interface Filters {
  q: string;
  states: string[];
  epic: string;
  agent: string;
  priority: string;
}

export function fromSearch(search: URLSearchParams): Filters {
  return {
    q: search.get("q") ?? "",
    states: (search.get("state") ?? "").split(",").filter(Boolean),
    epic: search.get("epic") ?? "",
    agent: search.get("agent") ?? "",
    priority: search.get("priority") ?? "",
  };
}

/** Every word has to be found somewhere in the task. */
export function filter(tasks: Task[], filters: Filters): Task[] {
  const words = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  const states = new Set(filters.states);
  return tasks.filter((task) => {
    if (states.size > 0 && !states.has(task.state)) return false;
    if (filters.epic && (task.epic ?? "") !== filters.epic) return false;
    if (filters.agent && (task.agent ?? "") !== filters.agent) return false;
    if (filters.priority && task.priority !== filters.priority) return false;
    if (words.length === 0) return true;
    const text = `${task.id}\n${task.key}\n${task.title}\n${task.section}\n${task.agent ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Keys as people count: 1.2 before 1.10. */
const collator = new Intl.Collator("en", { numeric: true });

export function compareKeys(a: Task, b: Task): number {
  return collator.compare(a.key, b.key) || collator.compare(a.id, b.id);
}

export function compareStates(a: Task, b: Task): number {
  return order(a.state) - order(b.state);
}

/** The values there are, each once. */
export function choices(tasks: Task[], of: (task: Task) => string | null | undefined): string[] {
  const found = new Set<string>();
  for (const task of tasks) {
    const value = of(task);
    if (value) found.add(value);
  }
  return [...found].sort(collator.compare);
}
