// What part of the dependency graph is drawn: all of it, epics closed to one node each, or a task's neighbourhood.

import type { Graph, GraphEdge, GraphNode } from "../api/types";

/** The epic of tasks that have none. */
export const NO_EPIC = "";

export function epicOf(node: GraphNode): string {
  return node.epic ?? NO_EPIC;
}

/** The tasks within so many steps of one, in both directions. */
export function neighbourhood(graph: Graph, focus: string, depth: number): Set<string> {
  const found = new Set<string>([focus]);
  const walk = (next: Map<string, string[]>) => {
    let edge = [focus];
    const seen = new Set(edge);
    for (let step = 0; step < depth && edge.length > 0; step += 1) {
      edge = edge.flatMap((id) => next.get(id) ?? []).filter((id) => !seen.has(id) && seen.add(id));
      for (const id of edge) found.add(id);
    }
  };
  walk(adjacency(graph.edges, "to", "from"));
  walk(adjacency(graph.edges, "from", "to"));
  return found;
}

function adjacency(edges: GraphEdge[], by: "from" | "to", other: "from" | "to"): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const edge of edges) {
    const list = map.get(edge[by]);
    if (list) list.push(edge[other]);
    else map.set(edge[by], [edge[other]]);
  }
  return map;
}

export function restrict(graph: Graph, keep: Set<string>): Graph {
  return {
    nodes: graph.nodes.filter((node) => keep.has(node.task)),
    edges: graph.edges.filter((edge) => keep.has(edge.from) && keep.has(edge.to)),
  };
}

export interface Group {
  epic: string;
  open: boolean;
  tasks: GraphNode[];
}

export interface Link {
  from: string;
  to: string;
  /** How many dependencies it stands for. */
  weight: number;
  kind: string;
  critical: boolean;
}

export interface View {
  groups: Group[];
  /** Between whatever is drawn: tasks, or closed epics by [`closedId`]. */
  links: Link[];
}

export function closedId(epic: string): string {
  return `epic:${epic}`;
}

/** Puts tasks into their epics and draws dependencies between what is visible. */
export function view(graph: Graph, isOpen: (epic: string) => boolean): View {
  const groups = new Map<string, Group>();
  const place = new Map<string, string>();
  const critical = new Set<string>();
  for (const node of graph.nodes) {
    const epic = epicOf(node);
    let group = groups.get(epic);
    if (!group) {
      group = { epic, open: isOpen(epic), tasks: [] };
      groups.set(epic, group);
    }
    group.tasks.push(node);
    place.set(node.task, group.open ? node.task : closedId(epic));
    if (node.critical) critical.add(node.task);
  }
  const links = new Map<string, Link>();
  for (const edge of graph.edges) {
    const from = place.get(edge.from);
    const to = place.get(edge.to);
    if (from === undefined || to === undefined || from === to) continue;
    const known = links.get(`${from}\n${to}`);
    const onPath = edge.kind === "blocks" && critical.has(edge.from) && critical.has(edge.to);
    if (known) {
      known.weight += 1;
      known.critical ||= onPath;
      if (edge.kind === "blocks") known.kind = edge.kind;
    } else {
      links.set(`${from}\n${to}`, { from, to, weight: 1, kind: edge.kind, critical: onPath });
    }
  }
  return { groups: [...groups.values()], links: [...links.values()] };
}
