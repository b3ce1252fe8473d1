// The small parts that every page is made of.

import { type ReactNode, useId } from "react";
import { Link } from "react-router";
import { ApiError } from "../api/client";
import { useNow } from "../api/live";
import { age, ago, dateTime } from "../lib/format";
import { look } from "../lib/states";

export function State({ state }: { state: string }): ReactNode {
  const { label, tone } = look(state);
  return <span className={`state tone-${tone}`}>{label}</span>;
}

export function Card(props: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  flush?: boolean;
}): ReactNode {
  const id = useId();
  return (
    <section className={`card ${props.flush ? "flush" : ""} ${props.className ?? ""}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.aside && <div className="aside">{props.aside}</div>}
      </header>
      <div className="body">{props.children}</div>
    </section>
  );
}

export function Empty({ children }: { children: ReactNode }): ReactNode {
  return <p className="empty">{children}</p>;
}

/** What went wrong, and what to do about it. */
export function Problem({ error, what }: { error: unknown; what?: string }): ReactNode {
  const known = error instanceof ApiError ? error : null;
  return (
    <div className="notice bad" role="alert">
      <strong>{what ? `${what}: ` : ""}</strong>
      {known ? known.message : String(error)}
      {known?.help && <p>{known.help}</p>}
    </div>
  );
}

/** An answer, or what stands in for it: still asking, or an error. Old data stays on screen beside an error. */
export function Answered<T>(props: {
  query: { data: T | undefined; error: unknown };
  what: string;
  children: (data: T) => ReactNode;
}): ReactNode {
  const { data, error } = props.query;
  return (
    <>
      {error != null && <Problem error={error} what={`${props.what} could not be read`} />}
      {data !== undefined ? props.children(data) : error == null && <p className="empty">Loading…</p>}
    </>
  );
}

export function Age({ since, every }: { since: number; every?: number }): ReactNode {
  const now = useNow(every);
  return <time title={dateTime(since)}>{age(now - since)}</time>;
}

export function Ago({ at }: { at: number }): ReactNode {
  const now = useNow(10_000);
  return <time title={dateTime(at)}>{ago(now - at)}</time>;
}

export function Until({ at }: { at: number }): ReactNode {
  const now = useNow();
  return <time title={dateTime(at)}>{at > now ? `in ${age(at - now)}` : "now"}</time>;
}

export function taskUrl(id: string): string {
  return `/task/${encodeURIComponent(id)}`;
}

export function TaskLink({ id, children }: { id: string; children?: ReactNode }): ReactNode {
  return <Link to={taskUrl(id)}>{children ?? id}</Link>;
}

/** A share of a whole, as a bar. */
export function Meter(props: {
  parts: { value: number; tone: string; label: string }[];
  total: number;
}): ReactNode {
  const said = props.parts.map((part) => `${part.value} ${part.label}`).join(", ");
  return (
    <span
      className="meter"
      role="img"
      aria-label={`${said}, of ${props.total}`}
      title={`${said}, of ${props.total}`}
    >
      {props.total > 0 &&
        props.parts.map(
          (part) =>
            part.value > 0 && (
              <i
                key={part.label}
                className={`fill-${part.tone}`}
                style={{ width: `${(100 * part.value) / props.total}%` }}
              />
            ),
        )}
    </span>
  );
}

export function Facts({ rows }: { rows: [string, ReactNode][] }): ReactNode {
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
