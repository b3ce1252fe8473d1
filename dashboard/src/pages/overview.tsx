// How it goes: the five figures, what runs, what needs a person, and what is wrong.

import { lazy, type ReactNode, Suspense, useState } from "react";
import { Link } from "react-router";
import { useAccounts, useForecast, useHistory, useStatus, useTask } from "../api/queries";
import type { Account, Attempt, Epic, Figure, Forecast, PlanProblem, Status, Task } from "../api/types";
import { count, dateTime, duration, measure, plural, usd } from "../lib/format";
import { byOrder, look } from "../lib/states";
import { reasonBeside } from "../lib/words";
import { Actions } from "../parts/actions";
import { Age, Ago, Answered, Card, Empty, Meter, Problem, State, TaskLink, Until } from "../parts/basics";

const Throughput = lazy(() => import("../parts/throughput"));

export function Overview(): ReactNode {
  const status = useStatus();
  return (
    <div className="page overview">
      <h1 className="sr">Overview</h1>
      <Answered query={status} what="The status">
        {(data) => (
          <>
            <Banner status={data} />
            {data.figures && data.figures.length > 0 && <Figures figures={data.figures} done={data.done} />}
            <States status={data} />
            <div className="columns">
              <div className="stack">
                <Attention tasks={data.attention} />
                <Running runs={data.running} slots={data.slots} executors={data.executors} />
                <ThroughputCard />
              </div>
              <div className="stack">
                <Unproved tasks={data.unproved ?? 0} />
                <Problems problems={data.problems} />
                <Prediction done={data.done || data.total === 0} />
                <Epics epics={data.epics ?? []} />
                <Accounts />
              </div>
            </div>
          </>
        )}
      </Answered>
    </div>
  );
}

function Banner({ status }: { status: Status }): ReactNode {
  if (status.done && status.total > 0) return <div className="notice good">The plan is done.</div>;
  if (status.paused) {
    return <div className="notice warn">Paused: no further task is handed out. What runs goes on.</div>;
  }
  if (status.stuck) {
    return (
      <div className="notice bad">
        Nothing can move any more without a person: see what needs one, and the problems of the plan.
      </div>
    );
  }
  if (status.executors === 0 && status.total > 0) {
    return <div className="notice warn">No executor has reported: ready tasks wait until one does.</div>;
  }
  return null;
}

/** That nothing proves the results of some tasks. */
function Unproved({ tasks }: { tasks: number }): ReactNode {
  if (tasks === 0) return null;
  return (
    <div className="notice warn">
      {plural(tasks, "open task")} {tasks === 1 ? "has" : "have"} no verify command: that a result can be
      merged is all that is proved of it.
    </div>
  );
}

function Figures({ figures, done }: { figures: Figure[]; done: boolean }): ReactNode {
  return (
    <section className="figures" aria-label="Go or no-go">
      {figures.map((figure) => (
        <FigureTile key={figure.name} figure={figure} done={done} />
      ))}
    </section>
  );
}

/** While the plan goes on, a count of tasks has not missed its target: it is on its way. */
function verdictOf({ name, value, met }: Figure, done: boolean): string | null {
  if (value === null) return "not measured yet";
  if (met === null) return null;
  if (met) return "met";
  return name === "tasks_completed" && !done ? "not yet" : "missed";
}

function FigureTile({ figure, done }: { figure: Figure; done: boolean }): ReactNode {
  const { value, target, unit } = figure;
  const verdict = verdictOf(figure, done);
  const sign = figure.comparison === "<=" ? "≤" : "≥";
  return (
    <article
      className={`figure ${verdict === "met" ? "is-good" : verdict === "missed" ? "is-bad" : ""}`}
      data-figure={figure.name}
    >
      <h2>{figure.label}</h2>
      <p className="figure-value">{value === null ? <span className="dim">–</span> : measure(value, unit)}</p>
      <p className="figure-target">
        {verdict && <span className={`verdict ${verdict.split(" ")[0]}`}>{verdict}</span>}
        <span className="dim">
          {target === null ? "no target" : `target ${sign} ${measure(target, unit)}`}
        </span>
      </p>
      <p className="figure-basis">{figure.basis}</p>
    </article>
  );
}

function States({ status }: { status: Status }): ReactNode {
  const states = Object.entries(status.by_state)
    .filter(([, n]) => n > 0)
    .sort(([a], [b]) => byOrder(a, b));
  return (
    <section className="states" aria-label="Tasks by state">
      <Meter
        total={status.total}
        parts={[...states]
          .sort(([a], [b]) => rank(a) - rank(b))
          .map(([state, value]) => ({ value, tone: look(state).tone, label: look(state).label }))}
      />
      <ul>
        {states.map(([state, n]) => (
          <li key={state}>
            <Link to={`/plan?state=${state}`}>
              <State state={state} /> <b className="num">{count(n)}</b>
            </Link>
          </li>
        ))}
        <li className="dim">
          <Link to="/plan">{plural(status.total, "task")} in all</Link>
        </li>
      </ul>
    </section>
  );
}

/** Along the bar: what is done, what moves, what is wrong, what waits. */
const ALONG = ["good", "off", "active", "ready", "wait", "attention", "bad", "idle"];
const rank = (state: string) => ALONG.indexOf(look(state).tone);

const SHOWN = 6;

function Attention({ tasks }: { tasks: Task[] }): ReactNode {
  return (
    <Card
      title="Needs a person"
      aside={tasks.length > 0 && <span className="badge">{tasks.length}</span>}
      flush
    >
      {tasks.length === 0 && <Empty>Nothing needs a person.</Empty>}
      <ul className="rows">
        {tasks.slice(0, SHOWN).map((task) => (
          <AttentionRow key={task.id} task={task} />
        ))}
      </ul>
      {tasks.length > SHOWN && (
        <p className="more">
          <Link to="/plan?state=needs_human,failed,awaiting_merge">
            {plural(tasks.length - SHOWN, "more task")} in the plan
          </Link>
        </p>
      )}
    </Card>
  );
}

function AttentionRow({ task }: { task: Task }): ReactNode {
  const detail = useTask(task.id);
  return (
    <li className="attention" data-task={task.id}>
      <div className="row-head">
        <State state={task.state} />
        <TaskLink id={task.id}>
          <b>{task.key}</b> {task.title}
        </TaskLink>
        {task.updated_at_ms != null && (
          <span className="dim end">
            <Ago at={task.updated_at_ms} />
          </span>
        )}
      </div>
      <p className="reason">
        {task.failure && <code className="failure">{task.failure}</code>}{" "}
        {reasonBeside(task.failure, task.reason)}
      </p>
      {detail.error && <Problem error={detail.error} what="Its actions could not be read" />}
      {detail.data && <Actions task={task.id} actions={detail.data.actions ?? []} />}
    </li>
  );
}

function Running({
  runs,
  slots,
  executors,
}: {
  runs: Attempt[];
  slots: number;
  executors: number;
}): ReactNode {
  const aside = (
    <span className="dim">
      {runs.length} of {plural(slots, "slot")}, {plural(executors, "executor")}
    </span>
  );
  return (
    <Card title="Running" aside={aside} flush>
      {runs.length === 0 && <Empty>No attempt is open.</Empty>}
      <ul className="rows">
        {runs.map((run) => (
          <li key={run.id} className="run">
            <div className="row-head">
              <State state={run.state} />
              <TaskLink id={run.task}>{run.title}</TaskLink>
              <span className="num end" title="since it was claimed, or assigned">
                <Age since={run.claimed_at_ms ?? run.assigned_at_ms} />
              </span>
            </div>
            <div className="row-sub dim">
              <code className="ellipsis">{run.task}</code>
              <span>
                {run.agent} · {run.account}
                {run.number > 1 && ` · attempt ${run.number}`}
                {run.cost_usd !== null && ` · ${usd(run.cost_usd)}`}
              </span>
            </div>
            {run.last_line && (
              <p className="last-line">
                <code>{run.last_line}</code>
                {run.last_line_at_ms != null && (
                  <span className="dim num">
                    <Age since={run.last_line_at_ms} />
                  </span>
                )}
              </p>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

const HOUR = 3_600_000;
const WINDOWS: [string, number][] = [
  ["6 h", 6 * HOUR],
  ["24 h", 24 * HOUR],
  ["7 d", 168 * HOUR],
];

function ThroughputCard(): ReactNode {
  const [span, setSpan] = useState(24 * HOUR);
  const history = useHistory(span);
  const choice = (
    <fieldset className="segments">
      <legend className="sr">Time shown</legend>
      {WINDOWS.map(([label, ms]) => (
        <button key={label} type="button" aria-pressed={span === ms} onClick={() => setSpan(ms)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
  return (
    <Card title="Throughput" aside={choice}>
      <Answered query={history} what="The history">
        {(data) => (
          <Suspense fallback={<div className="chart" />}>
            <Throughput history={data} span_ms={span} />
          </Suspense>
        )}
      </Answered>
    </Card>
  );
}

function Problems({ problems }: { problems: PlanProblem[] }): ReactNode {
  if (problems.length === 0) return null;
  return (
    <Card title="Problems of the plan" aside={<span className="badge">{problems.length}</span>} flush>
      <ul className="rows">
        {problems.map((problem) => (
          <li key={`${problem.path}:${problem.line}:${problem.column}:${problem.code}`} className="problem">
            <p>
              <b className={problem.severity === "error" ? "bad-text" : "warn-text"}>{problem.severity}</b>{" "}
              {problem.message}
            </p>
            <p className="dim">
              <code>
                {problem.path}:{problem.line}:{problem.column}
              </code>{" "}
              {problem.code}
            </p>
            {problem.help && <p>{problem.help}</p>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** When all would be done, if it goes on as it went so far. */
function Prediction({ done }: { done: boolean }): ReactNode {
  const forecast = useForecast(!done);
  if (done) return null;
  return (
    <Card title="Prediction">
      <Answered query={forecast} what="The prediction">
        {(data) => <Predicted forecast={data} />}
      </Answered>
    </Card>
  );
}

function Predicted({ forecast }: { forecast: Forecast }): ReactNode {
  const { slots, now_ms, finish_ms, measured, tasks, held } = forecast;
  if (tasks.length === 0) return <Empty>As things are, no task can start.</Empty>;
  return (
    <>
      <p>
        Done in <b className="num">{duration(finish_ms - now_ms)}</b> with {plural(slots, "slot")}, at{" "}
        {dateTime(finish_ms)}.
      </p>
      <p className="dim">
        From{" "}
        {measured === 0 ? "estimates alone" : `estimates and what ${plural(measured, "finished task")} took`};
        failures to come are not in it
        {held.length > 0 && `, nor ${plural(held.length, "task")} that cannot start as things are`}.
      </p>
    </>
  );
}

function Epics({ epics }: { epics: Epic[] }): ReactNode {
  return (
    <Card title="Progress by epic" flush>
      {epics.length === 0 && <Empty>The plan has no epics.</Empty>}
      <ul className="epics">
        {epics.map((epic) => (
          <li key={epic.id}>
            <Link to={`/plan?epic=${encodeURIComponent(epic.id)}`} title={epic.document}>
              <span className="ellipsis">{epic.title}</span>
              <span className="num dim">
                {count(epic.completed)} / {count(epic.total)}
              </span>
              <Meter
                total={epic.total}
                parts={[
                  { value: epic.completed, tone: "good", label: "completed" },
                  { value: epic.active, tone: "active", label: "active" },
                  { value: epic.attention, tone: "attention", label: "need a person" },
                ]}
              />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Accounts(): ReactNode {
  const accounts = useAccounts();
  return (
    <Card title="Accounts" aside={<Link to="/agents">Agents and accounts</Link>} flush>
      <Answered query={accounts} what="The accounts">
        {(list) => (
          <ul className="rows">
            {list.map((account) => (
              <AccountRow key={account.name} account={account} />
            ))}
            {list.length === 0 && <Empty>No account is configured.</Empty>}
          </ul>
        )}
      </Answered>
    </Card>
  );
}

function AccountRow({ account }: { account: Account }): ReactNode {
  const breaker = account.breaker;
  return (
    <li className="run">
      <div className="row-head">
        <span
          className={`dot ${account.paused ? "warn" : breaker && breaker.state !== "closed" ? "bad" : "good"}`}
        />
        <b>{account.name}</b>
        <span className="end num dim">
          {account.active}
          {account.max_concurrent !== null && ` of ${account.max_concurrent}`}
          {account.spent_today_usd !== null && ` · ${usd(account.spent_today_usd)}`}
          {account.spent_today_usd !== null &&
            account.daily_budget_usd !== null &&
            ` of ${usd(account.daily_budget_usd)}`}
        </span>
      </div>
      {account.paused && (
        <p className="reason">
          Paused{account.cause && ` (${account.cause.replaceAll("_", " ")})`}
          {account.reason ? `: ${account.reason}` : "."}
          {account.until_ms !== null && (
            <>
              {" Resumes"} <Until at={account.until_ms} />
            </>
          )}
        </p>
      )}
      {breaker && breaker.state !== "closed" && (
        <p className="reason">
          Breaker {breaker.state.replaceAll("_", " ")} after {plural(breaker.failures, "failure")}
          {breaker.open_until_ms !== null && (
            <>
              , tried again <Until at={breaker.open_until_ms} />
            </>
          )}
        </p>
      )}
    </li>
  );
}
