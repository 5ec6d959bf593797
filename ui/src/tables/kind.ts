const KINDS = ['table', 'external table', 'materialized table', 'view', 'system table'] as const;

/** The text for what a table is called in the API. */
export function kindKey(kind: string) {
  return `table.kind.${KINDS.find(known => known === kind) ?? 'table'}` as const;
}

/** Whether it comes with another table, to tell about it. */
export function isSystem(kind: string): boolean {
  return kind === 'system table';
}

/** The table that a system table comes with; null for any other. */
export function ownerOf(table: { name: string; kind: string }): string | null {
  return isSystem(table.kind) ? table.name.slice(0, table.name.lastIndexOf('$')) : null;
}
