// The whole plan as one table. Filters and order live in the address.

import {
  createColumnHelper,
  flexRender,
  getCoreRowModel,
  getSortedRowModel,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useStatus, useTasks } from "../api/queries";
import type { Epic, Task } from "../api/types";
import { choices, compareKeys, compareStates, filter, fromSearch } from "../lib/filters";
import { count, plural } from "../lib/format";
import { byOrder, look } from "../lib/states";
import { Ago, Answered, State, TaskLink, taskUrl } from "../parts/basics";

export function Plan(): ReactNode {
  const tasks = useTasks();
  const status = useStatus();
  return (
    <div className="page plan">
      <h1 className="sr">Plan</h1>
      <Answered query={tasks} what="The tasks">
        {(data) => <PlanTable tasks={data.tasks} epics={status.data?.epics ?? []} />}
      </Answered>
    </div>
  );
}

/** Changes the address, leaving out what is empty. */
function useFilters() {
  const [search, setSearch] = useSearchParams();
  const set = (name: string, value: string) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value) next.set(name, value);
        else next.delete(name);
        return next;
      },
      { replace: true },
    );
  return { search, set, clear: () => setSearch({}, { replace: true }) };
}

const column = createColumnHelper<Task>();

function columns(epicTitle: Map<string, string>) {
  return [
    column.accessor("key", {
      header: "Task",
      sortingFn: (a, b) => compareKeys(a.original, b.original),
      cell: ({ row }) => <TaskLink id={row.original.id}>{row.original.key}</TaskLink>,
    }),
    column.accessor("title", {
      header: "Title",
      cell: (cell) => <span title={cell.getValue()}>{cell.getValue()}</span>,
    }),
    column.accessor("state", {
      header: "State",
      sortingFn: (a, b) => compareStates(a.original, b.original),
      cell: (cell) => <State state={cell.getValue()} />,
    }),
    column.accessor("priority", {
      header: "Priority",
      cell: (cell) => <span className={`priority ${cell.getValue()}`}>{cell.getValue()}</span>,
    }),
    column.accessor((task) => epicTitle.get(task.epic ?? "") ?? task.epic ?? "", {
      id: "epic",
      header: "Epic",
    }),
    column.accessor((task) => task.agent ?? "", { id: "agent", header: "Agent" }),
    column.accessor("attempts_spent", { header: "Attempts", cell: (cell) => cell.getValue() || "" }),
    column.accessor((task) => task.updated_at_ms ?? 0, {
      id: "updated",
      header: "Changed",
      sortDescFirst: true,
      cell: (cell) => (cell.getValue() > 0 ? <Ago at={cell.getValue()} /> : ""),
    }),
  ];
}

function PlanTable({ tasks, epics }: { tasks: Task[]; epics: Epic[] }): ReactNode {
  const { search, set, clear } = useFilters();
  const filters = fromSearch(search);
  const [q, setQ] = useState(filters.q);
  const navigate = useNavigate();
  const view = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what was typed goes to the address a moment later
  useEffect(() => {
    const timer = setTimeout(() => q !== filters.q && set("q", q), 200);
    return () => clearTimeout(timer);
  }, [q]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && /INPUT|TEXTAREA|SELECT/.test(event.target.tagName);
      if (event.key !== "/" || typing) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);

  const epicTitle = useMemo(() => new Map(epics.map((epic) => [epic.id, epic.title])), [epics]);
  const address = search.toString();
  const typed = useDeferredValue(q);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address says it all
  const rows = useMemo(() => filter(tasks, { ...filters, q: typed }), [tasks, address, typed]);
  const sorting: SortingState = useMemo(() => {
    const sort = search.get("sort");
    return sort ? [{ id: sort.replace(/^-/, ""), desc: sort.startsWith("-") }] : [];
  }, [search]);
  const table = useReactTable({
    data: rows,
    columns: useMemo(() => columns(epicTitle), [epicTitle]),
    state: { sorting },
    onSortingChange: (change) => {
      const next = (typeof change === "function" ? change(sorting) : change)[0];
      set("sort", next ? `${next.desc ? "-" : ""}${next.id}` : "");
    },
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getRowId: (task) => task.id,
  });
  const model = table.getRowModel().rows;
  const narrow = useNarrow();
  const virtual = useVirtualizer({
    count: model.length,
    getScrollElement: () => view.current,
    estimateSize: () => (narrow ? 62 : 34),
    overscan: 12,
    getItemKey: (at) => model[at]?.id ?? at,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew when their height changes
  useEffect(() => virtual.measure(), [narrow]);

  const states = useMemo(() => {
    const counted = new Map<string, number>();
    for (const task of tasks) counted.set(task.state, (counted.get(task.state) ?? 0) + 1);
    return [...counted].sort(([a], [b]) => byOrder(a, b));
  }, [tasks]);
  const toggle = (state: string) =>
    set(
      "state",
      (filters.states.includes(state)
        ? filters.states.filter((s) => s !== state)
        : [...filters.states, state]
      ).join(","),
    );
  const filtered = filters.q || filters.states.length || filters.epic || filters.agent || filters.priority;

  return (
    <>
      <div className="filters">
        <input
          ref={field}
          type="search"
          placeholder="Search  /"
          aria-label="Search tasks"
          value={q}
          onChange={(e) => setQ(e.target.value)}
        />
        <Choice
          name="Epic"
          value={filters.epic}
          options={choices(tasks, (t) => t.epic).map((id) => [id, epicTitle.get(id) ?? id])}
          onChange={(v) => set("epic", v)}
        />
        <Choice
          name="Agent"
          value={filters.agent}
          options={choices(tasks, (t) => t.agent).map((a) => [a, a])}
          onChange={(v) => set("agent", v)}
        />
        <Choice
          name="Priority"
          value={filters.priority}
          options={choices(tasks, (t) => t.priority).map((p) => [p, p])}
          onChange={(v) => set("priority", v)}
        />
        <span className="dim num end" aria-live="polite" data-count={rows.length}>
          {rows.length === tasks.length
            ? plural(tasks.length, "task")
            : `${count(rows.length)} of ${plural(tasks.length, "task")}`}
        </span>
        {filtered ? (
          <button
            type="button"
            className="quiet"
            onClick={() => {
              setQ("");
              clear();
            }}
          >
            Clear
          </button>
        ) : null}
      </div>
      <fieldset className="chips">
        <legend className="sr">States</legend>
        {states.map(([state, n]) => (
          <button
            key={state}
            type="button"
            aria-pressed={filters.states.includes(state)}
            className={`chip tone-${look(state).tone}`}
            onClick={() => toggle(state)}
          >
            {look(state).label} <span className="num">{count(n)}</span>
          </button>
        ))}
      </fieldset>
      <div className="table" ref={view} role="table" aria-rowcount={rows.length + 1} aria-label="Tasks">
        <div role="rowgroup" className="table-head">
          {table.getHeaderGroups().map((group) => (
            <div role="row" className="table-row" key={group.id}>
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted();
                return (
                  <div
                    role="columnheader"
                    key={header.id}
                    className={`cell c-${header.id}`}
                    aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : "none"}
                  >
                    <button type="button" className="bare" onClick={header.column.getToggleSortingHandler()}>
                      {flexRender(header.column.columnDef.header, header.getContext())}
                      <span aria-hidden="true">
                        {sorted === "asc" ? " ↑" : sorted === "desc" ? " ↓" : ""}
                      </span>
                    </button>
                  </div>
                );
              })}
            </div>
          ))}
        </div>
        {rows.length === 0 && (
          <p className="empty">
            {tasks.length === 0 ? "The plan has no tasks yet." : "No task is like that."}
          </p>
        )}
        <div role="rowgroup" className="table-body" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = model[item.index];
            if (!row) return null;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the link in the row is what the keyboard uses
              <div
                role="row"
                key={row.id}
                aria-rowindex={item.index + 2}
                className="table-row"
                style={{ transform: `translateY(${item.start}px)`, height: item.size }}
                onClick={(event) => {
                  const selecting = window.getSelection()?.toString();
                  if (!selecting && !(event.target as HTMLElement).closest("a")) navigate(taskUrl(row.id));
                }}
              >
                {row.getVisibleCells().map((cell) => (
                  <div role="cell" key={cell.id} className={`cell c-${cell.column.id}`}>
                    {flexRender(cell.column.columnDef.cell, cell.getContext())}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

function useNarrow(): boolean {
  const query = useMemo(() => window.matchMedia("(max-width: 760px)"), []);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const change = () => setNarrow(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, [query]);
  return narrow;
}

function Choice(props: {
  name: string;
  value: string;
  options: string[][];
  onChange: (value: string) => void;
}): ReactNode {
  if (props.options.length === 0) return null;
  return (
    <select
      aria-label={props.name}
      className={props.value ? "set" : ""}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">{props.name}</option>
      {props.options.map(([id, label]) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </select>
  );
}
