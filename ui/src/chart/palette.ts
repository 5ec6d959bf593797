/** Colours of what is drawn on a canvas, where CSS variables do not reach. They match app/tokens.css. */
export interface ChartPalette {
  water: string;
  waterFill: [top: string, bottom: string];
  unsettled: string;
  unsettledFill: string;
  band: string;
  mark: string;
  axis: string;
  grid: string;
  state: Record<'final_with_gap' | 'blocked' | 'amended', string>;
}

const light: ChartPalette = {
  water: '#0b6470',
  waterFill: ['rgba(18, 128, 139, 0.30)', 'rgba(18, 128, 139, 0.06)'],
  unsettled: '#0b6470',
  unsettledFill: 'rgba(18, 128, 139, 0.10)',
  band: 'rgba(217, 119, 6, 0.09)',
  mark: '#b4540a',
  axis: '#55646b',
  grid: '#e8eef0',
  state: { final_with_gap: '#b7791f', blocked: '#c2311d', amended: '#7047b8' },
};

const dark: ChartPalette = {
  water: '#4cc5cf',
  waterFill: ['rgba(76, 197, 207, 0.30)', 'rgba(76, 197, 207, 0.04)'],
  unsettled: '#4cc5cf',
  unsettledFill: 'rgba(76, 197, 207, 0.10)',
  band: 'rgba(255, 170, 92, 0.10)',
  mark: '#ffaa5c',
  axis: '#93a4ab',
  grid: '#1b272c',
  state: { final_with_gap: '#e0b04c', blocked: '#ff7b6b', amended: '#b69af0' },
};

export const chartPalette = { light, dark };
