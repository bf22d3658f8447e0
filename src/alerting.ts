import pluginJson from '../plugin.json';
import { base, errorText, send } from './backend';

/**
 * What the config editor does in Grafana itself, as the person who is signed in: alert rules, the contact points that they
 * reach, and the plugin's dashboards.
 */

/** Something that was asked for, or why it cannot be told. */
export type Told<T> = { value: T } | { why: string };

export interface RulesStatus {
  /** How many rules there are for this data source, and how many of them Grafana has. */
  wanted: number;
  installed: number;
  /** Whether any rule at all asks this data source, be it one of these or somebody's own. */
  used: boolean;
  /** They come from a file, so that only the file can change them. */
  fromFile: boolean;
}

/** The names of the contact points that are more than Grafana's empty default. */
export interface ContactPointsStatus {
  /** An alert of this data source gets there. */
  told: string[];
  /** Neither a notification policy nor a rule leads an alert of this data source there. */
  unused: string[];
}

export interface DashboardsStatus {
  dashboards: Dashboard[];
  there: number;
}

export interface AlertingStatus {
  rules: Told<RulesStatus>;
  contactPoints: Told<ContactPointsStatus>;
  dashboards: Told<DashboardsStatus>;
}

/** A rule as Grafana's provisioning API has it; of most of it nothing needs to be known here. */
interface Rule {
  uid: string;
  folderUID?: string;
  ruleGroup?: string;
  provenance?: string;
  isPaused?: boolean;
  notification_settings?: { receiver?: string };
  data?: Array<{ datasourceUid?: string }>;
  [more: string]: unknown;
}

interface RuleGroup {
  name: string;
  folder: string;
  interval: string;
  rules: Rule[];
}

interface ContactPoint {
  uid?: string;
  name?: string;
  type?: string;
  settings?: { addresses?: string };
}

export interface Dashboard {
  uid: string;
  title: string;
  path: string;
  imported?: boolean;
  removed?: boolean;
}

const PROVISIONING = '/api/v1/provisioning';

/** A notification policy: Grafana's default one, or one below another. */
interface Policy {
  receiver?: string;
  object_matchers?: Array<[label: string, operator: string, value: string]>;
  continue?: boolean;
  routes?: Policy[];
}

/** A new Grafana has a contact point that sends to this address, which reaches nobody. */
const NOBODY = 'example@email.com';

/** The label `service` that every rule of the plugin has. */
const SERVICE = 'storj-nodes';

/** A Grafana that runs without its alerting does not know the paths of it. */
const ALERTING_OFF = 'alerting is switched off in this Grafana, so nobody will be told';

export async function fetchAlerting(uid: string): Promise<AlertingStatus> {
  const existing = fetchRules(); // which two of the answers need
  const [rules, contactPoints, dashboards] = await Promise.all([
    told(fetchRulesStatus(uid, existing), ALERTING_OFF),
    told(fetchContactPoints(uid, existing), ALERTING_OFF),
    told(fetchDashboards(), 'this Grafana does not know the plugin’s dashboards'),
  ]);
  return { rules, contactPoints, dashboards };
}

async function told<T>(answer: Promise<T>, notFound: string): Promise<Told<T>> {
  return answer.then(
    (value) => ({ value }),
    (error) => ({ why: reasonOf(error, notFound) })
  );
}

/** Why Grafana refuses, in words that say what to do. */
function reasonOf(error: unknown, notFound: string): string {
  switch ((error as { status?: number })?.status) {
    case 401:
    case 403:
      return 'you are not allowed to; an admin of the organisation is';
    case 404:
      return notFound;
    default:
      return errorText(error);
  }
}

async function fetchRulesStatus(uid: string, fetched: Promise<Rule[]>): Promise<RulesStatus> {
  const [groups, existing] = await Promise.all([fetchOurRules(uid), fetched]);
  const uids = new Set(groups.flatMap(({ rules }) => rules.map((rule) => rule.uid)));
  const ours = existing.filter((rule) => uids.has(rule.uid));
  return {
    wanted: uids.size,
    installed: ours.length,
    used: existing.some((rule) => rule.data?.some(({ datasourceUid }) => datasourceUid === uid)),
    fromFile: ours.some(({ provenance }) => provenance === 'file'),
  };
}

async function fetchRules(): Promise<Rule[]> {
  return (await send<Rule[] | null>({ method: 'GET', url: `${PROVISIONING}/alert-rules` })) ?? [];
}

/** The rules for this data source, made by the back end from its table of conditions. */
async function fetchOurRules(uid: string): Promise<RuleGroup[]> {
  const file = await send<{ groups?: RuleGroup[] }>({
    method: 'GET',
    url: `${base(uid)}/resources/alerting?format=json`,
  }).catch((error) => {
    // Not to be taken for Grafana's own answer that it has no alerting.
    throw new Error(`the plugin does not give its rules: ${errorText(error)}`);
  });
  return file.groups ?? [];
}

/**
 * Puts the rules into Grafana, or the newest form of them into the place of older ones. They can be edited afterwards. That
 * a rule is paused, whom it notifies and where it was moved to stays, and so do other rules of its group.
 */
export async function installRules(uid: string): Promise<number> {
  try {
    const [groups, existing] = await Promise.all([fetchOurRules(uid), fetchRules()]);
    for (const group of groups) {
      await putGroup(group, existing);
    }
    return groups.reduce((sum, { rules }) => sum + rules.length, 0);
  } catch (error) {
    throw new Error(reasonOf(error, ALERTING_OFF));
  }
}

async function putGroup(group: RuleGroup, existing: Rule[]): Promise<void> {
  const known = new Map(existing.map((rule) => [rule.uid, rule]));
  const ours = new Set(group.rules.map(({ uid }) => uid));
  const installed = existing.filter(({ uid }) => ours.has(uid));
  const places = new Set(installed.map(({ folderUID, ruleGroup }) => JSON.stringify([folderUID, ruleGroup])));
  const moved = places.size === 1 ? installed[0] : undefined;
  const folderUID = moved?.folderUID ?? (await folderNamed(group.folder));
  const ruleGroup = moved?.ruleGroup ?? group.name;

  const rules = group.rules.map(({ keepFiringFor, ...rule }) => ({
    ...rule,
    folderUID,
    ruleGroup,
    isPaused: known.get(rule.uid)?.isPaused ?? rule.isPaused,
    notification_settings: known.get(rule.uid)?.notification_settings,
  }));
  // Those of the same family that an older version made and this one does not.
  const family = group.rules[0]?.uid.match(/^storj-[0-9a-f]{8}-/)?.[0];
  const others = existing.filter(
    (rule) =>
      rule.folderUID === folderUID &&
      rule.ruleGroup === ruleGroup &&
      !ours.has(rule.uid) &&
      !(family && rule.uid.startsWith(family))
  );
  await send({
    method: 'PUT',
    url: `${PROVISIONING}/folder/${encodeURIComponent(folderUID)}/rule-groups/${encodeURIComponent(ruleGroup)}`,
    // Without it nobody could edit the rules in Grafana's pages.
    headers: { 'X-Disable-Provenance': 'true' },
    data: { title: ruleGroup, folderUid: folderUID, interval: secondsOf(group.interval), rules: [...rules, ...others] },
  });
}

/** The uid of a folder, which is made where there is none of that name. */
async function folderNamed(title: string): Promise<string> {
  type Folder = { uid: string; title: string };
  const folders = (await send<Folder[] | null>({ method: 'GET', url: '/api/folders?limit=1000' })) ?? [];
  const found = folders.find((folder) => folder.title === title);
  return (found ?? (await send<Folder>({ method: 'POST', url: '/api/folders', data: { title } }))).uid;
}

/** Of Grafana's durations those that rules are evaluated at. */
function secondsOf(duration: string): number {
  const units: Record<string, number> = { s: 1, m: 60, h: 3600 };
  const parts = [...duration.matchAll(/(\d+)([smh])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit], 0) || 60;
}

async function fetchContactPoints(uid: string, fetched: Promise<Rule[]>): Promise<ContactPointsStatus> {
  const [all, policies, rules] = await Promise.all([
    send<ContactPoint[] | null>({ method: 'GET', url: `${PROVISIONING}/contact-points` }),
    send<Policy>({ method: 'GET', url: `${PROVISIONING}/policies` }),
    fetched,
  ]);
  const receivers = new Set(receiversOf(policies));
  for (const { data, notification_settings } of rules) {
    if (notification_settings?.receiver && data?.some(({ datasourceUid }) => datasourceUid === uid)) {
      receivers.add(notification_settings.receiver);
    }
  }
  const status: ContactPointsStatus = { told: [], unused: [] };
  for (const point of all ?? []) {
    if (point.type === 'email' && point.settings?.addresses?.includes(NOBODY)) {
      continue;
    }
    const name = point.name || point.type || 'without a name';
    // Without a uid it is the one of Grafana's default, which is listed by another name than the policies have for it.
    const list = !point.uid || receivers.has(name) ? status.told : status.unused;
    if (!list.includes(name)) {
      list.push(name);
    }
  }
  return status;
}

/** Whom a policy and those below it may tell of an alert of this data source. */
function receiversOf({ receiver = '', routes = [] }: Policy): string[] {
  const found: string[] = [];
  let taken = false;
  for (const route of routes) {
    const matches = matchesOurs(route);
    if (matches === false) {
      continue;
    }
    found.push(...receiversOf({ ...route, receiver: route.receiver || receiver }));
    taken ||= matches === true;
    if (matches && !route.continue) {
      break;
    }
  }
  // Where one below takes every alert, the policy tells nobody itself.
  return taken ? found : [...found, receiver];
}

/** Whether a policy takes the alerts of this data source; undefined where that depends on the alert. */
function matchesOurs({ object_matchers: matchers = [] }: Policy): boolean | undefined {
  const answers = matchers.map(([label, operator, value]) => {
    switch (label === 'service' ? operator : '') {
      case '=':
        return value === SERVICE;
      case '!=':
        return value !== SERVICE;
      default:
        return undefined;
    }
  });
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

async function fetchDashboards(): Promise<DashboardsStatus> {
  const bundled = await send<Dashboard[] | null>({ method: 'GET', url: `/api/plugins/${pluginJson.id}/dashboards` });
  const dashboards = (bundled ?? []).filter(({ removed, path }) => !removed && path);
  // One that is provisioned from a file is there too, though nobody imported it.
  const wanted = dashboards.map(({ uid }) => `dashboardUIDs=${encodeURIComponent(uid)}`).join('&');
  const found = wanted ? await send<Array<{ uid: string }>>({ method: 'GET', url: `/api/search?${wanted}` }) : [];
  const uids = new Set(found.map(({ uid }) => uid));
  const marked = dashboards.map((dashboard) => ({
    ...dashboard,
    imported: dashboard.imported || uids.has(dashboard.uid),
  }));
  return { dashboards: marked, there: marked.filter(({ imported }) => imported).length };
}

/** Imports dashboards of the plugin, in the place of those of the same uid. */
export async function importDashboards(dashboards: Dashboard[], dataSource: string): Promise<void> {
  const failed: string[] = [];
  for (const { path, title } of dashboards) {
    await send({
      method: 'POST',
      url: '/api/dashboards/import',
      data: {
        pluginId: pluginJson.id,
        path,
        overwrite: true,
        inputs: [{ name: '*', type: 'datasource', pluginId: pluginJson.id, value: dataSource }],
      },
    }).catch((error) => failed.push(`${title}: ${reasonOf(error, 'this Grafana does not know it')}`));
  }
  if (failed.length > 0) {
    throw new Error(failed.join('; '));
  }
}

/** Raises the condition "test" at a node, and gives the time at which it ends by itself. */
export async function sendTestAlert(uid: string, node: string): Promise<string | undefined> {
  try {
    const answer = await send<{ until?: string }>({
      method: 'POST',
      url: `${base(uid)}/resources/alert-test`,
      data: { node },
    });
    return answer.until;
  } catch (error) {
    throw new Error(errorText(error));
  }
}
