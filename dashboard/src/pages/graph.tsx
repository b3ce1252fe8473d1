// The dependency graph: epics as boxes that open and close, or what surrounds one task.

import {
  Background,
  BackgroundVariant,
  Controls,
  type Edge,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, type ReactNode, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useGraph, useStatus } from "../api/queries";
import type { Graph, GraphNode } from "../api/types";
import { count, plural } from "../lib/format";
import { closedId, epicOf, NO_EPIC, neighbourhood, restrict, type View, view } from "../lib/graph";
import type { Placed, Shape } from "../lib/layout";
import { byOrder, look } from "../lib/states";
import { Answered, Meter, taskUrl } from "../parts/basics";

/** Above this, epics are closed at first. */
const MANY = 260;

export default function GraphPage(): ReactNode {
  const graph = useGraph();
  return (
    <div className="page graph-page">
      <h1 className="sr">Dependency graph</h1>
      <Answered query={graph} what="The graph">
        {(data) =>
          data.nodes.length === 0 ? (
            <p className="empty">The plan has no tasks yet.</p>
          ) : (
            <ReactFlowProvider>
              <Explorer graph={data} />
            </ReactFlowProvider>
          )
        }
      </Answered>
    </div>
  );
}

function Explorer({ graph }: { graph: Graph }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const status = useStatus();
  const focus = search.get("focus") ?? "";
  const depth = Number(search.get("depth") ?? "2") || 2;
  const toggled = search.get("toggle") ?? "";
  const mode = search.get("show") ?? (graph.nodes.length > MANY ? "epics" : "tasks");
  const mark = search.get("state") ?? "";
  const set = (changes: Record<string, string>) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: true },
    );

  const titles = useMemo(
    () => new Map((status.data?.epics ?? []).map((epic) => [epic.id, epic.title])),
    [status.data?.epics],
  );
  const known = focus === "" || graph.nodes.some((node) => node.task === focus);
  const shown = useMemo(
    () => (focus && known ? restrict(graph, neighbourhood(graph, focus, depth)) : graph),
    [graph, focus, known, depth],
  );
  const drawn = useMemo(() => {
    const flipped = new Set(toggled.split("|").filter(Boolean));
    return view(shown, (epic) => focus !== "" || (mode === "tasks") !== flipped.has(epic || "-"));
  }, [shown, toggled, mode, focus]);
  const placed = useLayout(drawn);
  const toggle = (epic: string) => {
    const flipped = new Set(toggled.split("|").filter(Boolean));
    const name = epic || "-";
    if (!flipped.delete(name)) flipped.add(name);
    set({ toggle: [...flipped].join("|") });
  };
  const states = useMemo(() => {
    const counted = new Map<string, number>();
    for (const node of shown.nodes) counted.set(node.state, (counted.get(node.state) ?? 0) + 1);
    return [...counted].sort(([a], [b]) => byOrder(a, b));
  }, [shown]);
  const critical = shown.nodes.filter((node) => node.critical).length;

  return (
    <>
      <div className="filters">
        <Finder graph={graph} onFind={(id) => set({ focus: id })} />
        {focus ? (
          <>
            <span className="focus-name">
              around <code>{graph.nodes.find((node) => node.task === focus)?.key ?? focus}</code>
            </span>
            <fieldset className="segments">
              <legend className="sr">Steps</legend>
              {[1, 2, 3, 99].map((steps) => (
                <button
                  key={steps}
                  type="button"
                  aria-pressed={depth === steps}
                  onClick={() => set({ depth: String(steps) })}
                >
                  {steps === 99 ? "all" : plural(steps, "step")}
                </button>
              ))}
            </fieldset>
            <button type="button" className="quiet" onClick={() => set({ focus: "", depth: "" })}>
              Whole graph
            </button>
          </>
        ) : (
          <fieldset className="segments">
            <legend className="sr">Detail</legend>
            {["epics", "tasks"].map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={mode === name}
                onClick={() => set({ show: name, toggle: "" })}
              >
                {name === "epics" ? "Epics" : "Tasks"}
              </button>
            ))}
          </fieldset>
        )}
        <span className="dim num end">
          {plural(shown.nodes.length, "task")}, {count(shown.edges.length)}{" "}
          {shown.edges.length === 1 ? "dependency" : "dependencies"}
        </span>
      </div>
      <fieldset className="chips">
        <legend className="sr">States</legend>
        {states.map(([state, n]) => (
          <button
            key={state}
            type="button"
            aria-pressed={mark === state}
            className={`chip tone-${look(state).tone}`}
            onClick={() => set({ state: mark === state ? "" : state })}
          >
            {look(state).label} <span className="num">{count(n)}</span>
          </button>
        ))}
        {critical > 0 && (
          <span className="chip-note">
            <i className="critical-sample" /> critical path, {plural(critical, "task")}
          </span>
        )}
      </fieldset>
      {!known && <p className="empty">No task is called {focus}.</p>}
      <Canvas
        drawn={drawn}
        placed={placed}
        titles={titles}
        focus={focus}
        mark={mark}
        onToggle={focus ? null : toggle}
        onFocus={(id) => set({ focus: id })}
      />
    </>
  );
}

/** Lays out in a worker, and again only where the shape has changed: states come and go without anything moving. */
function useLayout(drawn: View): Map<string, Placed> | null {
  const [placed, setPlaced] = useState<Map<string, Placed> | null>(null);
  const worker = useRef<Worker | null>(null);
  const turn = useRef(0);
  const [narrow] = useState(() => window.matchMedia("(max-width: 760px)").matches);
  const shape: Shape = useMemo(
    () => ({
      groups: drawn.groups.map((group) => ({
        id: closedId(group.epic),
        tasks: group.open ? group.tasks.map((task) => task.task) : [],
      })),
      links: drawn.links.map((link) => [link.from, link.to]),
      aspect: narrow ? 0.7 : 1.8,
    }),
    [drawn, narrow],
  );
  const name = useMemo(() => JSON.stringify(shape), [shape]);
  useEffect(() => {
    const made = new Worker(new URL("../lib/layout.worker.ts", import.meta.url), { type: "module" });
    made.onmessage = ({ data }: MessageEvent<{ turn: number; placed: Placed[] }>) => {
      if (data.turn === turn.current) setPlaced(new Map(data.placed.map((item) => [item.id, item])));
    };
    worker.current = made;
    return () => made.terminate();
  }, []);
  useEffect(() => {
    turn.current += 1;
    worker.current?.postMessage({ turn: turn.current, shape: JSON.parse(name) as Shape });
  }, [name]);
  return placed;
}

type TaskData = { task: GraphNode; faded: boolean; focused: boolean };
type EpicData = {
  title: string;
  open: boolean;
  tasks: GraphNode[];
  faded: boolean;
  onToggle: (() => void) | null;
};

function Canvas(props: {
  drawn: View;
  placed: Map<string, Placed> | null;
  titles: Map<string, string>;
  focus: string;
  mark: string;
  onToggle: ((epic: string) => void) | null;
  onFocus: (task: string) => void;
}): ReactNode {
  const { drawn, placed, titles, focus, mark } = props;
  const [over, setOver] = useState<string | null>(null);
  const navigate = useNavigate();
  const flow = useReactFlow();
  const far = useStore((store) => store.transform[2] < 0.55);
  const near = useMemo(() => {
    if (!over) return null;
    const ids = new Set([over]);
    for (const link of drawn.links) {
      if (link.from === over) ids.add(link.to);
      if (link.to === over) ids.add(link.from);
    }
    return ids;
  }, [over, drawn]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the handlers only reach for the address
  const nodes = useMemo(() => {
    if (!placed) return [];
    const made: Node[] = [];
    for (const group of drawn.groups) {
      const at = placed.get(closedId(group.epic));
      if (!at) continue;
      const data: EpicData = {
        title: group.epic === NO_EPIC ? "No epic" : (titles.get(group.epic) ?? group.epic),
        open: group.open,
        tasks: group.tasks,
        faded: mark !== "" && !group.open && !group.tasks.some((task) => task.state === mark),
        onToggle: props.onToggle ? () => props.onToggle?.(group.epic) : null,
      };
      made.push({
        id: at.id,
        type: group.open ? "group-box" : "epic",
        position: { x: at.x, y: at.y },
        width: at.width,
        height: at.height,
        data,
        selectable: false,
        ...(group.open ? { focusable: false, zIndex: -1 } : {}),
      });
    }
    for (const group of drawn.groups) {
      if (!group.open) continue;
      for (const task of group.tasks) {
        const at = placed.get(task.task);
        if (!at?.parent) continue;
        const data: TaskData = {
          task,
          faded: (mark !== "" && task.state !== mark) || (near !== null && !near.has(task.task)),
          focused: task.task === focus,
        };
        made.push({
          id: task.task,
          type: "task",
          parentId: at.parent,
          position: { x: at.x, y: at.y },
          width: at.width,
          height: at.height,
          data,
          ariaLabel: `${task.key} ${task.title}, ${look(task.state).label}`,
        });
      }
    }
    return made;
  }, [placed, drawn, titles, mark, near, focus]);

  const edges = useMemo(() => {
    if (!placed) return [];
    return drawn.links
      .filter((link) => placed.has(link.from) && placed.has(link.to))
      .map((link): Edge => {
        const apart = placed.get(link.from)?.parent !== placed.get(link.to)?.parent;
        const touched = over !== null && (link.from === over || link.to === over);
        const kinds = ["link", link.kind === "blocks" ? "" : "soft", link.critical ? "critical" : ""];
        kinds.push(touched ? "touched" : over !== null ? "faded" : apart && focus === "" ? "apart" : "");
        return {
          id: `${link.from} ${link.to}`,
          source: link.from,
          target: link.to,
          className: kinds.filter(Boolean).join(" "),
          ...(link.weight > 1 ? { label: String(link.weight) } : {}),
          markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: "var(--edge)" },
          focusable: false,
          zIndex: link.critical || touched ? 1 : 0,
        };
      });
  }, [placed, drawn, over, focus]);

  const shape =
    placed && nodes.length > 0
      ? `${drawn.groups.map((g) => `${g.epic}${g.open}`).join()}${nodes.length}`
      : "";
  useEffect(() => {
    if (!shape) return;
    const frame = requestAnimationFrame(() => void flow.fitView({ padding: 0.06, maxZoom: 1.1 }));
    return () => cancelAnimationFrame(frame);
  }, [shape, flow]);

  return (
    <div className={far ? "canvas far" : "canvas"} data-ready={nodes.length > 0}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        minZoom={0.04}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        onlyRenderVisibleElements={nodes.length > 800}
        onNodeMouseEnter={(_, node) => node.type !== "group-box" && setOver(node.id)}
        onNodeMouseLeave={() => setOver(null)}
        onNodeClick={(event, node) => {
          if (node.type !== "task") return;
          if (event.metaKey || event.ctrlKey || node.id === focus) navigate(taskUrl(node.id));
          else props.onFocus(node.id);
        }}
        proOptions={{ hideAttribution: false }}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1} color="var(--line-strong)" />
        <Controls showInteractive={false} />
      </ReactFlow>
      {nodes.length === 0 && <p className="empty">Laying out…</p>}
      <p className="hint">
        {focus ? "Click the task in the middle to open it." : "Click a task to see what surrounds it."}
      </p>
    </div>
  );
}

const TaskNode = memo(({ data }: NodeProps) => {
  const { task, faded, focused } = data as TaskData;
  const { tone, label } = look(task.state);
  return (
    <div
      className={`task-node tone-${tone} ${task.critical ? "critical" : ""} ${faded ? "faded" : ""} ${focused ? "focused" : ""}`}
      title={`${task.key} ${task.title}\n${label}`}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <b>
        {task.key}
        <span>{label}</span>
      </b>
      <p>{task.title}</p>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
});

const EpicNode = memo(({ data }: NodeProps) => {
  const { title, tasks, faded, onToggle } = data as EpicData;
  const count = (tones: string[]) => tasks.filter((task) => tones.includes(look(task.state).tone)).length;
  const done = count(["good"]);
  return (
    <button
      type="button"
      className={`epic-node ${faded ? "faded" : ""} ${tasks.some((task) => task.critical) ? "critical" : ""}`}
      onClick={onToggle ?? undefined}
      title="Open"
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <b>{title}</b>
      <span className="dim num">
        {done} of {plural(tasks.length, "task")} completed
      </span>
      <Meter
        total={tasks.length}
        parts={[
          { value: done, tone: "good", label: "completed" },
          { value: count(["off"]), tone: "off", label: "left out" },
          { value: count(["active"]), tone: "active", label: "active" },
          { value: count(["attention"]), tone: "attention", label: "need a person" },
          { value: count(["bad"]), tone: "bad", label: "failed" },
        ]}
      />
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </button>
  );
});

const GroupBox = memo(({ data }: NodeProps) => {
  const { title, tasks, onToggle } = data as EpicData;
  return (
    <div className="group-box">
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <button
        type="button"
        className="bare"
        onClick={onToggle ?? undefined}
        disabled={!onToggle}
        title="Close"
      >
        <b>{title}</b> <span className="dim num">{tasks.length}</span>
      </button>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
});

const NODE_TYPES = { task: TaskNode, epic: EpicNode, "group-box": GroupBox };

function Finder({ graph, onFind }: { graph: Graph; onFind: (id: string) => void }): ReactNode {
  const [text, setText] = useState("");
  const query = useDeferredValue(text.trim().toLowerCase());
  const found = useMemo(
    () =>
      query.length < 1
        ? []
        : graph.nodes
            .filter((node) => `${node.key} ${node.title} ${epicOf(node)}`.toLowerCase().includes(query))
            .slice(0, 8),
    [graph, query],
  );
  const choose = (node: GraphNode | undefined) => {
    if (!node) return;
    setText("");
    onFind(node.task);
  };
  return (
    <form
      className="finder"
      onSubmit={(event) => {
        event.preventDefault();
        choose(found[0]);
      }}
    >
      <input
        type="search"
        placeholder="Find a task"
        aria-label="Find a task"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && setText("")}
      />
      {found.length > 0 && (
        <ul>
          {found.map((node) => (
            <li key={node.task}>
              <button type="button" onClick={() => choose(node)}>
                <b>{node.key}</b> {node.title}
              </button>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}
