import { type DataQuery, type DataSourceJsonData } from '@grafana/schema';

// ---------------------------------------------------------------------------------------------
// Settings: the data source's jsonData. The back end reads the same form (pkg/settings); every key
// that is left out has its default there.

/** Scores and shares are in percent. */
export interface Thresholds {
  auditWarning?: number;
  auditCritical?: number;
  suspensionCritical?: number;
  onlineWarning?: number;
  auditRiskWarning?: number;
  auditRiskFalling?: number;
  auditRiskCritical?: number;
  suspensionRiskWarning?: number;
  suspensionRiskCritical?: number;
  onlineRiskCritical?: number;
  downtimeLeftDays?: number;
  auditSlowSeconds?: number;
  /** In an hour. */
  auditsFailedCritical?: number;
  auditsCanceledPercent?: number;
  /** As many as usual. */
  auditsCanceledTimes?: number;
  /** In an hour. */
  auditsCanceledLeast?: number;
  unreachableWarningMinutes?: number;
  unreachableCriticalMinutes?: number;
  noContactWarningHours?: number;
  noContactCriticalHours?: number;
  nodeStoppedMinutes?: number;
  restartLoopStarts?: number;
  restartLoopMinutes?: number;
  apiSlowInfoMinutes?: number;
  apiSlowWarningMinutes?: number;
  quicHours?: number;
  versionBehindDays?: number;
  logSilentMinutes?: number;
  noTrafficHours?: number;
  uploadRejectedPercent?: number;
  uploadRejectedWarningPercent?: number;
  /** In an hour. */
  uploadRejectedLeast?: number;
  ordersWarningHours?: number;
  ordersCriticalHours?: number;
  latencyInfoSeconds?: number;
  latencyWarningSeconds?: number;
  clockSkewSeconds?: number;
  diskWarningPercent?: number;
  diskCriticalPercent?: number;
  diskFreeGB?: number;
  diskFreePercent?: number;
  diskOverusedHours?: number;
  diskTrashPercent?: number;
  diskTrashDays?: number;
}

export interface PollIntervals {
  statusSeconds?: number;
  scoresSeconds?: number;
  payoutsSeconds?: number;
}

export interface Retention {
  rawDays?: number;
  rollupDays?: number;
  minuteHours?: number;
  tenMinuteDays?: number;
  hourDays?: number;
  sizeDays?: number;
  eventDays?: number;
}

export interface StoreLimits {
  maxFutureMinutes?: number;
  maxPastDays?: number;
  flushMilliseconds?: number;
  sealMinutes?: number;
}

export interface Alerts {
  flappingMinutes?: number;
  /** It may hold a token: it is to be shown to no one but who may edit the settings. */
  heartbeatUrl?: string;
  /** A disk that fills up is a warning, or critical, and not a note. */
  fullDiskIsAProblem?: boolean;
}

export interface NodeSettings {
  name: string;
  /** A file's path, host:port of a TCP log forwarder, or docker://container[@unix:///path or @tcp://host:port]. */
  log?: string;
  /** http(s)://host:port; left out, the back end finds it. */
  api?: string;
  /** http(s)://host:port of the debug port. */
  debug?: string;
  /** Stays the same when the node is renamed. */
  key?: string;
  retired?: boolean;
  /** RFC 3339. */
  maintenanceUntil?: string;
  /** Satellite → reason. */
  mutedSatellites?: Record<string, string>;
  thresholds?: Thresholds;
}

/** A provisioned node may also be written as one string, Name:source[:api]. */
export type NodeEntry = NodeSettings | string;

export interface StorjOptions extends DataSourceJsonData {
  nodes?: NodeEntry[];
  apiPort?: number;
  interactiveTimeoutSeconds?: number;
  backgroundTimeoutSeconds?: number;
  allowRemoteApi?: boolean;
  pollIntervals?: PollIntervals;
  thresholds?: Thresholds;
  idleStopDays?: number;
  memoryLimitMiB?: number;
  /** 0: nothing from before; -1: everything. */
  backfillHours?: number;
  retention?: Retention;
  store?: StoreLimits;
  alerts?: Alerts;
}

// ---------------------------------------------------------------------------------------------
// Queries

/** One of the types in queryTypes.json, such as reputation. */
export type QueryType = string;
/** One of the formats in queryTypes.json, such as timeseries. */
export type QueryFormat = string;

/** The lists that only some query types have. */
export type QueryFilter = 'actions' | 'outcomes' | 'kinds';

export interface StorjQuery extends DataQuery {
  queryType?: QueryType;
  /** Names, /regular expressions/ and variables. An empty list means all; so for the other lists. */
  nodes?: string[];
  satellites?: string[];
  metrics?: string[];
  groupBy?: string[];
  actions?: string[];
  outcomes?: string[];
  /** Of conditions their codes, of events their kinds, and the live streams. */
  kinds?: string[];
  format?: QueryFormat;
}

export type VariableKind = 'nodes' | 'satellites' | 'conditions' | 'actions' | 'outcomes';

export interface StorjVariableQuery extends DataQuery {
  queryType?: VariableKind;
  /** Only for satellites: those of these nodes. */
  nodes?: string[];
}

// ---------------------------------------------------------------------------------------------
// What the back end answers

export interface NodeInfo {
  name: string;
  key: string;
  state: string;
}

export interface SatelliteInfo {
  id: string;
  name: string;
}

export type CheckStatus = 'ok' | 'info' | 'warning' | 'error';

export interface Check {
  /** The node's name; empty for what belongs to the data source itself. */
  node: string;
  check: string;
  status: CheckStatus;
  message: string;
  mend?: string;
}

export interface SettingsProblem {
  index?: number;
  spec?: string;
  field?: string;
  reason: string;
  mend?: string;
}

export interface HealthDetails {
  checks?: Check[];
  problems?: SettingsProblem[];
  warnings?: string[];
}

export interface HealthAnswer {
  status?: string;
  message?: string;
  details?: HealthDetails;
}

export interface SpecProblem {
  /** Counted from 1. */
  line: number;
  spec: string;
  field: string;
  reason: string;
  mend?: string;
}

export interface ParsedSpecs {
  nodes: NodeSettings[];
  problems: SpecProblem[];
}

/** A node that was found on this machine or on a Docker daemon. */
export interface FoundNode {
  name: string;
  log?: string;
  api?: string;
  nodeID?: string;
  /** How it was found. */
  why?: string;
}

export interface Discovery {
  nodes: FoundNode[];
  /** Where was looked. */
  tried: string[];
}
