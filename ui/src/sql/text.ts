const STORAGE_KEY = 'tidemark.sql';

/** The text of the last visit, or nothing. */
export function rememberedText(): string {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? '';
  } catch {
    return ''; // Storage is blocked.
  }
}

export function rememberText(text: string): void {
  try {
    localStorage.setItem(STORAGE_KEY, text);
  } catch {
    // Storage is blocked or full: the text lives as long as the page.
  }
}

/** A question for some rows of a table. */
export function rowsOf(table: string): string {
  const name = /^[A-Za-z_]\w*$/.test(table) ? table : `\`${table.replaceAll('`', '``')}\``;
  return `SELECT *\nFROM ${name}\nLIMIT 100`;
}
