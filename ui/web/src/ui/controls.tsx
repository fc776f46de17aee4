// Small shared controls: button, tag, key cap, service name, tabs, icon.

import type { LucideIcon } from 'lucide-react';
import {
  useRef,
  type ComponentPropsWithRef,
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
} from 'react';

import { serviceColor, splitName, type SharedParts } from '../lib/service';
import { oneLine } from '../lib/text';
import styles from './controls.module.css';

/** Joins class names, leaving out what is false. */
export const classes = (...names: (string | false | undefined)[]): string =>
  names.filter(Boolean).join(' ');

/** An icon at the size of the text around it. */
export function Icon({ of: Glyph, className }: { of: LucideIcon; className?: string }) {
  return <Glyph size={14} strokeWidth={1.6} aria-hidden="true" className={className} />;
}

interface ButtonProps extends ComponentPropsWithRef<'button'> {
  look?: 'plain' | 'ghost' | 'primary';
  size?: 'small' | 'normal' | 'tall';
  iconOnly?: boolean;
}

/** A button. */
export function Button({
  look = 'plain',
  size = 'normal',
  iconOnly,
  className,
  ...rest
}: ButtonProps) {
  const name = classes(
    styles.button,
    look === 'ghost' && styles.ghost,
    look === 'primary' && styles.primary,
    size === 'small' && styles.small,
    size === 'tall' && styles.tall,
    iconOnly && styles.iconOnly,
    className,
  );
  return <button type="button" {...rest} className={name} />;
}

/** A button that shows only an icon; `label` is its name and its tooltip. */
export function IconButton({
  icon,
  label,
  ...rest
}: ButtonProps & { icon: LucideIcon; label: string }) {
  return (
    <Button look="ghost" iconOnly title={label} aria-label={label} {...rest}>
      <Icon of={icon} />
    </Button>
  );
}

/** A small label. */
export function Tag({
  look,
  children,
  title,
}: {
  look?: 'error' | 'warn';
  children: ReactNode;
  title?: string;
}) {
  const name = classes(
    styles.tag,
    look === 'error' && styles.tagError,
    look === 'warn' && styles.tagWarn,
  );
  return (
    <span className={name} title={title}>
      {children}
    </span>
  );
}

/** A key cap. */
export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className={styles.kbd}>{children}</kbd>;
}

/** The colour of a service as a custom property, for elements that draw with `var(--c)`. */
export function serviceStyle(name: string): CSSProperties {
  return { '--c': serviceColor(name) } as CSSProperties;
}

/** A service: its colour and its name, with the parts that others share dimmed. */
export function Service(props: {
  name: string;
  shared?: SharedParts;
  /** Leaves the shared parts out: the title has them. */
  short?: boolean;
}) {
  const { name, shared, short = false } = props;
  const [before, core, after] = splitName(name, shared ?? { prefix: '', suffix: '' });
  return (
    <span className={styles.service} title={oneLine(name)}>
      <i className={styles.dot} style={serviceStyle(name)} />
      <bdi className="ell">
        {before && !short && <span className={styles.shared}>{oneLine(before)}</span>}
        {oneLine(core) || '(no name)'}
        {after && !short && <span className={styles.shared}>{oneLine(after)}</span>}
      </bdi>
    </span>
  );
}

/** One tab of {@link Tabs}. */
export interface TabItem<K extends string> {
  key: K;
  label: string;
  count?: number;
}

/** A row of tabs; arrow keys move between them. The panel has the id `${id}-panel`. */
export function Tabs<K extends string>(props: {
  id: string;
  label: string;
  items: readonly TabItem<K>[];
  selected: K;
  onSelect: (key: K) => void;
}) {
  const { id, label, items, selected, onSelect } = props;
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = items.findIndex((item) => item.key === selected);
    const next = (at + step + items.length) % items.length;
    onSelect((items[next] as TabItem<K>).key);
    list.current?.querySelectorAll('button')[next]?.focus();
  };
  return (
    <div className={styles.tabs} role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {items.map((item) => (
        <button
          key={item.key}
          type="button"
          role="tab"
          id={`${id}-${item.key}`}
          aria-controls={`${id}-panel`}
          aria-selected={item.key === selected}
          tabIndex={item.key === selected ? 0 : -1}
          onClick={() => onSelect(item.key)}
        >
          {item.label}
          {item.count !== undefined && <small>{item.count}</small>}
        </button>
      ))}
    </div>
  );
}
