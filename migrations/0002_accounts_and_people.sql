-- Accounts, circuit breakers, leadership, and what people say.

-- Why the dispatcher chose the agent: a JSON list of sentences. What ran: the version the agent's program reports.
ALTER TABLE attempts ADD COLUMN because TEXT;
ALTER TABLE attempts ADD COLUMN runtime_version TEXT;

-- The agent that a person gave the task to, over the plan's.
ALTER TABLE tasks ADD COLUMN agent_override TEXT;

-- What people told a task's next attempts.
CREATE TABLE task_answers (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    generation BIGINT NOT NULL,
    actor TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX task_answers_task ON task_answers (task_id, at_ms);

-- Accounts that take no new attempts, and until when; without a time, until a person resumes them.
CREATE TABLE account_pauses (
    account TEXT NOT NULL PRIMARY KEY,
    -- rate_limited, auth, budget_exceeded
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_ms BIGINT,
    at_ms BIGINT NOT NULL
);

-- Circuit breakers of agents and accounts: see core::Breaker.
CREATE TABLE circuit_breakers (
    -- agent, account
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    -- closed, open, half_open
    state TEXT NOT NULL,
    -- Failures in a row.
    failures BIGINT NOT NULL,
    -- How often it has opened in a row; the pause grows with it.
    opens BIGINT NOT NULL,
    open_until_ms BIGINT,
    -- The attempt that probes a half-open breaker.
    probe TEXT,
    version BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

-- Who leads a service, and until when unless renewed. The epoch grows with every change of leader.
CREATE TABLE leases (
    service TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX attempts_account ON attempts (account, ended_at_ms);
CREATE INDEX task_events_time ON task_events (at_ms);
