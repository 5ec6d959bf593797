import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Operator } from '../api/jobs';
import { useFormat } from '../format/format';
import classes from './graph.module.css';
import { draw, type Line, type Place } from './layout';

/** Sizes of the drawing in pixels; graph.module.css has those of a node too. */
const NODE = { width: 190, height: 96 };
const GAP = { x: 40, y: 18 };

interface GraphProps {
  operators: readonly Operator[];
  heldBy: number | null;
  chosen: number | null;
  onChoose: (id: number) => void;
}

/** The operators of a job, sources on the left, with what part of the time each works and waits. */
export function Graph({ operators, heldBy, chosen, onChoose }: GraphProps) {
  const { t } = useTranslation();
  const { places, lines, columns, lanes } = useMemo(() => draw(operators), [operators]);
  const width = columns * (NODE.width + GAP.x) - GAP.x;
  const height = lanes * (NODE.height + GAP.y) - GAP.y;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className={classes.scroll} aria-label={t('job.graphOf')} tabIndex={0}>
      <div className={classes.drawing} style={{ width, height }}>
        <svg width={width} height={height} aria-hidden>
          {lines.map(line => (
            <path
              key={`${line.from.operator.id} ${line.to.operator.id}`}
              d={curve(line)}
              data-flows={line.from.operator.recent.rows_out_per_second > 0 || undefined}
            />
          ))}
        </svg>
        <ul>
          {places.map(place => (
            <li key={place.operator.id} style={{ left: left(place), top: top(place) }}>
              <Node
                operator={place.operator}
                held={place.operator.id === heldBy}
                chosen={place.operator.id === chosen}
                onChoose={onChoose}
              />
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

const left = (place: Place) => place.column * (NODE.width + GAP.x);
const top = (place: Place) => place.lane * (NODE.height + GAP.y);

function curve({ from, to }: Line): string {
  const start = { x: left(from) + NODE.width, y: top(from) + NODE.height / 2 };
  const end = { x: left(to), y: top(to) + NODE.height / 2 };
  const bend = GAP.x / 2;
  return `M${start.x} ${start.y}C${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x} ${end.y}`;
}

interface NodeProps {
  operator: Operator;
  held: boolean;
  chosen: boolean;
  onChoose: (id: number) => void;
}

function Node({ operator, held, chosen, onChoose }: NodeProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const {
    busy,
    output_wait: pressure,
    rows_in_per_second: rateIn,
    rows_out_per_second: rateOut,
  } = operator.recent;
  const [kind, ...rest] = operator.name.split(' ');
  const rate = operator.id === 0 ? rateIn : rateOut;
  return (
    <button
      type="button"
      className={classes.node}
      aria-pressed={chosen}
      data-held={held || undefined}
      title={operator.name}
      onClick={() => onChoose(operator.id)}
    >
      <b>{kind}</b>
      <span className={classes.what}>{rest.length > 0 ? rest.join(' ') : operator.details[0]}</span>
      <span className={classes.bar} aria-hidden>
        <span data-part="busy" style={{ width: `${busy * 100}%` }} />
        <span data-part="pressure" style={{ width: `${Math.min(pressure, 1 - busy) * 100}%` }} />
      </span>
      <span className={classes.foot}>
        <span>{t('job.perSecond', { rows: format.rate(rate) })}</span>
        <span>
          {pressure > busy
            ? t('job.waits', { part: format.part(pressure) })
            : t('job.works', { part: format.part(busy) })}
        </span>
      </span>
    </button>
  );
}
