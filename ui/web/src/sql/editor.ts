// The editor of statements: CodeMirror in a shadow tree. There its styles are adopted sheets, which the content security
// policy allows; as a style element in the document they would be refused.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  startCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import {
  keywordCompletionSource,
  PostgreSQL,
  schemaCompletionSource,
  SQLDialect,
} from '@codemirror/lang-sql';
import {
  bracketMatching,
  HighlightStyle,
  LanguageSupport,
  syntaxHighlighting,
} from '@codemirror/language';
import { Compartment, EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  placeholder,
  type DecorationSet,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

import type { Mark } from './position';
import type { Schema } from './schema';

/** The keywords that a reading statement needs; hundreds of others would only stand between the reader and a column. */
const KEYWORDS =
  'all and any array as asc between by case cast cross current_date desc distinct else end except exists explain analyze extract false filter first following for from full group grouping having ilike in inner intersect interval into is join last lateral left like limit natural not null nulls offset on or order outer over partition preceding range right row rows select sets similar some table then to true unbounded union unnest using values when where window with within qualify';

/** DataFusion reads PostgreSQL's SQL. */
const dialect = SQLDialect.define({ ...PostgreSQL.spec, keywords: KEYWORDS });

const setMark = StateEffect.define<Mark | undefined>();

/** The underlined part; it goes away with the next change of the text. */
const markField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      const mark = effect.value;
      next = mark
        ? Decoration.set([Decoration.mark({ class: 'cm-wrong' }).range(mark.from, mark.to)])
        : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '500' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--text-3)' },
  { tag: [tags.operator, tags.punctuation], color: 'var(--text-2)' },
]);

const look = EditorView.theme({
  '&': { height: '100%', color: 'var(--text)', backgroundColor: 'var(--surface)' },
  // Drawn where colours are forced, and shadows are not.
  '&.cm-focused': { outline: '2px solid var(--forced-ring)', outlineOffset: '-2px' },
  '&.cm-focused::after': {
    content: '""',
    position: 'absolute',
    inset: '0',
    zIndex: '300',
    boxShadow: 'inset 0 0 0 2px var(--focus)',
    pointerEvents: 'none',
  },
  '.cm-scroller': {
    fontFamily: 'var(--font-mono)',
    fontSize: '13px',
    lineHeight: '20px',
    fontVariantLigatures: 'none',
  },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': {
    color: 'var(--text-3)',
    backgroundColor: 'var(--surface)',
    border: '0',
    fontSize: '11px',
  },
  '.cm-activeLine': { backgroundColor: 'var(--surface-2)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--surface-2)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { background: 'var(--accent-soft)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--selected)',
    outline: '1px solid var(--line-2)',
  },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-wrong': {
    textDecoration: 'underline wavy var(--error) 1px',
    textUnderlineOffset: '4px',
    textDecorationSkipInk: 'none',
    backgroundColor: 'var(--error-soft)',
  },
  '.cm-tooltip': {
    border: '0',
    borderRadius: 'var(--r-3)',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    boxShadow: 'var(--shadow-pop)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--font-mono)',
    fontSize: '12px',
    maxHeight: '264px',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px', lineHeight: '20px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    background: 'var(--selected)',
    color: 'var(--text)',
  },
  '.cm-completionMatchedText': {
    textDecoration: 'none',
    color: 'var(--accent)',
    fontWeight: '600',
  },
  '.cm-completionDetail': { color: 'var(--text-3)', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-completionIcon': { display: 'none' },
});

/** Completion of tables, columns, functions and keywords. Columns of all tables are offered without a prefix. */
function language(schema: Schema | undefined): LanguageSupport {
  const support: LanguageSupport['support'][] = [
    dialect.language.data.of({ autocomplete: keywordCompletionSource(dialect, true) }),
  ];
  if (schema) {
    const tables = Object.fromEntries(
      schema.tables.map(({ name, columns }) => [
        name,
        columns.map((column) => ({ label: column.name, detail: column.type, type: 'property' })),
      ]),
    );
    support.push(
      dialect.language.data.of({
        autocomplete: schemaCompletionSource({ dialect: dialect, schema: tables }),
      }),
    );
    const loose = new Map<string, { label: string; detail: string; type: string; boost: number }>();
    for (const { name, columns } of schema.tables)
      for (const column of columns)
        if (!loose.has(column.name))
          loose.set(column.name, {
            label: column.name,
            detail: `${column.type}, ${name}`,
            type: 'property',
            boost: 1,
          });
    const functions = schema.functions.map((label) => ({
      label,
      detail: 'function',
      type: 'function',
      apply: `${label}(`,
      boost: -1,
    }));
    const options = [...loose.values(), ...functions];
    support.push(
      dialect.language.data.of({
        autocomplete: (context: {
          matchBefore: (pattern: RegExp) => { from: number; text: string } | null;
          explicit: boolean;
        }) => {
          const word = context.matchBefore(/[\w$]*/);
          const dotted = context.matchBefore(/\.[\w$]*/);
          if (dotted || !word || (word.text === '' && !context.explicit)) return null;
          return { from: word.from, options, validFor: /^[\w$]*$/ };
        },
      }),
    );
  }
  return new LanguageSupport(dialect.language, support);
}

/**
 * Typing over a selection. Left to itself, Chromium keeps the colours of what goes away by a style attribute, which the
 * content security policy refuses and reports.
 */
const replaceByTyping = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main } = view.state.selection;
    if (event.inputType !== 'insertText' || event.isComposing || main.empty || event.data === null)
      return false;
    const text = event.data;
    const insert = () =>
      view.state.update({ ...view.state.replaceSelection(text), userEvent: 'input.type' });
    const handlers = view.state.facet(EditorView.inputHandler);
    if (!handlers.some((handler) => handler(view, main.from, main.to, text, insert)))
      view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

/** What the page is told. */
export interface EditorEvents {
  onChange: (text: string) => void;
  onRun: () => void;
}

/** The editor inside of `host`. */
export class SqlEditor {
  private readonly view: EditorView;
  private readonly language = new Compartment();

  constructor(host: HTMLElement, text: string, events: EditorEvents) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    const run = () => {
      events.onRun();
      return true;
    };
    // Tab leaves the editor, as it leaves every other field: nobody is caught in it.
    const keys = Prec.high(
      keymap.of([
        { key: 'Mod-Enter', run },
        { key: 'Shift-Enter', run },
      ]),
    );
    this.view = new EditorView({
      parent: root,
      root,
      state: EditorState.create({
        doc: text,
        extensions: [
          keys,
          replaceByTyping,
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          highlightActiveLine(),
          autocompletion({ icons: false, maxRenderedOptions: 60 }),
          keymap.of([
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...completionKeymap,
          ]),
          placeholder('SELECT … FROM spans'),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'Statement', spellcheck: 'false' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) events.onChange(update.state.doc.toString());
          }),
          markField,
          this.language.of(language(undefined)),
          syntaxHighlighting(colours),
          look,
        ],
      }),
    });
  }

  /** The text. */
  get text(): string {
    return this.view.state.doc.toString();
  }

  /** Replaces the text; undo brings the old one back. */
  setText(text: string): void {
    if (text === this.text) return;
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      selection: { anchor: text.length },
    });
  }

  /** Puts `text` where the cursor is. */
  insert(text: string): void {
    this.view.dispatch(this.view.state.replaceSelection(text), { scrollIntoView: true });
    this.focus();
  }

  /** Underlines `mark`, or nothing. */
  mark(mark: Mark | undefined): void {
    const length = this.view.state.doc.length;
    const fits = mark !== undefined && mark.from < mark.to && mark.to <= length;
    this.view.dispatch({ effects: setMark.of(fits ? mark : undefined) });
  }

  /** Puts the cursor at `at` and shows it. */
  goTo(at: number): void {
    const anchor = Math.min(at, this.view.state.doc.length);
    this.view.dispatch({ selection: { anchor }, scrollIntoView: true });
    this.focus();
  }

  /** Offers the names of `schema` from now on. */
  setSchema(schema: Schema): void {
    this.view.dispatch({ effects: this.language.reconfigure(language(schema)) });
  }

  /** Opens the list of completions. */
  complete(): void {
    startCompletion(this.view);
  }

  /** Gives the keyboard to the editor. */
  focus(): void {
    this.view.focus();
  }

  /** Ends it. */
  destroy(): void {
    this.view.destroy();
  }
}
