// The graph of services: what is near one of them, and where each is drawn.

import { graphlib, layout } from '@dagrejs/dagre';

import { servicesOfCalls, type Call } from '../api/dependencies';

/** Size of a node, px. */
export const NODE_WIDTH = 176;
export const NODE_HEIGHT = 46;

/** More services than this are listed instead of drawn. */
export const DRAWN_MAX = 120;

/** Calls within `depth` steps of `focus`, in either direction. */
export function neighbourhood(calls: readonly Call[], focus: string, depth: number): Call[] {
  let near = new Set([focus]);
  for (let step = 0; step < depth; step++) {
    const wider = new Set(near);
    for (const { caller, callee } of calls) {
      if (near.has(caller)) wider.add(callee);
      if (near.has(callee)) wider.add(caller);
    }
    near = wider;
  }
  return calls.filter(({ caller, callee }) => near.has(caller) && near.has(callee));
}

/** A service and the place of its middle. */
export interface PlacedNode {
  name: string;
  x: number;
  y: number;
}

/** A call and the points of its line. */
export interface PlacedEdge {
  call: Call;
  points: { x: number; y: number }[];
}

/** A drawing. */
export interface Drawing {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

/** Places the services in layers, callers left of what they call. */
export function place(calls: readonly Call[], alone?: string): Drawing {
  const graph = new graphlib.Graph({ multigraph: false });
  graph.setGraph({
    rankdir: 'LR',
    nodesep: 18,
    ranksep: 96,
    edgesep: 14,
    marginx: 24,
    marginy: 24,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const names = servicesOfCalls(calls);
  if (names.length === 0 && alone !== undefined) names.push(alone);
  // By number: a name could be one that the library keeps for itself.
  const ids = new Map(names.map((name, i) => [name, `n${i}`]));
  for (const name of names)
    graph.setNode(ids.get(name) as string, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { caller, callee, calls: weight } of calls)
    graph.setEdge(ids.get(caller) as string, ids.get(callee) as string, {
      weight: 1 + Math.log10(Math.max(1, weight)),
    });
  layout(graph);
  const middles = new Map(
    names.map((name) => [name, graph.node(ids.get(name) as string) as { x: number; y: number }]),
  );
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    nodes: names.map((name) => {
      const { x = 0, y = 0 } = middles.get(name) ?? {};
      return { name, x, y };
    }),
    edges: calls.map((call) => {
      const edge = graph.edge(ids.get(call.caller) as string, ids.get(call.callee) as string) as
        | { points?: { x: number; y: number }[] }
        | undefined;
      return {
        call,
        points: attach(
          middles.get(call.caller) ?? { x: 0, y: 0 },
          middles.get(call.callee) ?? { x: 0, y: 0 },
          edge?.points?.slice(1, -1) ?? [],
        ),
      };
    }),
    width: Number.isFinite(width) ? width : 0,
    height: Number.isFinite(height) ? height : 0,
  };
}

type At = { x: number; y: number };

/** A line from the side of one node that faces the other to the side of that one, by way of `between`. */
function attach(from: At, to: At, between: readonly At[]): At[] {
  const side = to.x >= from.x ? NODE_WIDTH / 2 : -NODE_WIDTH / 2;
  return [{ x: from.x + side, y: from.y }, ...between, { x: to.x - side, y: to.y }];
}

/** A smooth line through `points`. */
export function curve(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  const at = ({ x, y }: { x: number; y: number }): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = `M${at(first)}`;
  let previous = first;
  for (const point of rest) {
    const middle = (previous.x + point.x) / 2;
    path += `C${at({ x: middle, y: previous.y })} ${at({ x: middle, y: point.y })} ${at(point)}`;
    previous = point;
  }
  return path;
}
