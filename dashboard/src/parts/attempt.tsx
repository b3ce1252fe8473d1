// One attempt: how it went, why this agent, and what it left as evidence.

import type { ReactNode } from "react";
import type { Attempt } from "../api/types";
import { type Check, isEmpty, readEvidence } from "../lib/evidence";
import { count, dateTime, duration, plural, usd } from "../lib/format";
import { Age, Facts, State } from "./basics";

export function AttemptView(props: {
  attempt: Attempt;
  open: boolean;
  shown: boolean;
  onLog: () => void;
}): ReactNode {
  const { attempt } = props;
  const began = attempt.claimed_at_ms ?? attempt.assigned_at_ms;
  return (
    <details className="attempt" open={props.open}>
      <summary>
        <span className="attempt-number">
          {attempt.generation > 1 && `g${attempt.generation} `}#{attempt.number}
        </span>
        <State state={attempt.state} />
        <span className="grow">{attempt.agent}</span>
        {attempt.failure && <code className="failure">{attempt.failure}</code>}
        <span className="num">
          {attempt.ended_at_ms !== null ? duration(attempt.ended_at_ms - began) : <Age since={began} />}
        </span>
      </summary>
      <div className="attempt-body">
        {attempt.message && <p className="message">{attempt.message}</p>}
        <Facts rows={facts(attempt)} />
        {attempt.because && attempt.because.length > 0 && (
          <>
            <h4>Why this agent</h4>
            <ul className="plain">
              {attempt.because.map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
          </>
        )}
        <EvidenceView json={attempt.evidence} />
        {!props.shown && (
          <button type="button" onClick={props.onLog}>
            Show log of attempt {attempt.number}
          </button>
        )}
      </div>
    </details>
  );
}

function facts(attempt: Attempt): [string, ReactNode][] {
  const rows: [string, ReactNode][] = [["assigned", dateTime(attempt.assigned_at_ms)]];
  if (attempt.claimed_at_ms !== null) {
    rows.push(["claimed", `${dateTime(attempt.claimed_at_ms)} by ${attempt.executor}`]);
  }
  if (attempt.ended_at_ms !== null) rows.push(["ended", dateTime(attempt.ended_at_ms)]);
  rows.push(["account", attempt.account]);
  if (attempt.runtime_version) rows.push(["runtime", attempt.runtime_version]);
  if (attempt.cost_usd !== null) rows.push(["cost", usd(attempt.cost_usd)]);
  if (attempt.tokens_in != null) rows.push(["tokens in", count(attempt.tokens_in)]);
  if (attempt.tokens_out != null) rows.push(["tokens out", count(attempt.tokens_out)]);
  if (attempt.commit) rows.push(["commit", <code key="commit">{attempt.commit.slice(0, 12)}</code>]);
  return rows;
}

function EvidenceView({ json }: { json: string | null }): ReactNode {
  const evidence = readEvidence(json);
  if (!evidence) return json ? <p className="dim">The evidence of this attempt cannot be read.</p> : null;
  if (isEmpty(evidence)) return null;
  return (
    <div className="evidence">
      <h4>Evidence</h4>
      {evidence.summary && <p>{evidence.summary}</p>}
      {evidence.no_verify && (
        <p className="warn-text">No verify command: nothing but the merge was proved.</p>
      )}
      {evidence.flags.length > 0 && (
        <>
          <p className="warn-text">
            For a person to look at
            {evidence.held_on && (
              <>
                , on the branch <code>{evidence.held_on}</code>
              </>
            )}
            :
          </p>
          <ul className="plain dashes">
            {evidence.flags.map((flag) => (
              <li key={flag}>{flag}</li>
            ))}
          </ul>
        </>
      )}
      {evidence.verify.map((check) => (
        <CheckView key={check.command} check={check} />
      ))}
      {(evidence.files.length > 0 || evidence.diff_stat) && (
        <details className="fold">
          <summary>
            {evidence.files.length > 0 ? plural(evidence.files.length, "file") : "Changes"} changed
          </summary>
          {evidence.diff_stat && <pre>{evidence.diff_stat}</pre>}
          {evidence.files.length > 0 && <pre>{evidence.files.join("\n")}</pre>}
        </details>
      )}
      {evidence.notes.length > 0 && (
        <ul className="plain">
          {evidence.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function CheckView({ check }: { check: Check }): ReactNode {
  const good = check.exit_code === 0;
  return (
    <details className="fold" open={!good}>
      <summary>
        <span className={good ? "mark good" : "mark bad"} aria-hidden="true">
          {good ? "✓" : "✗"}
        </span>
        <code className="grow">{check.command}</code>
        {check.source && <span className="dim">{check.source}</span>}
        <span className="num dim">
          {check.exit_code === null ? "no exit code" : `exit ${check.exit_code}`}
          {check.duration_ms !== null && `, ${duration(check.duration_ms)}`}
        </span>
      </summary>
      {check.tail ? <pre>{check.tail}</pre> : <p className="dim">It printed nothing.</p>}
    </details>
  );
}
