import { type AdHocVariableFilter } from '@grafana/data';

import { selects } from './interpolation';
import { ACTIONS, OUTCOMES, queryTypeOf } from './queryModel';
import { type StorjQuery } from './types';

/** Ad hoc filters of a dashboard: by what can be filtered, and what a filter makes of a query. */

type Key = 'node' | 'satellite' | 'action' | 'outcome';
type Field = 'nodes' | 'satellites' | 'actions' | 'outcomes';

const FIELDS: Record<Key, Field> = {
  node: 'nodes',
  satellite: 'satellites',
  action: 'actions',
  outcome: 'outcomes',
};

export const FILTER_KEYS = Object.keys(FIELDS) as Key[];

/** All that can be chosen, each thing with all its names, the one to ask by first. */
export type KnownNames = Partial<Record<Field, string[][]>>;

export const ALWAYS_KNOWN: KnownNames = {
  actions: ACTIONS.map(({ value }) => [value]),
  outcomes: OUTCOMES.map(({ value }) => [value]),
};

/** Matches no name. An empty list would mean all. */
export const NOTHING = '/[^\\s\\S]/';

/** The query with what both it and the filters select. Filters by what the query's type has not do nothing. */
export function withFilters(
  query: StorjQuery,
  filters: AdHocVariableFilter[] | undefined,
  known: KnownNames
): StorjQuery {
  const type = queryTypeOf(query);
  if (!type || !filters?.length) {
    return query;
  }
  const next = { ...query };
  for (const key of FILTER_KEYS) {
    const field = FIELDS[key];
    const own = filters.filter((filter) => filter.key === key && isSet(filter));
    const possible = field === 'nodes' ? true : field === 'satellites' ? type.satellites : type.filters.includes(field);
    if (own.length === 0 || !possible) {
      continue;
    }
    const all = known[field];
    if (!all) {
      // Nothing is known yet: what is asked for plainly can still be.
      const wanted = own.flatMap((filter) =>
        filter.operator === '=' || filter.operator === '=|' ? valuesOf(filter) : []
      );
      next[field] = query[field]?.length || wanted.length === 0 ? query[field] : wanted;
      continue;
    }
    const left = all.filter((names) => selects(query[field], names) && own.every((filter) => passes(filter, names)));
    next[field] = left.length > 0 ? left.map(([name]) => name) : [NOTHING];
  }
  return next;
}

/** A filter whose value has not been chosen yet. */
function isSet(filter: AdHocVariableFilter): boolean {
  return valuesOf(filter).some((value) => value !== '');
}

function valuesOf({ value, values }: AdHocVariableFilter): string[] {
  return values?.length ? values : [value];
}

function passes(filter: AdHocVariableFilter, names: string[]): boolean {
  const values = valuesOf(filter);
  switch (filter.operator) {
    case '=':
    case '=|':
      return names.some((name) => values.includes(name));
    case '!=':
    case '!=|':
      return !names.some((name) => values.includes(name));
    case '=~':
      return matches(values[0], names);
    case '!~':
      return !matches(values[0], names);
    default:
      return true;
  }
}

function matches(pattern: string, names: string[]): boolean {
  try {
    const expression = new RegExp(pattern);
    return names.some((name) => expression.test(name));
  } catch {
    return false;
  }
}
