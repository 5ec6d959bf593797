const KINDS = ['table', 'external table', 'materialized table', 'view', 'system table'] as const;

/** The text for what a table is called in the API. */
export function kindKey(kind: string) {
  return `table.kind.${KINDS.find(known => known === kind) ?? 'table'}` as const;
}
