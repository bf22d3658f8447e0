import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';

/** How template variables become entries of a query's lists. */

// They delimit the values of a variable inside an interpolated text, and occur in no name.
const OPEN = '\u0002';
const NEXT = '\u001f';
const CLOSE = '\u0003';

export type Replace = TemplateSrv['replace'];

/**
 * Expands the variables in a list. A variable with several values becomes several entries, so no
 * value needs quoting, whatever characters it holds; inside a /regular expression/ it becomes an
 * alternative of escaped values.
 *
 * An empty list means "all" to the back end, so a variable without a value must not leave one behind:
 * such an entry is kept as it was written, and matches nothing.
 */
export function expandList(list: string[] | undefined, replace: Replace, scopedVars?: ScopedVars): string[] {
  const entries = (list ?? []).map((entry) => entry.trim()).filter(Boolean);
  const expanded: string[] = [];
  for (const entry of entries) {
    const values = expandEntry(entry, replace, scopedVars);
    if (entry.includes('$') && values.some(meansAll)) {
      return [];
    }
    expanded.push(...values);
  }
  if (expanded.length === 0) {
    return entries;
  }
  return [...new Set(expanded)];
}

function expandEntry(entry: string, replace: Replace, scopedVars?: ScopedVars): string[] {
  if (isRegex(entry)) {
    return [replace(entry, scopedVars, 'regex')];
  }
  const text = replace(entry, scopedVars, (value: unknown) => {
    const values = Array.isArray(value) ? value : [value];
    return OPEN + values.map(String).join(NEXT) + CLOSE;
  });
  return combine(text)
    .map((value) => value.trim())
    .filter(Boolean);
}

/** Every combination of the values that stand in the text. */
function combine(text: string): string[] {
  const open = text.indexOf(OPEN);
  const close = text.indexOf(CLOSE, open);
  if (open < 0 || close < 0) {
    return [text];
  }
  const before = text.slice(0, open);
  const rest = combine(text.slice(close + 1));
  return text
    .slice(open + 1, close)
    .split(NEXT)
    .flatMap((value) => rest.map((after) => before + value + after));
}

function isRegex(entry: string): boolean {
  return entry.length > 1 && entry.startsWith('/') && entry.endsWith('/');
}

/** "All" of a variable with a custom all value comes as that value, usually one of these. */
function meansAll(value: string): boolean {
  return (
    value === '$__all' || value === '.*' || value === '.+' || value === '*' || value === '/.*/' || value === '/.+/'
  );
}

/** The entries with regular expressions replaced by the known names that they match. One that matches none stays. */
export function expandPatterns(entries: string[], known: string[]): string[] {
  const expanded = entries.flatMap((entry) => {
    const pattern = patternOf(entry);
    const matched = pattern ? known.filter((name) => pattern.test(name)) : [];
    return matched.length > 0 ? matched : [entry];
  });
  return [...new Set(expanded)];
}

/** Whether one of a thing's names is among the entries of a list. An empty list selects all. */
export function selects(entries: string[] | undefined, names: string[]): boolean {
  if (!entries?.length) {
    return true;
  }
  return entries.some((entry) => {
    const pattern = patternOf(entry);
    return names.some((name) => (pattern ? pattern.test(name) : name === entry));
  });
}

/** A pattern that the browser cannot read is left to the back end, which says what is wrong with it. */
function patternOf(entry: string): RegExp | undefined {
  if (!isRegex(entry) || entry.length < 3) {
    return undefined;
  }
  try {
    return new RegExp(entry.slice(1, -1));
  } catch {
    return undefined;
  }
}
