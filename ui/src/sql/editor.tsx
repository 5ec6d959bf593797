import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { SQLDialect, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { EditorState, Prec, type Text } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { Problem } from '../api/problem';
import { KEYWORDS, TYPES } from './words';

const dialect = SQLDialect.define({
  keywords: KEYWORDS,
  types: TYPES,
  identifierQuotes: '`"',
  spaceAfterDashes: false,
});

/** Colours by CSS variables, so that the editor follows the page's scheme without being built anew. */
const highlighting = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--water)', fontWeight: '600' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--amended)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--mark)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--good)' },
  { tag: tags.comment, color: 'var(--ink-2)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13.5px', color: 'var(--ink)', background: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
    lineHeight: '1.6',
  },
  '.cm-content': { caretColor: 'var(--ink)', padding: '12px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { background: 'transparent', border: '0', color: 'var(--ink-2)' },
  '.cm-placeholder': { color: 'var(--ink-2)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--water-soft)',
  },
  '.cm-matchingBracket': { background: 'var(--water-soft)', outline: '1px solid var(--water)' },
  '.cm-tooltip': {
    background: 'var(--panel-2)',
    color: 'var(--ink)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
  },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--water-soft)',
    color: 'var(--ink)',
  },
});

export interface EditorProps {
  /** The text to start with; later changes come only from the user. */
  initial: string;
  label: string;
  hint: string;
  /** Underlined in the text when it has a position. */
  problem: Problem | null;
  onChange(text: string): void;
  /** Ctrl or Cmd with Enter. */
  onRun(): void;
}

/** An SQL text with colours, completion of keywords and the server's problems. The tab key leaves it. */
export function Editor(props: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { label, hint, problem } = props;
  const text = useRef(props.initial);

  useEffect(() => {
    const run = (editor: EditorView) => {
      closeCompletion(editor);
      latest.current.onRun();
      return true;
    };
    const state = EditorState.create({
      doc: text.current,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false }),
        sql({ dialect, upperCaseKeywords: true }),
        syntaxHighlighting(highlighting),
        placeholder(hint),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        EditorView.updateListener.of(update => {
          if (!update.docChanged) return;
          text.current = update.state.doc.toString();
          latest.current.onChange(text.current);
        }),
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
        look,
      ],
    });
    const created = new EditorView({ state, parent: host.current! });
    view.current = created;
    return () => created.destroy();
  }, [label, hint]);

  useEffect(() => {
    const current = view.current;
    if (!current) return;
    current.dispatch(setDiagnostics(current.state, problem ? diagnostics(problem, current.state.doc) : []));
  }, [problem]);

  return <div ref={host} style={{ height: '100%' }} />;
}

/** The word at the problem's position, or the character when there is none. */
function diagnostics(problem: Problem, document: Text): Diagnostic[] {
  const { position } = problem;
  if (!position || position.line < 1 || position.line > document.lines) return [];
  const line = document.line(position.line);
  const from = Math.min(line.to, line.from + Math.max(0, position.column - 1));
  const word = /^\w+/.exec(document.sliceString(from, line.to))?.[0].length ?? 1;
  return [{ from, to: Math.min(document.length, from + word), severity: 'error', message: problem.detail }];
}
