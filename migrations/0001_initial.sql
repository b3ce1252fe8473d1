-- One text for SQLite and PostgreSQL: TEXT and BIGINT only, times in epoch milliseconds, lists as JSON text.

-- A plan file.
CREATE TABLE documents (
    id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    revision BIGINT NOT NULL,
    hash TEXT NOT NULL,
    diagnostics TEXT NOT NULL,
    synced_at_ms BIGINT NOT NULL
);

-- Every content of a plan file that was ever seen: equal content is a stale file, not a wish.
CREATE TABLE document_revisions (
    document_id TEXT NOT NULL REFERENCES documents (id),
    revision BIGINT NOT NULL,
    hash TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (document_id, revision)
);
CREATE INDEX document_revisions_hash ON document_revisions (document_id, hash);

-- The outermost sections of a plan, and the sections within them.
CREATE TABLE epics (
    id TEXT NOT NULL PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id),
    title TEXT NOT NULL,
    position BIGINT NOT NULL
);
CREATE TABLE features (
    id TEXT NOT NULL PRIMARY KEY,
    epic_id TEXT NOT NULL REFERENCES epics (id),
    title TEXT NOT NULL,
    position BIGINT NOT NULL
);

CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id),
    epic_id TEXT REFERENCES epics (id),
    feature_id TEXT REFERENCES features (id),
    -- As planned.
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    section TEXT NOT NULL,
    description TEXT NOT NULL,
    position BIGINT NOT NULL,
    line BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    agent TEXT,
    estimate_minutes BIGINT,
    steps TEXT NOT NULL,
    acceptance TEXT NOT NULL,
    verify TEXT NOT NULL,
    touches TEXT NOT NULL,
    script TEXT,
    dangling TEXT NOT NULL,
    -- The status marker in the file, as of the last synced revision.
    marker TEXT NOT NULL,
    -- The longest remaining chain that hangs on it, in minutes.
    rank BIGINT NOT NULL,
    -- Its progress: see core::Lifecycle.
    state TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt TEXT,
    token BIGINT NOT NULL,
    attempts_spent BIGINT NOT NULL,
    attempts_started BIGINT NOT NULL,
    due_at_ms BIGINT,
    ready_at_ms BIGINT,
    assigned_at_ms BIGINT,
    completed_at_ms BIGINT,
    failure TEXT,
    reason TEXT,
    version BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (document_id, key)
);
CREATE INDEX tasks_dispatch ON tasks (state, priority, rank DESC, ready_at_ms, position);

CREATE TABLE task_dependencies (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    depends_on TEXT NOT NULL REFERENCES tasks (id),
    -- blocks, informs, relates; only `blocks` gates
    kind TEXT NOT NULL,
    PRIMARY KEY (task_id, depends_on, kind)
);
CREATE INDEX task_dependencies_reverse ON task_dependencies (depends_on);

CREATE TABLE attempts (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    generation BIGINT NOT NULL,
    number BIGINT NOT NULL,
    token BIGINT NOT NULL,
    agent TEXT NOT NULL,
    account TEXT NOT NULL,
    executor TEXT,
    -- assigned, running, verifying, landing; then landed or failed
    state TEXT NOT NULL,
    lease_until_ms BIGINT,
    assigned_at_ms BIGINT NOT NULL,
    claimed_at_ms BIGINT,
    ended_at_ms BIGINT,
    failure TEXT,
    message TEXT,
    commit_id TEXT,
    evidence TEXT,
    cost_micros BIGINT,
    tokens_in BIGINT,
    tokens_out BIGINT,
    UNIQUE (task_id, generation, number)
);
CREATE INDEX attempts_open ON attempts (ended_at_ms, lease_until_ms);

-- The history: append-only.
CREATE TABLE task_events (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    attempt TEXT,
    -- A service, or `person:<name>`.
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX task_events_task ON task_events (task_id, at_ms);

-- What the agents printed, drained from the log streams.
CREATE TABLE agent_execution_log (
    attempt_id TEXT NOT NULL REFERENCES attempts (id),
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (attempt_id, seq)
);

CREATE TABLE executors (
    id TEXT NOT NULL PRIMARY KEY,
    pool TEXT NOT NULL,
    slots BIGINT NOT NULL,
    draining BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL
);

-- The agent definitions that were found.
CREATE TABLE agents (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    path TEXT NOT NULL,
    hash TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

-- Small facts that outlive a restart: what is paused, who leads.
CREATE TABLE orchestrator_state (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

-- What people ask for by editing a plan; applied by the orchestrator.
CREATE TABLE plan_wishes (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    -- complete, reopen, cancel, retire, restore
    wish TEXT NOT NULL,
    revision BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    applied_at_ms BIGINT,
    result TEXT
);
CREATE INDEX plan_wishes_open ON plan_wishes (applied_at_ms);
