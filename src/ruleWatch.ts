import { type DataFrame, type DataQueryResponse } from '@grafana/data';

import { send } from './backend';

/** Whether alert rules ask a data source: only Grafana knows, so the back end's tile of the watch learns it here. */

/** What Grafana tells everybody who may see alert rules. */
interface RuleState {
  data?: { groups?: Array<{ rules?: Array<{ queriedDatasourceUIDs?: string[] }> }> };
}

/** Dashboards ask again and again, and several panels at once. */
const KEPT_MS = 60_000;
const known = new Map<string, { at: number; watch: Promise<Watch> }>();

/** The severities of the conditions. */
const NOT_WATCHED = -1;
const OK = 0;
const INFO = 1;
const WARNING = 2;

/** What there is to say, and how grave it is. */
interface Watch {
  text: string;
  severity: number;
}

/** Adds to the answer of an overview whether anybody will be told. */
export async function withRules(response: DataQueryResponse, uid: string): Promise<DataQueryResponse> {
  if (!response.data.some(isOverview)) {
    return response;
  }
  const { text, severity } = await ruleWatch(uid);
  return {
    ...response,
    data: response.data.map((frame) => (isOverview(frame) ? withText(frame, text, severity) : frame)),
  };
}

function isOverview(frame: DataFrame): boolean {
  return frame.name === 'overview';
}

function withText(frame: DataFrame, text: string, severity: number): DataFrame {
  const fields = frame.fields.map((field) => {
    const [value] = field.values;
    switch (field.name) {
      case 'watch_text':
        // What is wrong comes first.
        return { ...field, values: [severity === OK ? `${value}. ${text}` : `${text}. ${value}`] };
      case 'watch_severity':
        return { ...field, values: [graver(value, severity)] };
      default:
        return field;
    }
  });
  return { ...frame, fields };
}

/** What is not known is graver than what is well or good to know. */
function graver(one: number, other: number): number {
  const gravest = Math.max(one, other);
  return gravest <= INFO && Math.min(one, other) === NOT_WATCHED ? NOT_WATCHED : gravest;
}

function ruleWatch(uid: string): Promise<Watch> {
  const before = known.get(uid);
  if (before && Date.now() - before.at < KEPT_MS) {
    return before.watch;
  }
  const watch = countRules(uid).then(
    (rules) =>
      rules > 0
        ? { text: rules === 1 ? '1 alert rule' : `${rules} alert rules`, severity: OK }
        : { text: 'No alert rule asks this data source: nobody will be told', severity: WARNING },
    (error) =>
      error?.status === 404
        ? { text: 'Alerting is off in this Grafana: nobody will be told', severity: WARNING }
        : { text: 'Whether there are alert rules cannot be seen', severity: NOT_WATCHED }
  );
  known.set(uid, { at: Date.now(), watch });
  return watch;
}

async function countRules(uid: string): Promise<number> {
  const { data } = await send<RuleState>({
    method: 'GET',
    url: '/api/prometheus/grafana/api/v1/rules',
    params: { limit_alerts: 0 },
  });
  return (data?.groups ?? [])
    .flatMap(({ rules }) => rules ?? [])
    .filter(({ queriedDatasourceUIDs }) => queriedDatasourceUIDs?.includes(uid)).length;
}
