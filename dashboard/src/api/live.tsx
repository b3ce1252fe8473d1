// The one live connection: what it hears is applied at once and asked for anew, many events in one go.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { apply } from "./queries";
import { follow } from "./sse";
import type { LiveEvent } from "./types";

export type Live =
  | { kind: "connecting" }
  | { kind: "live"; leader: string | null }
  | { kind: "reconnecting" }
  /** What is on screen was true at this time. */
  | { kind: "stale"; since_ms: number };

interface Connection {
  live: Live;
  /** The server's clock minus ours. */
  skew_ms: number;
}

const Context = createContext<Connection>({ live: { kind: "connecting" }, skew_ms: 0 });

export function useLive(): Connection {
  return useContext(Context);
}

/** The time by the server's clock, moving on by itself. */
export function useNow(every_ms = 1_000): number {
  const { skew_ms } = useLive();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now + skew_ms;
}

/** A broken connection that comes back within this time is nobody's business. */
const STALE_MS = 4_000;
const SOON_MS = 400;
/** A hidden page lets go of its connection: a browser has only six for each server. */
const HIDDEN_MS = 20_000;

/** Collects events and hands them on together. */
export function coalesce(client: QueryClient): { add: (event: LiveEvent) => void; stop: () => void } {
  let waiting: LiveEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;
  let whole: ReturnType<typeof setTimeout> | null = null;
  // After a break the server tells again what it may have told already.
  const told = new Map<string, number>();
  const flush = () => {
    timer = null;
    const events = waiting;
    waiting = [];
    apply(client, events);
    for (const key of ["status", "accounts", "agents", "history"]) {
      void client.invalidateQueries({ queryKey: [key] });
    }
    for (const task of new Set(events.map((event) => event.task))) {
      void client.invalidateQueries({ queryKey: ["task", task] });
    }
    void client.invalidateQueries({ queryKey: ["why"] });
    // States are right already; the rest of a long list can wait a moment.
    whole ??= setTimeout(() => {
      whole = null;
      void client.invalidateQueries({ queryKey: ["tasks"] });
      void client.invalidateQueries({ queryKey: ["graph"] });
    }, 3_000);
  };
  return {
    add: (event) => {
      if (event.at_ms < (told.get(event.task) ?? 0)) return;
      told.set(event.task, event.at_ms);
      waiting.push(event);
      timer ??= setTimeout(flush, SOON_MS);
    },
    stop: () => {
      if (timer) clearTimeout(timer);
      if (whole) clearTimeout(whole);
    },
  };
}

export function LiveProvider({ children }: { children: ReactNode }): ReactNode {
  const client = useQueryClient();
  const [connection, setConnection] = useState<Connection>({ live: { kind: "connecting" }, skew_ms: 0 });

  useEffect(() => {
    const events = coalesce(client);
    const set = (live: Live) => setConnection((before) => ({ ...before, live }));
    let heard = Date.now();
    let stale: ReturnType<typeof setTimeout> | null = null;
    let leave: ReturnType<typeof setTimeout> | null = null;
    let stop: (() => void) | null = null;
    let first = true;

    const connect = () => {
      stop ??= follow(() => "/api/v1/events", {
        alive: () => {
          heard = Date.now();
        },
        open: () => {
          heard = Date.now();
          if (stale) clearTimeout(stale);
          stale = null;
          set({ kind: "live", leader: null });
          // Whatever happened meanwhile.
          if (!first) void client.invalidateQueries();
          first = false;
        },
        message: (message) => {
          if (message.event === "hello") {
            const hello = JSON.parse(message.data) as {
              now_ms: number;
              leader: string | null;
              missed?: boolean;
            };
            setConnection({
              live: { kind: "live", leader: hello.leader },
              skew_ms: hello.now_ms - Date.now(),
            });
            if (hello.missed) void client.invalidateQueries();
          } else if (message.event === "task") {
            events.add(JSON.parse(message.data) as LiveEvent);
          }
        },
        lost: () => {
          if (stale) return;
          set({ kind: "reconnecting" });
          stale = setTimeout(() => set({ kind: "stale", since_ms: heard }), STALE_MS);
        },
      });
    };
    const visibility = () => {
      if (document.visibilityState === "hidden") {
        leave ??= setTimeout(() => {
          stop?.();
          stop = null;
        }, HIDDEN_MS);
      } else {
        if (leave) clearTimeout(leave);
        leave = null;
        connect();
      }
    };
    connect();
    document.addEventListener("visibilitychange", visibility);
    return () => {
      document.removeEventListener("visibilitychange", visibility);
      if (stale) clearTimeout(stale);
      if (leave) clearTimeout(leave);
      stop?.();
      events.stop();
    };
  }, [client]);

  return <Context value={connection}>{children}</Context>;
}
