import { CoreApp } from '@grafana/data';

import { type QueryFormat, type QueryType, type StorjQuery } from './types';

/** What the editor offers: query types, their metrics and formats, and how a query reads in one line. */

export interface Choice<T extends string = string> {
  value: T;
  label: string;
  description: string;
}

export const METRICS: Choice[] = [
  {
    value: 'audit_score_percent',
    label: 'Audit score',
    description: 'Audits passed. A satellite disqualifies the node at 96 % or below, for ever.',
  },
  {
    value: 'suspension_score_percent',
    label: 'Suspension score',
    description: 'Audits without an unknown error. Suspended at 60 % or below, until it is above again.',
  },
  {
    value: 'online_score_percent',
    label: 'Online score',
    description: 'Seen online over the last 30 days. Suspended below 60 %.',
  },
  {
    value: 'failed_audits_left',
    label: 'Failed audits left',
    description: 'Failed audits in a row until the node is disqualified.',
  },
  {
    value: 'downtime_left_seconds',
    label: 'Downtime left',
    description: 'Time the node may be offline until it is suspended.',
  },
  {
    value: 'vetting_progress_percent',
    label: 'Vetting progress',
    description: '100 audits and 21 days of age make a vetted node.',
  },
  { value: 'disqualified', label: 'Disqualified', description: '1 when the satellite has disqualified the node.' },
  { value: 'suspended', label: 'Suspended', description: '1 when suspended for unknown audit errors.' },
  { value: 'offline_suspended', label: 'Offline suspended', description: '1 when suspended for being offline.' },
  { value: 'vetted', label: 'Vetted', description: '1 when the satellite has vetted the node.' },
  { value: 'health_percent', label: 'Node health', description: 'One number for each node, over all its satellites.' },
];

/** Of the metrics, those that rise as things get worse. All others fall. */
const WORSE_WHEN_HIGH = ['disqualified', 'suspended', 'offline_suspended'];

/** Whether all that the query asks for falls as things get worse, so that an alert has to watch for low values. */
export function worseWhenLow(query: StorjQuery): boolean {
  return Boolean(query.metrics?.length) && !query.metrics?.some((metric) => WORSE_WHEN_HIGH.includes(metric));
}

export const FORMATS: Array<Choice<QueryFormat>> = [
  { value: 'timeseries', label: 'Time series', description: 'One series for each metric, node and satellite.' },
  { value: 'instant', label: 'Instant', description: 'The newest value of each, for stats, gauges and alert rules.' },
  { value: 'table', label: 'Table', description: 'One row for each node and satellite, with every column.' },
];

interface QueryTypeChoice extends Choice<QueryType> {
  formats: QueryFormat[];
  metrics: boolean;
  satellites: boolean;
}

export const QUERY_TYPES: QueryTypeChoice[] = [
  {
    value: 'reputation',
    label: 'Reputation',
    description: 'Scores, what is left of them, and the state of each node on each satellite.',
    formats: ['timeseries', 'instant', 'table'],
    metrics: true,
    satellites: true,
  },
  {
    value: 'nodes',
    label: 'Nodes',
    description: 'One row for each node: connection, version, disk, estimated payout.',
    formats: ['table'],
    metrics: false,
    satellites: false,
  },
];

const REPUTATION_SCORES = ['audit_score_percent', 'suspension_score_percent', 'online_score_percent'];

export function defaultQuery(app?: CoreApp): Partial<StorjQuery> {
  const base = { queryType: 'reputation' as const, nodes: [], satellites: [], groupBy: [] };
  if (app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting) {
    // The number an alert rule can act on in time: what is left, not how much is lost.
    return { ...base, metrics: ['failed_audits_left'], format: 'instant' };
  }
  return { ...base, metrics: REPUTATION_SCORES, format: 'timeseries' };
}

export function queryTypeOf(query: StorjQuery): QueryTypeChoice | undefined {
  return QUERY_TYPES.find((type) => type.value === query.queryType);
}

export function formatOf(query: StorjQuery): QueryFormat {
  return query.format ?? queryTypeOf(query)?.formats[0] ?? 'table';
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
  if (!type.metrics && query.metrics?.length) {
    next.metrics = [];
  }
  return next;
}

/** The query with another type: what both have is kept, what the new one has not is dropped. */
export function withQueryType(query: StorjQuery, queryType: QueryType): StorjQuery {
  const next = withoutImpossible({ ...query, queryType, format: formatOf(query) });
  if (queryTypeOf(next)?.metrics && !query.metrics?.length) {
    next.metrics = REPUTATION_SCORES;
  }
  return next;
}

/** The query in one line, as a collapsed row shows it. */
export function queryText(query: StorjQuery): string {
  const type = queryTypeOf(query);
  if (!type) {
    return query.queryType ? `Unknown query type "${query.queryType}"` : 'No query type chosen';
  }
  const format = formatOf(query);
  const parts: string[] = [type.label];
  if (type.metrics && format !== 'table') {
    parts.push(listText(query.metrics?.map(metricLabel), 'all metrics'));
  }
  parts.push(listText(query.nodes, 'all nodes'));
  if (type.satellites) {
    parts.push(listText(query.satellites, 'all satellites'));
  }
  if (type.formats.length > 1) {
    parts.push((FORMATS.find((f) => f.value === format)?.label ?? format).toLowerCase());
  }
  return parts.join(' · ');
}

function metricLabel(metric: string): string {
  return METRICS.find((m) => m.value === metric)?.label.toLowerCase() ?? metric;
}

function listText(list: string[] | undefined, all: string): string {
  if (!list?.length) {
    return all;
  }
  const shown = 4;
  return list.length <= shown ? list.join(', ') : `${list.slice(0, shown).join(', ')} and ${list.length - shown} more`;
}
