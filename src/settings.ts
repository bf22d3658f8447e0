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

export const DEFAULT_THRESHOLDS: Required<Thresholds> = {
  auditWarning: 85,
  auditCritical: 70,
  suspensionCritical: 60,
  onlineWarning: 95,
};

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
