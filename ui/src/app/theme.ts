import {
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
} from '@mantine/core';

/** Deep water; shade 7 has a contrast of more than 4.5:1 on white. */
const tide: MantineColorsTuple = [
  '#e6f5f6',
  '#d0ebed',
  '#a3d9dd',
  '#72c5cb',
  '#4cb4bc',
  '#2ea3ac',
  '#16808b',
  '#0b6470',
  '#0a505a',
  '#073e46',
];

/** Greys of the dark scheme, with the page's hint of teal. */
const dark: MantineColorsTuple = [
  '#cdd8db',
  '#b4c2c7',
  '#9aabb2',
  '#5f7077',
  '#34454c',
  '#2a383f',
  '#1c2a30',
  '#142026',
  '#0f181c',
  '#0a1013',
];

export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: 7,
  colors: { tide, dark },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily:
    '"Inter Variable", system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", sans-serif',
});

/** Mantine's own surfaces and texts take the page's colours. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--panel)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--ink-2)',
    '--mantine-color-default-border': 'var(--line)',
  };
  return { variables: {}, light: shared, dark: shared };
};

/** public/scheme.js reads the same key before the first paint. */
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'tidemark.colour-scheme' });
