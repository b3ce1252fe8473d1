// One task: why it is where it is, what was tried, what was said, and what can be done about it.

import { type ReactNode, useState } from "react";
import { Link, useParams } from "react-router";
import { useStatus, useTask, useWhy } from "../api/queries";
import type { TaskDetail, Why } from "../api/types";
import { dateTime, plural } from "../lib/format";
import { happenings, reasonBeside } from "../lib/words";
import { Actions } from "../parts/actions";
import { AttemptView } from "../parts/attempt";
import { Ago, Answered, Card, Empty, Facts, State, TaskLink, Until } from "../parts/basics";
import { Log } from "../parts/log";

export function TaskPage(): ReactNode {
  const { id = "" } = useParams();
  const detail = useTask(id);
  return (
    <div className="page task-page">
      <Answered query={detail} what={`Task ${id}`}>
        {(data) => <Detail key={id} detail={data} />}
      </Answered>
    </div>
  );
}

function Detail({ detail }: { detail: TaskDetail }): ReactNode {
  const { task } = detail;
  const attempts = [...detail.attempts].sort(
    (a, b) => b.assigned_at_ms - a.assigned_at_ms || b.number - a.number,
  );
  const newest = attempts[0];
  const [chosen, setChosen] = useState<number | null>(null);
  const shown = chosen ?? newest?.number ?? null;
  const moving = ["assigned", "running", "verifying", "landing", "completed"].includes(task.state);
  return (
    <>
      <header className="task-head">
        <div className="row-head">
          <code>{task.key}</code>
          <State state={task.state} />
          <span className={`priority ${task.priority}`}>{task.priority}</span>
          <Link className="end" to={`/graph?focus=${encodeURIComponent(task.id)}`}>
            Show in graph
          </Link>
        </div>
        <h1>{task.title}</h1>
        {(task.failure || task.reason) && (
          <p className={`reason ${task.state === "needs_human" || task.state === "failed" ? "strong" : ""}`}>
            {task.failure && <code className="failure">{task.failure}</code>}{" "}
            {reasonBeside(task.failure, task.reason)}
          </p>
        )}
        <Actions task={task.id} actions={detail.actions ?? []} />
      </header>
      <div className="columns wide-left">
        <div className="stack">
          {!moving && <WhyCard id={task.id} />}
          {shown !== null && (
            <Card title="Log" flush>
              <Log
                task={task.id}
                taskKey={task.key}
                attempt={shown}
                open={attempts.some((attempt) => attempt.number === shown && attempt.open)}
              />
            </Card>
          )}
          <Card title="Attempts" aside={<span className="dim">{task.attempts_spent} spent</span>} flush>
            {attempts.length === 0 && <Empty>Nothing has been tried yet.</Empty>}
            {attempts.map((attempt) => (
              <AttemptView
                key={attempt.id}
                attempt={attempt}
                open={attempt === newest}
                shown={attempt.number === shown}
                onLog={() => setChosen(attempt.number)}
              />
            ))}
          </Card>
          {detail.answers && detail.answers.length > 0 && (
            <Card title="Answers" flush>
              <ul className="rows">
                {detail.answers.map((answer) => (
                  <li key={`${answer.at_ms}${answer.answer}`} className="problem">
                    {answer.question && <p className="dim">{answer.question}</p>}
                    <p>{answer.answer}</p>
                    <p className="dim">
                      {answer.actor}, <Ago at={answer.at_ms} />
                    </p>
                  </li>
                ))}
              </ul>
            </Card>
          )}
          <Words detail={detail} />
        </div>
        <div className="stack">
          <Card title="Task">
            <TaskFacts detail={detail} />
          </Card>
          <Dependencies detail={detail} />
          <Held held={detail.held} />
          <Delivered delivered={detail.delivered} />
          <Proof detail={detail} />
          <HistoryCard detail={detail} />
        </div>
      </div>
    </>
  );
}

/** A result that waits, or waited, for a person's word because of what it changes. */
function Held({ held }: { held: TaskDetail["held"] }): ReactNode {
  if (!held) return null;
  const by = held.decided_by ? ` by ${held.decided_by.replace(/^person:/, "")}` : "";
  return (
    <Card title={`Result ${held.verdict}${by}`}>
      <ul className="plain dashes">
        {held.flags.map((flag) => (
          <li key={flag}>{flag}</li>
        ))}
      </ul>
      <p className="dim">
        <code>{held.commit.slice(0, 12)}</code> on <code>{held.branch}</code>
      </p>
    </Card>
  );
}

/** A result that others merge, or have merged. */
function Delivered({ delivered }: { delivered: TaskDetail["delivered"] }): ReactNode {
  if (!delivered) return null;
  const by = delivered.decided_by?.startsWith("person:")
    ? ` by ${delivered.decided_by.replace(/^person:/, "")}`
    : "";
  const title = delivered.verdict === "waiting" ? "waits to be merged" : delivered.verdict.replace("_", " ");
  return (
    <Card title={`Result ${title}${by}`}>
      <p>
        <code>{delivered.commit.slice(0, 12)}</code> on <code>{delivered.branch}</code>
      </p>
      {delivered.url && /^https?:\/\//.test(delivered.url) && (
        <p>
          <a href={delivered.url} target="_blank" rel="noreferrer">
            Request {delivered.number}
          </a>
        </p>
      )}
      {delivered.trouble && <p className="reason">{delivered.trouble}</p>}
    </Card>
  );
}

/** What proves a result of the task. */
function Proof({ detail: { verify, verify_sources = [], changes } }: { detail: TaskDetail }): ReactNode {
  return (
    <Card title="Verified by">
      {verify.length === 0 && (
        <p className="warn-text">No verify command: nothing but the merge is proved.</p>
      )}
      {verify.map((command, at) => (
        <div key={command}>
          <pre>{command}</pre>
          {verify_sources[at] && <p className="dim">from the {verify_sources[at]}</p>}
        </div>
      ))}
      {changes === "none" && (
        <p className="dim">Nothing of its result lands: the plan says it changes nothing.</p>
      )}
      {changes === "optional" && <p className="dim">A result that changes nothing will do.</p>}
    </Card>
  );
}

/** What the plan says of it. */
function Words({ detail: { description, steps = [], acceptance = [] } }: { detail: TaskDetail }): ReactNode {
  if (!description && steps.length + acceptance.length === 0) return null;
  return (
    <Card title="Description">
      {description && <div className="description">{description}</div>}
      {steps.length > 0 && <Items title="Steps" items={steps} />}
      {acceptance.length > 0 && <Items title="Acceptance" items={acceptance} />}
    </Card>
  );
}

function Items({ title, items }: { title: string; items: string[] }): ReactNode {
  return (
    <>
      <h4>{title}</h4>
      <ul className="plain dashes">
        {items.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
    </>
  );
}

/** What is at the root of a wait, in words; an unknown cause is shown as it is. */
const CAUSES: Record<string, string> = {
  ready: "waits for a slot",
  running: "is being worked on",
  retrying: "is tried again soon",
  person: "needs a person",
  merge: "waits to be merged",
  blocking: "ended without being completed",
  dangling: "depends on what no plan has",
  cycle: "is part of a circle",
  held: "is marked blocked in the plan",
};

function TaskFacts({ detail: { task } }: { detail: TaskDetail }): ReactNode {
  const status = useStatus();
  const epic = status.data?.epics?.find((e) => e.id === task.epic);
  const rows: [string, ReactNode][] = [];
  rows.push(["agent", task.agent ?? <span className="dim">chosen when it is assigned</span>]);
  if (task.epic) {
    rows.push([
      "epic",
      <Link key="epic" to={`/plan?epic=${encodeURIComponent(task.epic)}`}>
        {epic?.title ?? task.epic}
      </Link>,
    ]);
  }
  if (task.section) rows.push(["section", task.section]);
  rows.push([
    "place",
    <code key="place">
      {task.document}:{task.line}
    </code>,
  ]);
  rows.push(["id", <code key="id">{task.id}</code>]);
  if (task.generation > 1) rows.push(["generation", task.generation]);
  if (task.due_at_ms !== null) rows.push(["due", <Until key="due" at={task.due_at_ms} />]);
  if (task.completed_at_ms !== null) rows.push(["completed", dateTime(task.completed_at_ms)]);
  return <Facts rows={rows} />;
}

function WhyCard({ id }: { id: string }): ReactNode {
  const why = useWhy(id);
  return (
    <Card title="Why it is where it is">
      <Answered query={why} what="The explanation">
        {(data) => <WhyText why={data} />}
      </Answered>
    </Card>
  );
}

/** What a task waits for once its dependencies are met, by its state. */
const REST: Record<string, string> = {
  pending: "Everything it depends on is met: it is about to be ready.",
  ready: "Everything it depends on is met: it waits for a slot.",
  waiting_retry: "Its last attempt failed; it is tried again when the time has come.",
  awaiting_merge: "Its result waits to be merged by others.",
  needs_human: "Only a person can help: see the reason above.",
  failed: "It was given up: see the reason above.",
  cancelled: "A person stopped it.",
  skipped: "A person left it out.",
  retired: "It is gone from the plan.",
};

function WhyText({ why }: { why: Why }): ReactNode {
  const nothing = !why.held && why.unmet.length === 0 && why.cycle.length === 0 && why.dangling.length === 0;
  return (
    <div className="why">
      {nothing && <p>{REST[why.state] ?? "No dependency holds it back."}</p>}
      {why.held && <p>It is {why.held}, and goes on when the mark is gone.</p>}
      {why.cycle.length > 0 && (
        <p>
          It is part of a circle, which only a change of the plan can open:{" "}
          {why.cycle.map((task, at) => (
            <span key={task}>
              {at > 0 && " → "}
              <TaskLink id={task} />
            </span>
          ))}
        </p>
      )}
      {why.dangling.length > 0 && (
        <p>
          It depends on what no plan has: <code>{why.dangling.join(", ")}</code>
        </p>
      )}
      {why.unmet.length > 0 && (
        <>
          <p>It waits for {plural(why.unmet.length, "dependency", "dependencies")}:</p>
          <ul className="plain">
            {why.unmet.map((item) => (
              <li key={item.task} className="row-head">
                <State state={item.state} /> <TaskLink id={item.task} />
                <span className="dim ellipsis">
                  {item.title}
                  {item.agent && ` · ${item.agent}`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {why.roots.length > 0 && (
        <>
          <p>At the root of it:</p>
          <ul className="plain">
            {why.roots.map((root) => (
              <li key={root.task}>
                <TaskLink id={root.task} />{" "}
                <span className="dim">
                  {root.title} {CAUSES[root.cause] ?? root.cause}
                  {root.holds_up > 1 && `; ${plural(root.holds_up, "task")} wait for it`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {why.skipped.length > 0 && (
        <p className="dim">Left out, so that they count as done for it: {why.skipped.join(", ")}.</p>
      )}
      {why.set_aside.length > 0 && (
        <p className="dim">
          Set aside, because they wait for each other: its dependency on {why.set_aside.join(", ")}.
        </p>
      )}
      {why.holds_up > 0 && <p className="dim">It holds up {plural(why.holds_up, "other task")}.</p>}
    </div>
  );
}

function Dependencies({ detail }: { detail: TaskDetail }): ReactNode {
  const { dependencies, dependents, dangling } = detail;
  return (
    <Card title="Dependencies" flush>
      {dependencies.length + dependents.length + dangling.length === 0 && (
        <Empty>None, in either direction.</Empty>
      )}
      {dependencies.length > 0 && (
        <ul className="rows deps">
          {dependencies.map((dependency) => (
            <li key={`${dependency.task}${dependency.kind}`}>
              <span
                className={dependency.met ? "mark good" : "mark"}
                title={dependency.met ? "met" : "not met"}
              >
                {dependency.met ? "✓" : "○"}
              </span>
              <TaskLink id={dependency.task}>{dependency.title || dependency.task}</TaskLink>
              {dependency.kind !== "blocks" && <span className="dim">{dependency.kind}</span>}
              <span className="end">
                <State state={dependency.state} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {dangling.length > 0 && (
        <p className="pad bad-text">
          Names that no plan has: <code>{dangling.join(", ")}</code>
        </p>
      )}
      {dependents.length > 0 && (
        <details className="fold pad" open={dependents.length <= 6}>
          <summary>
            {plural(dependents.length, "task")} depend{dependents.length === 1 ? "s" : ""} on it
          </summary>
          <ul className="plain">
            {dependents.map((id) => (
              <li key={id}>
                <TaskLink id={id} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function HistoryCard({ detail }: { detail: TaskDetail }): ReactNode {
  const events = happenings(detail.events);
  return (
    <Card title="History" flush>
      {events.length === 0 && <Empty>Nothing has happened to it yet.</Empty>}
      <ol className="history">
        {events.map((event, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: events have no name of their own
          <li key={`${event.at_ms}-${at}`}>
            <div className="row-head">
              {event.from && <span className="dim">{event.from.replaceAll("_", " ")} →</span>}
              <State state={event.to} />
              <span className="dim end">
                <Ago at={event.at_ms} />
              </span>
            </div>
            <p className="dim">
              {event.actor}
              {event.trigger && `: ${event.trigger}`}
            </p>
            {event.news && <p className="dim">{event.news}</p>}
          </li>
        ))}
      </ol>
    </Card>
  );
}
