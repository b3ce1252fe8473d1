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
  /** Width over height of where it is shown. */
  aspect: number;
}

export interface Placed extends Box {
  x: number;
  y: number;
  parent: string | null;
}

export const TASK = { width: 190, height: 46 };
export const CLOSED = { width: 248, height: 92 };
const PAD = 14;
const HEAD = 34;
const GAP_X = 32;
const GAP_Y = 10;
/** With more open groups than this, boxes go into rows: a chain of wide boxes would be a thin line. */
const FEW = 3;

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
  const open = shape.groups.filter((group) => group.tasks.length > 0).length;
  const outside =
    open > FEW
      ? rows(boxes, [...outer.values()], shape.aspect)
      : arrange(boxes, [...outer.values()], { x: 96, y: 36 });
  // Parents before children, as the drawing wants them.
  return [...outside.items.map((item) => ({ ...item, parent: null })), ...placed];
}

interface Arranged {
  items: (Box & { x: number; y: number })[];
  width: number;
  height: number;
}

/** Boxes in rows, each after what it depends on, and about as wide as the place they are shown in. */
function rows(boxes: Box[], links: [string, string][], aspect: number): Arranged {
  const gap = 40;
  const area = boxes.reduce((sum, box) => sum + (box.width + gap) * (box.height + gap), 0);
  const limit = Math.max(Math.sqrt(area * aspect) * 1.05, ...boxes.map((box) => box.width));
  return flow(inOrder(boxes, links), limit, gap);
}

/** Each box after those it depends on; in a circle, as they come. */
export function inOrder(boxes: Box[], links: [string, string][]): Box[] {
  const before = new Map<string, Set<string>>(boxes.map((box) => [box.id, new Set()]));
  for (const [from, to] of links) before.get(to)?.add(from);
  const left = [...boxes];
  const ordered: Box[] = [];
  while (left.length > 0) {
    const free = left.findIndex((box) => before.get(box.id)?.size === 0);
    const [next] = left.splice(Math.max(free, 0), 1);
    if (!next) break;
    ordered.push(next);
    for (const waits of before.values()) waits.delete(next.id);
  }
  return ordered;
}

function flow(boxes: Box[], limit: number, gap: number): Arranged {
  const items: Arranged["items"] = [];
  let [x, y, row, width] = [0, 0, 0, 0];
  for (const box of boxes) {
    if (x > 0 && x + box.width > limit) {
      x = 0;
      y += row + gap;
      row = 0;
    }
    items.push({ ...box, x, y });
    x += box.width + gap;
    width = Math.max(width, x - gap);
    row = Math.max(row, box.height);
  }
  return { items, width, height: y + row };
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
  // Rows about twice as wide as they are tall in all.
  const area = alone.reduce((sum, box) => sum + (box.width + gap.y) * (box.height + gap.y), 0);
  const below = flow(alone, Math.max(width, Math.sqrt(area * 2)), gap.y);
  const top = height === 0 ? 0 : height + gap.y;
  for (const item of below.items) items.push({ ...item, y: item.y + top });
  if (alone.length === 0) return { items, width, height };
  return { items, width: Math.max(width, below.width), height: top + below.height };
}
