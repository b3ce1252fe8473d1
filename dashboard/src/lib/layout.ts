// Where everything goes. Each epic is laid out by itself, then the epics as boxes: groups stay together, and a
// graph of thousands is many small ones.

import dagre from "@dagrejs/dagre";

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface GroupShape {
  id: string;
  /** Empty: the group is closed and is drawn as one node. */
  tasks: string[];
}

export interface Shape {
  groups: GroupShape[];
  links: [string, string][];
}

export interface Placed extends Box {
  x: number;
  y: number;
  parent: string | null;
}

export const TASK = { width: 204, height: 48 };
export const CLOSED = { width: 248, height: 92 };
const PAD = 14;
const HEAD = 34;
const GAP_X = 44;
const GAP_Y = 14;

export function layout(shape: Shape): Placed[] {
  const owner = new Map<string, string>();
  for (const group of shape.groups) {
    owner.set(group.id, group.id);
    for (const task of group.tasks) owner.set(task, group.id);
  }
  const inner = new Map<string, [string, string][]>();
  const outer = new Map<string, [string, string]>();
  for (const [from, to] of shape.links) {
    const a = owner.get(from);
    const b = owner.get(to);
    if (a === undefined || b === undefined) continue;
    if (a !== b) outer.set(`${a}\n${b}`, [a, b]);
    else inner.set(a, [...(inner.get(a) ?? []), [from, to]]);
  }
  const placed: Placed[] = [];
  const boxes: Box[] = shape.groups.map((group) => {
    if (group.tasks.length === 0) return { id: group.id, ...CLOSED };
    const inside = arrange(
      group.tasks.map((id) => ({ id, ...TASK })),
      inner.get(group.id) ?? [],
      { x: GAP_X, y: GAP_Y },
    );
    for (const item of inside.items) {
      placed.push({ ...item, x: item.x + PAD, y: item.y + HEAD, parent: group.id });
    }
    return { id: group.id, width: inside.width + 2 * PAD, height: inside.height + HEAD + PAD };
  });
  const outside = arrange(boxes, [...outer.values()], { x: 96, y: 36 });
  // Parents before children, as the drawing wants them.
  return [...outside.items.map((item) => ({ ...item, parent: null })), ...placed];
}

interface Arranged {
  items: (Box & { x: number; y: number })[];
  width: number;
  height: number;
}

/** What is connected goes into layers from left to right, what is not into rows below. */
function arrange(boxes: Box[], links: [string, string][], gap: { x: number; y: number }): Arranged {
  const linked = new Set(links.flat());
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: gap.y, ranksep: gap.x, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const alone: Box[] = [];
  for (const box of boxes) {
    if (linked.has(box.id)) graph.setNode(box.id, { width: box.width, height: box.height });
    else alone.push(box);
  }
  for (const [from, to] of links) graph.setEdge(from, to);
  const items: Arranged["items"] = [];
  let width = 0;
  let height = 0;
  if (linked.size > 0) {
    dagre.layout(graph);
    for (const box of boxes) {
      if (!linked.has(box.id)) continue;
      const at = graph.node(box.id) as { x: number; y: number };
      const item = { ...box, x: at.x - box.width / 2, y: at.y - box.height / 2 };
      items.push(item);
      width = Math.max(width, item.x + box.width);
      height = Math.max(height, item.y + box.height);
    }
  }
  // Rows about as wide as they are tall in all.
  const area = alone.reduce((sum, box) => sum + (box.width + gap.y) * (box.height + gap.y), 0);
  const limit = Math.max(width, Math.sqrt(area * 2));
  let x = 0;
  let y = height === 0 ? 0 : height + gap.y;
  let row = 0;
  for (const box of alone) {
    if (x > 0 && x + box.width > limit) {
      x = 0;
      y += row + gap.y;
      row = 0;
    }
    items.push({ ...box, x, y });
    width = Math.max(width, x + box.width);
    height = Math.max(height, y + box.height);
    x += box.width + gap.y;
    row = Math.max(row, box.height);
  }
  return { items, width, height };
}
