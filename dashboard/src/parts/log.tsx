// What an attempt says, line by line, as it says it.

import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { taskPath } from "../api/client";
import { follow } from "../api/sse";
import type { LogLine } from "../api/types";
import { clock, count } from "../lib/format";
import { Problem } from "./basics";

/** More than a browser should hold is on the command line. */
const MOST = 5_000;

type Phase = { kind: "open" } | { kind: "ended" } | { kind: "lost"; error: unknown };

export function Log({
  task,
  taskKey,
  attempt,
}: {
  task: string;
  taskKey: string;
  attempt: number;
}): ReactNode {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [dropped, setDropped] = useState(0);
  const [phase, setPhase] = useState<Phase>({ kind: "open" });
  const [following, setFollowing] = useState(true);
  const view = useRef<HTMLDivElement>(null);

  useEffect(() => {
    setLines([]);
    setDropped(0);
    setPhase({ kind: "open" });
    let last = 0;
    let waiting: LogLine[] = [];
    let frame = 0;
    const flush = () => {
      frame = 0;
      const fresh = waiting;
      waiting = [];
      setLines((before) => {
        const all = before.concat(fresh);
        return all.length > MOST ? all.slice(all.length - MOST) : all;
      });
      total += fresh.length;
      setDropped(Math.max(0, total - MOST));
    };
    let total = 0;
    const stop = follow(() => `/api/v1${taskPath(task)}/log/stream?attempt=${attempt}&after=${last}`, {
      open: () => setPhase({ kind: "open" }),
      message: (message) => {
        if (message.event === "line") {
          const line = JSON.parse(message.data) as LogLine;
          if (line.seq <= last) return;
          last = line.seq;
          waiting.push(line);
          frame ||= requestAnimationFrame(flush);
        } else if (message.event === "ended") {
          stop();
          setPhase({ kind: "ended" });
        }
      },
      lost: (_, error) => setPhase({ kind: "lost", error }),
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [task, attempt]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the view
  useLayoutEffect(() => {
    if (following && view.current) view.current.scrollTop = view.current.scrollHeight;
  }, [lines, following]);

  const scrolled = () => {
    const at = view.current;
    if (at) setFollowing(at.scrollHeight - at.scrollTop - at.clientHeight < 24);
  };

  return (
    <div className="log">
      <div className="log-bar">
        <span className={phase.kind === "open" ? "dot active" : "dot"} />
        <span>
          {phase.kind === "open" && "live"}
          {phase.kind === "ended" && "ended"}
          {phase.kind === "lost" && "reconnecting…"}
        </span>
        <span className="dim">attempt {attempt}</span>
        {dropped > 0 && (
          <span className="dim">
            the last {count(MOST)} lines; all of them: <code>coditect logs {taskKey}</code>
          </span>
        )}
        <label className="check">
          <input
            type="checkbox"
            checked={following}
            onChange={(event) => setFollowing(event.target.checked)}
          />
          Follow
        </label>
      </div>
      {phase.kind === "lost" && phase.error != null && <Problem error={phase.error} what="The log stopped" />}
      <div
        className="log-lines"
        ref={view}
        onScroll={scrolled}
        tabIndex={0}
        role="log"
        aria-label="Log"
        aria-live="off"
      >
        {lines.length === 0 && (
          <p className="empty">{phase.kind === "ended" ? "It said nothing." : "Nothing yet."}</p>
        )}
        {lines.map((line) => (
          <div key={line.seq} className={`line kind-${line.kind.replaceAll(/[^a-z]/gi, "-")}`}>
            <time>{clock(line.at_ms)}</time>
            <b>{line.kind}</b>
            <span>{line.text}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
