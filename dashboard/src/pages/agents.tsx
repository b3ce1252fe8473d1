// Who works, on whose account, and what holds them back.

import type { ReactNode } from "react";
import { Link } from "react-router";
import { useAccounts, useAgents, usePause } from "../api/queries";
import type { Account, Agent, Breaker } from "../api/types";
import { count, plural, usd } from "../lib/format";
import { Answered, Card, Empty, Meter, Problem, Until } from "../parts/basics";

export function Agents(): ReactNode {
  const accounts = useAccounts();
  const agents = useAgents();
  return (
    <div className="page stack">
      <h1 className="sr">Agents and accounts</h1>
      <Card title="Accounts" flush>
        <Answered query={accounts} what="The accounts">
          {(list) => <AccountTable accounts={list} />}
        </Answered>
      </Card>
      <Card title="Agents" flush>
        <Answered query={agents} what="The agents">
          {(list) => <AgentTable agents={list} />}
        </Answered>
      </Card>
    </div>
  );
}

function AccountTable({ accounts }: { accounts: Account[] }): ReactNode {
  if (accounts.length === 0) return <Empty>No account is configured.</Empty>;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Account</th>
            <th>State</th>
            <th className="num">Active</th>
            <th className="num">Spent today</th>
            <th>Breaker</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {accounts.map((account) => (
            <tr key={account.name}>
              <th scope="row">{account.name}</th>
              <td>
                {account.paused ? (
                  <>
                    <span className="state tone-wait">paused</span>{" "}
                    {account.cause && <code className="failure">{account.cause}</code>} {account.reason}
                    {account.until_ms !== null && (
                      <span className="dim">
                        {" "}
                        resumes <Until at={account.until_ms} />
                      </span>
                    )}
                  </>
                ) : (
                  <span className="state tone-good">available</span>
                )}
              </td>
              <td className="num">
                {account.active}
                {account.max_concurrent !== null && ` of ${account.max_concurrent}`}
              </td>
              <td className="num">
                <Spent account={account} />
              </td>
              <td>
                <BreakerView breaker={account.breaker} />
              </td>
              <td className="num">{!account.paused && <PauseScope account={account.name} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Spent({ account: { spent_today_usd, daily_budget_usd } }: { account: Account }): ReactNode {
  if (spent_today_usd === null) return "–";
  if (daily_budget_usd === null) return usd(spent_today_usd);
  const share = spent_today_usd / daily_budget_usd;
  return (
    <span className="with-meter">
      <span>
        {usd(spent_today_usd)} <span className="dim">of {usd(daily_budget_usd)}</span>
      </span>
      <Meter
        total={daily_budget_usd}
        parts={[
          {
            value: Math.min(spent_today_usd, daily_budget_usd),
            tone: share >= 1 ? "bad" : share > 0.8 ? "wait" : "active",
            label: "US dollars",
          },
        ]}
      />
    </span>
  );
}

function AgentTable({ agents }: { agents: Agent[] }): ReactNode {
  if (agents.length === 0) return <Empty>No agent definition was found.</Empty>;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Agent</th>
            <th className="num">Active</th>
            <th className="num">Completed</th>
            <th className="num">Failed</th>
            <th>Breaker</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {agents.map((agent) => (
            <tr key={agent.name}>
              <th scope="row">
                <Link to={`/plan?agent=${encodeURIComponent(agent.name)}`}>{agent.name}</Link>
                {agent.description && <span className="description-line">{agent.description}</span>}
              </th>
              <td className="num">{count(agent.active)}</td>
              <td className="num">{count(agent.completed)}</td>
              <td className="num">{count(agent.failed)}</td>
              <td>
                <BreakerView breaker={agent.breaker} />
              </td>
              <td className="num">
                {agent.paused ? (
                  <span className="state tone-wait">paused</span>
                ) : (
                  <PauseScope agent={agent.name} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function BreakerView({ breaker }: { breaker: Breaker | null }): ReactNode {
  if (!breaker) return <span className="dim">–</span>;
  const tone = breaker.state === "closed" ? "good" : breaker.state === "open" ? "bad" : "wait";
  return (
    <>
      <span className={`state tone-${tone}`}>{breaker.state.replaceAll("_", " ")}</span>
      {breaker.failures > 0 && <span className="dim"> {plural(breaker.failures, "failure")}</span>}
      {breaker.state === "open" && breaker.open_until_ms !== null && (
        <span className="dim">
          {", tried again "}
          <Until at={breaker.open_until_ms} />
        </span>
      )}
    </>
  );
}

function PauseScope(scope: { account?: string; agent?: string }): ReactNode {
  const pause = usePause();
  const what = scope.account ?? scope.agent ?? "";
  return (
    <>
      <button
        type="button"
        className="small"
        aria-label={`Pause ${what}`}
        disabled={pause.isPending}
        onClick={() => pause.mutate({ pause: true, ...scope })}
      >
        Pause
      </button>
      {pause.error && <Problem error={pause.error} what="Not paused" />}
    </>
  );
}
