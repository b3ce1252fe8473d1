// What the orchestrator says of failures, without saying it twice.

import type { TaskEvent } from "../api/types";

/** The reason beside its failure class, which it often begins with. */
export function reasonBeside(failure: string | null, reason: string | null): string {
  const text = reason ?? "";
  return failure && text.startsWith(`${failure}:`) ? text.slice(failure.length + 1).trimStart() : text;
}

export interface Happening extends TaskEvent {
  /** What brought the task here. */
  trigger: string;
  /** Why, where that is news: a reason stays with a task until the next one. */
  news: string;
}

/** The history, newest first. */
export function happenings(events: TaskEvent[]): Happening[] {
  let before = "";
  const told = events
    .map((event, at) => ({ event, at }))
    .sort((a, b) => a.event.at_ms - b.event.at_ms || a.at - b.at);
  return told
    .map(({ event }) => {
      const cut = event.cause.indexOf(":");
      const trigger = cut < 0 ? event.cause : event.cause.slice(0, cut);
      const reason = cut < 0 ? "" : event.cause.slice(cut + 1).trim();
      const news = reason === before ? "" : reason;
      before = reason;
      return { ...event, trigger: trigger.replaceAll("_", " "), news };
    })
    .reverse();
}
