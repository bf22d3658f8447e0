import { type CheckStatus, type NodeEntry, type NodeSettings, type Thresholds } from './types';

/** Defaults and bounds of the settings, as pkg/settings has them, and what the editor needs to know about nodes. */

export interface Bounds {
  min: number;
  max: number;
  preset: number;
  whole?: boolean;
}

export const API_PORT: Bounds = { min: 1, max: 65535, preset: 14002, whole: true };
export const INTERACTIVE_TIMEOUT: Bounds = { min: 1, max: 60, preset: 10, whole: true };
export const BACKGROUND_TIMEOUT: Bounds = { min: 5, max: 600, preset: 90, whole: true };
export const STATUS_INTERVAL: Bounds = { min: 30, max: 86400, preset: 300, whole: true };
export const SCORES_INTERVAL: Bounds = { min: 30, max: 86400, preset: 300, whole: true };
export const PAYOUTS_INTERVAL: Bounds = { min: 300, max: 86400, preset: 3600, whole: true };
export const IDLE_STOP: Bounds = { min: 1, max: 3650, preset: 30, whole: true };
export const MEMORY_LIMIT: Bounds = { min: 64, max: 65536, preset: 512, whole: true };
export const RAW_DAYS: Bounds = { min: 1, max: 400, preset: 30, whole: true };
export const ROLLUP_DAYS: Bounds = { min: 30, max: 3650, preset: 400, whole: true };
export const BACKFILL_HOURS: Bounds = { min: -1, max: 9600, preset: 24, whole: true };
export const MINUTE_HOURS: Bounds = { min: 6, max: 720, preset: 48, whole: true };
export const TEN_MINUTE_DAYS: Bounds = { min: 2, max: 400, preset: 14, whole: true };
export const HOUR_DAYS: Bounds = { min: 30, max: 3650, preset: 400, whole: true };
export const SIZE_DAYS: Bounds = { min: 2, max: 400, preset: 30, whole: true };
export const EVENT_DAYS: Bounds = { min: 30, max: 3650, preset: 400, whole: true };
export const MAX_FUTURE: Bounds = { min: 1, max: 1440, preset: 60, whole: true };
export const MAX_PAST: Bounds = { min: 0, max: 3650, preset: 0, whole: true };
export const FLUSH: Bounds = { min: 100, max: 60000, preset: 1000, whole: true };
export const SEAL: Bounds = { min: 5, max: 1440, preset: 60, whole: true };
export const FLAPPING: Bounds = { min: 0, max: 120, preset: 5, whole: true };

export interface ThresholdBounds extends Bounds {
  /** The threshold that this one must not be above. */
  notAbove?: keyof Thresholds;
}

export const THRESHOLDS: Record<keyof Thresholds, ThresholdBounds> = {
  auditWarning: { min: 0, max: 100, preset: 85 },
  auditCritical: { min: 0, max: 100, preset: 70, notAbove: 'auditWarning' },
  suspensionCritical: { min: 0, max: 100, preset: 60 },
  onlineWarning: { min: 0, max: 100, preset: 95 },
  auditRiskWarning: { min: 0, max: 100, preset: 99.5 },
  auditRiskFalling: { min: 0, max: 100, preset: 98, notAbove: 'auditRiskWarning' },
  auditRiskCritical: { min: 0, max: 100, preset: 97, notAbove: 'auditRiskFalling' },
  suspensionRiskWarning: { min: 0, max: 100, preset: 95 },
  suspensionRiskCritical: { min: 0, max: 100, preset: 80, notAbove: 'suspensionRiskWarning' },
  onlineRiskCritical: { min: 0, max: 100, preset: 70 },
  downtimeLeftDays: { min: 0, max: 30, preset: 3 },
  auditSlowSeconds: { min: 5, max: 600, preset: 60 },
  auditsFailedCritical: { min: 1, max: 100, preset: 3, whole: true },
  auditsCanceledPercent: { min: 0, max: 100, preset: 30 },
  auditsCanceledTimes: { min: 1, max: 100, preset: 3 },
  auditsCanceledLeast: { min: 1, max: 10000, preset: 20, whole: true },
  unreachableWarningMinutes: { min: 1, max: 10080, preset: 20, notAbove: 'unreachableCriticalMinutes' },
  unreachableCriticalMinutes: { min: 1, max: 10080, preset: 60 },
  noContactWarningHours: { min: 0.25, max: 720, preset: 3, notAbove: 'noContactCriticalHours' },
  noContactCriticalHours: { min: 0.25, max: 720, preset: 12 },
  nodeStoppedMinutes: { min: 1, max: 10080, preset: 10 },
  restartLoopStarts: { min: 2, max: 15, preset: 3, whole: true },
  restartLoopMinutes: { min: 1, max: 60, preset: 15 },
  apiSlowInfoMinutes: { min: 1, max: 10080, preset: 5, notAbove: 'apiSlowWarningMinutes' },
  apiSlowWarningMinutes: { min: 1, max: 10080, preset: 360 },
  quicHours: { min: 1, max: 720, preset: 24 },
  versionBehindDays: { min: 1, max: 365, preset: 30 },
  logSilentMinutes: { min: 1, max: 10080, preset: 30 },
  noTrafficHours: { min: 0.25, max: 720, preset: 2 },
  uploadRejectedPercent: { min: 0, max: 100, preset: 10 },
  uploadRejectedWarningPercent: { min: 0, max: 100, preset: 50 },
  uploadRejectedLeast: { min: 0, max: 1000000, preset: 100, whole: true },
  ordersWarningHours: { min: 1, max: 240, preset: 24, notAbove: 'ordersCriticalHours' },
  ordersCriticalHours: { min: 1, max: 240, preset: 40 },
  latencyInfoSeconds: { min: 1, max: 600, preset: 5, notAbove: 'latencyWarningSeconds' },
  latencyWarningSeconds: { min: 1, max: 600, preset: 10 },
  clockSkewSeconds: { min: 1, max: 3600, preset: 10 },
  diskWarningPercent: { min: 0, max: 100, preset: 80, notAbove: 'diskCriticalPercent' },
  diskCriticalPercent: { min: 0, max: 100, preset: 95 },
  diskFreeGB: { min: 0, max: 1000, preset: 5 },
  diskFreePercent: { min: 0, max: 100, preset: 1 },
  diskOverusedHours: { min: 1, max: 720, preset: 24 },
  diskTrashPercent: { min: 0, max: 100, preset: 20 },
  diskTrashDays: { min: 1, max: 90, preset: 8 },
};

export const DEFAULT_THRESHOLDS = Object.fromEntries(
  Object.entries(THRESHOLDS).map(([key, { preset }]) => [key, preset])
) as Required<Thresholds>;

export const SATELLITES = ['ap1', 'us1', 'eu1', 'saltlake'];

/** What is wrong with a number, or undefined. */
export function outOfBounds(value: number | undefined, { min, max, whole }: Bounds): string | undefined {
  if (value === undefined) {
    return undefined;
  }
  if (value < min || value > max) {
    return `Write a number from ${min} to ${max}.`;
  }
  if (whole && !Number.isInteger(value)) {
    return 'Write a whole number.';
  }
  return undefined;
}

/** Where a node's log comes from, as the form has it. */
export type LogSource =
  | { kind: 'none' }
  | { kind: 'file'; path: string }
  | { kind: 'tcp'; address: string }
  | { kind: 'docker'; container: string; daemon: string };

export function logSourceOf(log: string | undefined): LogSource {
  const text = log?.trim() ?? '';
  if (text === '') {
    return { kind: 'none' };
  }
  const docker = /^docker:\/\/([^@]*)(?:@(.*))?$/i.exec(text);
  if (docker) {
    return { kind: 'docker', container: docker[1], daemon: docker[2] ?? '' };
  }
  return /^[^/\\]+:\d+$/.test(text) ? { kind: 'tcp', address: text } : { kind: 'file', path: text };
}

/** The log as it is saved; nothing where what makes it up is missing. */
export function logOf(source: LogSource): string | undefined {
  switch (source.kind) {
    case 'none':
      return undefined;
    case 'file':
      return source.path.trim() || undefined;
    case 'tcp':
      return source.address.trim() || undefined;
    case 'docker': {
      const container = source.container.trim();
      const daemon = source.daemon.trim();
      return container ? `docker://${container}${daemon ? `@${daemon}` : ''}` : undefined;
    }
  }
}

/** A name that no other node has. */
export function freeName(wanted: string, taken: string[]): string {
  let name = wanted;
  for (let number = 2; taken.includes(name); number++) {
    name = `${wanted}-${number}`;
  }
  return name;
}

/**
 * A node for showing it. A spec string is cut roughly; before it is edited, the back end, which knows
 * the grammar, reads it.
 */
export function shownNode(entry: NodeEntry): NodeSettings {
  if (typeof entry !== 'string') {
    return entry;
  }
  const colon = entry.indexOf(':');
  if (colon < 0) {
    return { name: entry.trim() };
  }
  const name = entry.slice(0, colon).trim();
  const rest = entry.slice(colon + 1).trim();
  const api = /:\s*(https?:\/\/.*)$/i.exec(rest);
  return { name, log: api ? rest.slice(0, api.index).trim() : rest, ...(api && { api: api[1] }) };
}

/** A node without the keys that say nothing, as it is saved. */
export function tidyNode(node: NodeSettings): NodeSettings {
  const tidy: NodeSettings = { ...node, name: node.name.trim() };
  tidy.log = node.log?.trim() || undefined;
  tidy.api = node.api?.trim() || undefined;
  tidy.debug = node.debug?.trim() || undefined;
  tidy.key = node.key || undefined;
  tidy.retired = node.retired || undefined;
  tidy.maintenanceUntil = node.maintenanceUntil || undefined;
  tidy.mutedSatellites = emptyToUndefined(node.mutedSatellites);
  tidy.thresholds = emptyToUndefined(node.thresholds);
  return withoutUndefined(tidy);
}

/** The object with one key set, or removed when the value is undefined; undefined when nothing is left. */
export function withKey<T extends object>(object: T | undefined, key: keyof T, value: T[keyof T] | undefined) {
  return emptyToUndefined({ ...object, [key]: value } as T);
}

function emptyToUndefined<T extends object>(object: T | undefined): T | undefined {
  const left = object && withoutUndefined(object);
  return left && Object.keys(left).length > 0 ? left : undefined;
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

export function sameEntry(a: NodeEntry | undefined, b: NodeEntry | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const GRAVITY: CheckStatus[] = ['ok', 'info', 'warning', 'error'];

export function gravest(statuses: CheckStatus[]): CheckStatus {
  return statuses.reduce((worst, status) => (GRAVITY.indexOf(status) > GRAVITY.indexOf(worst) ? status : worst), 'ok');
}
