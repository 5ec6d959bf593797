import type { Operator } from '../api/jobs';

/** Where an operator stands in the drawing: columns from left to right, lanes from top to bottom, both from 0. */
export interface Place {
  operator: Operator;
  column: number;
  lane: number;
}

/** A line between two places. */
export interface Line {
  from: Place;
  to: Place;
}

export interface Drawing {
  places: Place[];
  lines: Line[];
  columns: number;
  lanes: number;
}

/**
 * Draws the graph of a plan from its sources on the left to the sink on the right. Every operator stands one column
 * before the first of those that it feeds; in a column, operators are in the order of those.
 */
export function draw(operators: readonly Operator[]): Drawing {
  const byId = new Map(operators.map(operator => [operator.id, operator]));
  const distance = distances(operators, byId);
  const last = Math.max(0, ...distance.values());
  const lanes: number[] = Array(last + 1).fill(0);
  const places = new Map<number, Place>();
  const visit = (operator: Operator) => {
    if (places.has(operator.id)) return;
    const column = last - (distance.get(operator.id) ?? 0);
    places.set(operator.id, { operator, column, lane: lanes[column]! });
    lanes[column]! += 1;
    for (const id of operator.inputs) if (byId.has(id)) visit(byId.get(id)!);
  };
  operators.forEach(visit);
  const all = [...places.values()];
  const lines = all.flatMap(to =>
    to.operator.inputs.filter(id => places.has(id)).map(id => ({ from: places.get(id)!, to })),
  );
  return { places: all, lines, columns: last + 1, lanes: Math.max(1, ...lanes) };
}

/** The longest way from each operator to one that feeds nothing. */
function distances(
  operators: readonly Operator[],
  byId: ReadonlyMap<number, Operator>,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const push = (operator: Operator, at: number) => {
    if (at <= (found.get(operator.id) ?? -1) || at > operators.length) return;
    found.set(operator.id, at);
    for (const id of operator.inputs) if (byId.has(id)) push(byId.get(id)!, at + 1);
  };
  const fed = new Set(operators.flatMap(operator => operator.inputs));
  for (const operator of operators) if (!fed.has(operator.id)) push(operator, 0);
  return found;
}
