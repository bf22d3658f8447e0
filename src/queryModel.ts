import { CoreApp } from '@grafana/data';

import table from './queryTypes.json';
import { type QueryFilter, type QueryFormat, type QueryType, type StorjQuery } from './types';

/**
 * What the editor offers: query types, their metrics and formats, and how a query reads in one line. What there is stands
 * in queryTypes.json, which a test of the back end holds against what it answers.
 */

export interface Choice<T extends string = string> {
  value: T;
  label: string;
  description: string;
}

export interface QueryTypeChoice extends Choice<QueryType> {
  /** The first is the back end's default. */
  formats: QueryFormat[];
  metrics: string[];
  groupBy: string[];
  filters: QueryFilter[];
  satellites: boolean;
}

export const QUERY_TYPES = table.types as QueryTypeChoice[];
export const FORMATS = table.formats as Array<Choice<QueryFormat>>;
export const METRICS: Choice[] = table.metrics;
export const ACTIONS: Choice[] = table.actions;
export const OUTCOMES: Choice[] = table.outcomes;
export const CONDITIONS: Choice[] = table.conditions;

/** The lists of a query whose entries are known beforehand. */
export type KnownList = 'metrics' | 'groupBy' | QueryFilter;
export const KNOWN_LISTS: KnownList[] = ['metrics', 'groupBy', 'actions', 'outcomes', 'kinds'];

const KINDS: Partial<Record<QueryType, { label: string; all: string; choices: Choice[] }>> = {
  conditions: { label: 'Conditions', all: 'All conditions', choices: table.conditions },
  events: { label: 'Kinds of events', all: 'All kinds', choices: table.events },
  live: { label: 'Stream', all: 'Choose a stream', choices: table.live },
};

/** By what the back end groups a type where nothing is said. */
const GROUPED_BY: Partial<Record<QueryType, string>> = {
  traffic: 'Node and action',
  latency: 'Node and action',
  satellite_storage: 'Node and satellite',
};

export interface ListChoice {
  label: string;
  /** What an empty list means. */
  all: string;
  choices: Choice[];
  tooltip: string;
}

const PATTERNS = 'Variables, or a regular expression between slashes, may stand here too. None means all.';

/** What can be chosen in one of a type's lists, or undefined where it has no such list. */
export function listOf(type: QueryTypeChoice | undefined, list: KnownList): ListChoice | undefined {
  switch (list) {
    case 'metrics': {
      const choices = METRICS.filter(({ value }) => type?.metrics.includes(value));
      return choices.length > 0 ? { label: 'Metrics', all: 'All metrics', choices, tooltip: PATTERNS } : undefined;
    }
    case 'groupBy': {
      const choices = table.groupBy.filter(({ value }) => type?.groupBy.includes(value));
      const all = (type && GROUPED_BY[type.value]) ?? 'Node';
      const tooltip = `One series or row for each of these. None means by ${all.toLowerCase()}.`;
      return choices.length > 0 ? { label: 'Group by', all, choices, tooltip } : undefined;
    }
    default:
  }
  if (!type?.filters.includes(list)) {
    return undefined;
  }
  switch (list) {
    case 'actions':
      return { label: 'Actions', all: 'All actions', choices: ACTIONS, tooltip: PATTERNS };
    case 'outcomes':
      return { label: 'Outcomes', all: 'All outcomes', choices: OUTCOMES, tooltip: PATTERNS };
    case 'kinds': {
      const kinds = KINDS[type.value];
      return kinds && { ...kinds, tooltip: type.value === 'live' ? 'What to listen to.' : PATTERNS };
    }
  }
}

/** Of the metrics, those that rise as things get worse. Those of reputation else fall; others are neither. */
const WORSE_WHEN_HIGH = ['disqualified', 'suspended', 'offline_suspended'];

/** Whether all that the query asks for falls as things get worse, so that an alert has to watch for low values. */
export function worseWhenLow(query: StorjQuery): boolean {
  return (
    query.queryType === 'reputation' &&
    Boolean(query.metrics?.length) &&
    !query.metrics?.some((metric) => WORSE_WHEN_HIGH.includes(metric))
  );
}

const REPUTATION_SCORES = ['audit_score_percent', 'suspension_score_percent', 'online_score_percent'];

/** What a type begins with, beyond "all". */
const STARTERS: Partial<Record<QueryType, Partial<StorjQuery>>> = {
  reputation: { metrics: REPUTATION_SCORES },
  traffic: { metrics: ['bytes_per_second'] },
  conditions: { format: 'table' },
  latency: { metrics: ['p50_seconds', 'p99_seconds'] },
  capacity: { metrics: ['used_bytes', 'free_bytes'] },
  live: { kinds: ['traffic'] },
};

export function defaultQuery(app?: CoreApp): Partial<StorjQuery> {
  const base = { queryType: 'reputation' as const, nodes: [], satellites: [], groupBy: [] };
  if (isAlerting(app)) {
    // The number an alert rule can act on in time: what is left, not how much is lost.
    return { ...base, metrics: ['failed_audits_left'], format: 'instant' };
  }
  return { ...base, metrics: [...REPUTATION_SCORES], format: 'timeseries' };
}

/** What a new annotation shows. */
export function defaultAnnotation(): Partial<StorjQuery> {
  return { queryType: 'events', nodes: [], satellites: [], kinds: [], format: 'annotations' };
}

export function isAlerting(app?: CoreApp): boolean {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
}

export function queryTypeOf(query: StorjQuery): QueryTypeChoice | undefined {
  return QUERY_TYPES.find((type) => type.value === query.queryType);
}

export function formatOf(query: StorjQuery): QueryFormat {
  return query.format ?? queryTypeOf(query)?.formats[0] ?? 'table';
}

/** A query to which no answer can come. */
export function asksNothing(query: StorjQuery): boolean {
  return query.queryType === 'live' && !query.kinds?.length;
}

/**
 * The query as the back end gets it. A query without a type is a new one, and becomes the default. A query that has a type
 * keeps its own meaning, in which what is left out means "all": only what the type cannot have is taken away.
 */
export function complete(query: StorjQuery, app?: CoreApp): StorjQuery {
  return query.queryType ? withoutImpossible(query) : { ...defaultQuery(app), ...query, queryType: 'reputation' };
}

/** A format that no type has is left to the back end, which names the right ones. */
function withoutImpossible(query: StorjQuery): StorjQuery {
  const type = queryTypeOf(query);
  if (!type) {
    return query;
  }
  const next: StorjQuery = { ...query };
  if (query.format && !type.formats.includes(query.format) && FORMATS.some(({ value }) => value === query.format)) {
    next.format = type.formats[0];
  }
  if (!type.satellites && query.satellites?.length) {
    next.satellites = [];
  }
  for (const list of KNOWN_LISTS) {
    if (query[list]?.length && !listOf(type, list)) {
      next[list] = [];
    }
  }
  return next;
}

/** The query with another type: what both have is kept, what the new one has not is dropped. */
export function withQueryType(query: StorjQuery, queryType: QueryType, app?: CoreApp): StorjQuery {
  const type = QUERY_TYPES.find(({ value }) => value === queryType);
  const starter = STARTERS[queryType] ?? {};
  // The kinds of one type are not those of another.
  const next = withoutImpossible({ ...query, queryType, format: formatOf(query), kinds: starter.kinds });
  next.metrics = query.metrics?.filter((metric) => type?.metrics.includes(metric)) ?? [];
  if (next.metrics.length === 0) {
    // An alert rule reads one number at a time.
    next.metrics = isAlerting(app)
      ? (starter.metrics ?? type?.metrics ?? []).slice(0, 1)
      : [...(starter.metrics ?? [])];
  }
  next.groupBy = query.groupBy?.filter((group) => type?.groupBy.includes(group));
  if (type && !type.formats.includes(formatOf(query))) {
    next.format = isAlerting(app) ? numbersOf(type) : (starter.format ?? type.formats[0]);
  }
  return next;
}

/** The format in which an alert rule takes a type. */
function numbersOf(type: QueryTypeChoice): QueryFormat {
  return type.formats.find((format) => format === 'instant' || format === 'severity') ?? type.formats[0];
}

/** The query in one line, as a collapsed row shows it. */
export function queryText(query: StorjQuery): string {
  const type = queryTypeOf(query);
  if (!type) {
    return query.queryType ? `Unknown query type "${query.queryType}"` : 'No query type chosen';
  }
  const format = formatOf(query);
  const parts: string[] = [type.label];
  const named = (list: KnownList) => {
    const choices = listOf(type, list)?.choices ?? [];
    return (query[list] ?? []).map((entry) => choices.find(({ value }) => value === entry)?.label ?? entry);
  };
  const small = (texts: string[]) => texts.map((text) => text.charAt(0).toLowerCase() + text.slice(1));
  if (usesMetrics(type, format)) {
    parts.push(listText(small(named('metrics')), 'all metrics'));
  }
  if (query.kinds?.length) {
    parts.push(listText(small(named('kinds')), ''));
  }
  if (usesNodes(query)) {
    parts.push(listText(query.nodes, 'all nodes'));
  }
  if (type.satellites) {
    parts.push(listText(query.satellites, 'all satellites'));
  }
  for (const list of ['actions', 'outcomes'] as const) {
    if (query[list]?.length) {
      parts.push(listText(list === 'outcomes' ? small(named(list)) : named(list), ''));
    }
  }
  if (query.groupBy?.length) {
    parts.push(query.groupBy.includes('total') ? 'total' : `by ${listText(small(named('groupBy')), '')}`);
  }
  if (type.formats.length > 1) {
    parts.push((FORMATS.find((f) => f.value === format)?.label ?? format).toLowerCase());
  }
  return parts.join(' · ');
}

/** These show how many took how long, whatever the metrics. */
export const DISTRIBUTIONS: QueryFormat[] = ['heatmap', 'histogram'];

/** The table of reputation has every column; others have the chosen ones. */
export function usesMetrics(type: QueryTypeChoice, format: QueryFormat): boolean {
  return (
    type.metrics.length > 0 && !(type.value === 'reputation' && format === 'table') && !DISTRIBUTIONS.includes(format)
  );
}

/** A heat map is of everything that is selected, together. */
export function usesGroups(type: QueryTypeChoice, format: QueryFormat): boolean {
  return type.groupBy.length > 0 && format !== 'heatmap';
}

/** The query in another format, without what that cannot have. */
export function withFormat(query: StorjQuery, format: QueryFormat): StorjQuery {
  const type = queryTypeOf(query);
  return type && !usesGroups(type, format) && query.groupBy?.length
    ? { ...query, format, groupBy: [] }
    : { ...query, format };
}

/** Of the live streams only a log is one of each node; what a variable or a pattern stands for may be it. */
export function usesNodes(query: StorjQuery): boolean {
  return query.queryType !== 'live' || Boolean(query.kinds?.some((kind) => kind === 'log' || /^[$/[]/.test(kind)));
}

function listText(list: string[] | undefined, all: string): string {
  if (!list?.length) {
    return all;
  }
  const shown = 4;
  return list.length <= shown ? list.join(', ') : `${list.slice(0, shown).join(', ')} and ${list.length - shown} more`;
}
