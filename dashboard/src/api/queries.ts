// Every question the pages ask, and how long an answer counts.

import {
  type QueryClient,
  queryOptions,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { get, post, taskPath } from "./client";
import type {
  Account,
  Agent,
  Backup,
  Forecast,
  Graph,
  History,
  LiveEvent,
  Queue,
  Status,
  Task,
  TaskDetail,
  TaskList,
  Why,
} from "./types";

/** Events come faster than pages need: what depends on tasks is asked again at most this often. */
const REFRESH_MS = 15_000;
/** Last lines move without any event. */
const RUNNING_MS = 3_000;

export function useStatus(): UseQueryResult<Status> {
  return useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => get<Status>("/status", signal),
    refetchInterval: (query) => (query.state.data?.running.length ? RUNNING_MS : REFRESH_MS),
  });
}

const PAGE = 1_000;

/** The whole plan, page after page. */
async function everyTask(signal: AbortSignal): Promise<TaskList> {
  const known = new Map<string, Task>();
  for (let offset = 0; ; ) {
    const page = await get<TaskList>(`/tasks?limit=${PAGE}&offset=${offset}`, signal);
    const before = known.size;
    for (const task of page.tasks) known.set(task.id, task);
    offset += page.tasks.length;
    if (page.tasks.length === 0 || offset >= page.total || known.size === before) {
      return { tasks: [...known.values()], total: page.total };
    }
  }
}

export function useTasks(): UseQueryResult<TaskList> {
  return useQuery({
    queryKey: ["tasks"],
    queryFn: ({ signal }) => everyTask(signal),
    refetchInterval: 60_000,
  });
}

export function taskQuery(id: string) {
  return queryOptions({
    queryKey: ["task", id],
    queryFn: ({ signal }) => get<TaskDetail>(taskPath(id), signal),
    refetchInterval: (query) => (query.state.data?.attempts.some((a) => a.open) ? RUNNING_MS : REFRESH_MS),
  });
}

export function useTask(id: string): UseQueryResult<TaskDetail> {
  return useQuery(taskQuery(id));
}

export function useWhy(id: string): UseQueryResult<Why> {
  return useQuery({
    queryKey: ["why", id],
    queryFn: ({ signal }) => get<Why>(`${taskPath(id)}/why`, signal),
    refetchInterval: REFRESH_MS,
  });
}

export function useGraph(): UseQueryResult<Graph> {
  return useQuery({
    queryKey: ["graph"],
    queryFn: ({ signal }) => get<Graph>("/graph", signal),
    refetchInterval: 60_000,
  });
}

export function useForecast(enabled: boolean): UseQueryResult<Forecast> {
  return useQuery({
    queryKey: ["forecast"],
    queryFn: ({ signal }) => get<Forecast>("/forecast", signal),
    refetchInterval: 30_000,
    enabled,
  });
}

export function useHistory(windowMs: number): UseQueryResult<History> {
  return useQuery({
    queryKey: ["history", windowMs],
    queryFn: ({ signal }) => get<History>(`/history?since_ms=${Date.now() - windowMs}`, signal),
    refetchInterval: 30_000,
    placeholderData: (before) => before,
  });
}

export function useAccounts(): UseQueryResult<Account[]> {
  return useQuery({
    queryKey: ["accounts"],
    queryFn: async ({ signal }) => (await get<{ accounts: Account[] }>("/accounts", signal)).accounts,
    refetchInterval: REFRESH_MS,
  });
}

export function useAgents(enabled = true): UseQueryResult<Agent[]> {
  return useQuery({
    queryKey: ["agents"],
    queryFn: async ({ signal }) => (await get<{ agents: Agent[] }>("/agents", signal)).agents,
    refetchInterval: REFRESH_MS,
    enabled,
  });
}

export function useQueues(): UseQueryResult<Queue[]> {
  return useQuery({
    queryKey: ["queues"],
    queryFn: async ({ signal }) => (await get<{ queues: Queue[] }>("/queues", signal)).queues,
    refetchInterval: 5_000,
  });
}

export function useBackups(): UseQueryResult<Backup[]> {
  return useQuery({
    queryKey: ["backups"],
    queryFn: async ({ signal }) => (await get<{ backups: Backup[] }>("/backups", signal)).backups,
    refetchInterval: 60_000,
  });
}

export interface Wish {
  action: string;
  text?: string;
  agent?: string;
  reason?: string;
}

export function useIntervene(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wish: Wish) => post<Task>(`${taskPath(id)}/actions`, wish),
    onSettled: () => client.invalidateQueries(),
  });
}

export function usePause() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (what: { pause: boolean; agent?: string; account?: string }) => {
      const { pause, ...scope } = what;
      return pause ? post("/pause", scope) : post("/resume", {});
    },
    onSettled: () => client.invalidateQueries(),
  });
}

/** Applies what an event says to the tasks already fetched: the state it names, nothing guessed. */
export function apply(client: QueryClient, events: LiveEvent[]): void {
  const to = new Map(events.map((event) => [event.task, event]));
  client.setQueryData<TaskList>(
    ["tasks"],
    (list) =>
      list && {
        ...list,
        tasks: list.tasks.map((task) => {
          const event = to.get(task.id);
          return event ? { ...task, state: event.to, updated_at_ms: event.at_ms } : task;
        }),
      },
  );
  client.setQueryData<Graph>(
    ["graph"],
    (graph) =>
      graph && {
        ...graph,
        nodes: graph.nodes.map((node) => {
          const event = to.get(node.task);
          return event ? { ...node, state: event.to } : node;
        }),
      },
  );
}
