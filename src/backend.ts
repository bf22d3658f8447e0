import { type BackendSrvRequest, getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';

import {
  type Discovery,
  type HealthAnswer,
  type NodeInfo,
  type NodeSettings,
  type ParsedSpecs,
  type SpecProblem,
} from './types';

/**
 * What the config editor asks of the back end. It has no data source object, only the uid that every
 * data source has from the moment it is made. No error here becomes a pop-up: the editor shows it in
 * its place.
 */

/** The checks of the settings as they were last saved. */
export async function fetchHealth(uid: string): Promise<HealthAnswer> {
  try {
    return await send<HealthAnswer>({ method: 'GET', url: `${base(uid)}/health` });
  } catch (error) {
    // An unhealthy data source answers with an error status, and with its checks.
    const answer = (error as { data?: HealthAnswer }).data;
    if (answer?.details) {
      return answer;
    }
    throw new Error(errorText(error));
  }
}

export async function fetchNodes(uid: string): Promise<NodeInfo[]> {
  return (await send<NodeInfo[] | null>({ method: 'GET', url: `${base(uid)}/resources/nodes` })) ?? [];
}

/** Reads node specs, one a line. The existing names may not come again. */
export async function parseSpecs(uid: string, specs: string, existing: string[]): Promise<ParsedSpecs> {
  try {
    const answer = await send<Partial<ParsedSpecs>>({
      method: 'POST',
      url: `${base(uid)}/resources/parse-specs`,
      data: { specs, existing },
    });
    return { nodes: answer.nodes ?? [], problems: answer.problems ?? [] };
  } catch (error) {
    throw new Error(errorText(error));
  }
}

/** Looks for nodes on this machine and, where one is given, on a Docker daemon. Nothing is added by it. */
export async function discover(uid: string, docker?: string): Promise<Discovery> {
  try {
    const answer = await send<Partial<Discovery>>({
      method: 'POST',
      url: `${base(uid)}/resources/discover`,
      data: docker ? { docker } : {},
    });
    return { nodes: answer.nodes ?? [], tried: answer.tried ?? [] };
  } catch (error) {
    throw new Error(errorText(error));
  }
}

export interface FieldProblems {
  name?: string;
  log?: string;
  api?: string;
  debug?: string;
}

/**
 * Lets the back end judge a node's fields. Each is put into a spec of its own, in which nothing else
 * can be taken for a part of it.
 */
export async function checkFields(uid: string, node: NodeSettings, others: string[]): Promise<FieldProblems> {
  const withLog = `${node.name}:${node.log || '/any.log'}:http://localhost:14002`;
  const withApi = node.api ? `\nany::${node.api}` : '';
  const { problems } = await parseSpecs(uid, withLog + withApi, others);
  const found: FieldProblems = {};
  for (const problem of problems) {
    if (problem.line > 1) {
      found.api ??= problemText(problem);
    } else if (problem.field === 'name') {
      found.name ??= problemText(problem);
    } else {
      found.log ??= problemText(problem);
    }
  }
  return found;
}

export function problemText({ reason, mend }: Pick<SpecProblem, 'reason' | 'mend'>): string {
  return [reason, mend].filter(Boolean).map(sentence).join(' ');
}

function sentence(text = ''): string {
  const trimmed = text.trim();
  const ended = /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}

export function base(uid: string): string {
  return `/api/datasources/uid/${encodeURIComponent(uid)}`;
}

export async function send<T>(request: BackendSrvRequest): Promise<T> {
  const response = await lastValueFrom(
    getBackendSrv().fetch<T>({
      showErrorAlert: false,
      showSuccessAlert: false,
      // Else Grafana may take the settings from a cache that is up to 5 s old: those before the save.
      headers: { 'X-Grafana-NoCache': 'true' },
      ...request,
    })
  );
  return response.data;
}

export function errorText(error: unknown): string {
  const { data, message, status, statusText } = (error ?? {}) as {
    data?: { message?: string; error?: string };
    message?: string;
    status?: number;
    statusText?: string;
  };
  return data?.error || data?.message || message || [status, statusText].filter(Boolean).join(' ') || 'no answer';
}
