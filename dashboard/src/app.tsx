// The frame around every page: who we talk to, whether it is live, and the way to the pages.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, NavLink, Route, Routes, useLocation } from "react-router";
import { get, onRefused, setToken, token } from "./api/client";
import { LiveProvider, useLive } from "./api/live";
import { usePause, useStatus } from "./api/queries";
import { clock } from "./lib/format";
import { Agents } from "./pages/agents";
import { Overview } from "./pages/overview";
import { Plan } from "./pages/plan";
import { Queues } from "./pages/queues";
import { TaskPage } from "./pages/task";
import { TokenPage } from "./pages/token";
import { Age, Problem } from "./parts/basics";

const GraphPage = lazy(() => import("./pages/graph"));

export function App(): ReactNode {
  const client = useQueryClient();
  const [known, setKnown] = useState(token() !== null);
  const [rejected, setRejected] = useState(false);
  const session = useQuery({
    queryKey: ["session"],
    queryFn: ({ signal }) => get<{ auth_required: boolean }>("/session", signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.data ? false : 3_000),
  });
  useEffect(() => {
    onRefused(() => {
      setRejected(token() !== null);
      setToken(null);
      setKnown(false);
      void client.invalidateQueries({ queryKey: ["session"] });
    });
  }, [client]);

  if (!session.data) {
    return (
      <main className="alone">
        <Brand project={null} />
        {session.error ? <Problem error={session.error} /> : <p className="empty">Connecting…</p>}
      </main>
    );
  }
  if (session.data.auth_required && !known) {
    return (
      <TokenPage
        rejected={rejected}
        onToken={(value) => {
          setToken(value);
          setRejected(false);
          setKnown(true);
        }}
      />
    );
  }
  return (
    <LiveProvider>
      <Frame />
    </LiveProvider>
  );
}

const PAGES = [
  ["/", "Overview"],
  ["/plan", "Plan"],
  ["/graph", "Graph"],
  ["/agents", "Agents"],
  ["/queues", "Queues"],
] as const;

function Frame(): ReactNode {
  const status = useStatus();
  const { pathname } = useLocation();
  const page = PAGES.find(([path]) => (path === "/" ? pathname === "/" : pathname.startsWith(path)))?.[1];
  const attention = status.data?.attention.length ?? 0;
  useEffect(() => {
    const where = page ?? (pathname.startsWith("/task/") ? decodeURIComponent(pathname.slice(6)) : "");
    const mark = attention > 0 ? `(${attention}) ` : "";
    document.title = `${mark}${[where, status.data?.project, "CODITECT"].filter(Boolean).join(" · ")}`;
  }, [page, pathname, attention, status.data?.project]);
  return (
    <>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="top">
        <Brand project={status.data?.project ?? null} />
        <nav aria-label="Pages">
          {PAGES.map(([path, name]) => (
            <NavLink key={path} to={path} end={path === "/"}>
              {name}
              {path === "/" && attention > 0 && <span className="badge">{attention}</span>}
            </NavLink>
          ))}
        </nav>
        <div className="top-state">
          <Indicator />
          {status.data && <PauseButton paused={status.data.paused} />}
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<p className="empty">Loading…</p>}>
          <Routes>
            <Route path="/" element={<Overview />} />
            <Route path="/plan" element={<Plan />} />
            <Route path="/graph" element={<GraphPage />} />
            <Route path="/task/:id" element={<TaskPage />} />
            <Route path="/agents" element={<Agents />} />
            <Route path="/queues" element={<Queues />} />
            <Route path="*" element={<Nowhere />} />
          </Routes>
        </Suspense>
      </main>
    </>
  );
}

function Brand({ project }: { project: string | null }): ReactNode {
  return (
    <Link to="/" className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" />
        <path d="M9 16.500l5 5L23.500 11" />
      </svg>
      <b>CODITECT</b>
      {project && <span>{project}</span>}
    </Link>
  );
}

function Indicator(): ReactNode {
  const { live } = useLive();
  return (
    <output className={`indicator ${live.kind}`} data-live={live.kind}>
      <span className="dot" />
      {live.kind === "connecting" && "connecting"}
      {live.kind === "live" && <span title={live.leader ? `leader: ${live.leader}` : undefined}>live</span>}
      {live.kind === "reconnecting" && "reconnecting"}
      {live.kind === "stale" && (
        <span>
          stale since {clock(live.since_ms)} (<Age since={live.since_ms} />)
        </span>
      )}
    </output>
  );
}

function PauseButton({ paused }: { paused: boolean }): ReactNode {
  const pause = usePause();
  return (
    <button
      type="button"
      className={paused ? "primary" : ""}
      disabled={pause.isPending}
      title={
        paused
          ? "Hand out tasks again, on every account and to every agent"
          : "Hand out no further task; what runs goes on"
      }
      onClick={() => pause.mutate({ pause: !paused })}
    >
      {paused ? "Resume" : "Pause"}
      {pause.error && <span className="sr">: {pause.error.message}</span>}
    </button>
  );
}

function Nowhere(): ReactNode {
  return (
    <p className="empty">
      There is no such page. <Link to="/">To the overview</Link>
    </p>
  );
}
