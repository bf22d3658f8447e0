import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { type ComponentProps, useState } from 'react';
import { type BackendSrv, setBackendSrv } from '@grafana/runtime';
import { of, throwError } from 'rxjs';

import { type Check, type NodeEntry, type StorjOptions } from '../../types';
import { ConfigEditor } from './ConfigEditor';

/** What the tests of the config editor share: the editor in a page, before a back end whose answers a test sets. */

type Options = ComponentProps<typeof ConfigEditor>['options'];

export const fetch = jest.fn();
setBackendSrv({ fetch } as unknown as BackendSrv);

export const CHECKS: Check[] = [
  { node: 'attic-1', check: 'log_path', status: 'ok', message: 'The log exists.' },
  { node: 'cellar', check: 'log_readable', status: 'error', message: 'Permission denied.', mend: 'chmod a+r it.' },
  { node: 'cellar', check: 'clock', status: 'warning', message: '7 s behind.' },
  { node: '', check: 'store', status: 'ok', message: 'The store is open.' },
];
export const ATTIC = { name: 'attic-1', log: '/var/log/attic-1.log', api: 'http://localhost:14002' };
export const CELLAR = { name: 'cellar', log: '192.168.1.9:9999' };

export type Request = { url: string; method: string; data?: any; headers?: Record<string, string> };

export const answers = {
  health: (): unknown => undefined,
  /** Grafana's own API, and what else the back end gives. */
  grafana: (_: Request): unknown => undefined,
  specs: (_: { specs: string; existing: string[] }): unknown => undefined,
};

beforeEach(() => {
  answers.health = () => of({ data: { status: 'OK', details: { checks: CHECKS } } });
  answers.specs = () => of({ data: { nodes: [], problems: [] } });
  answers.grafana = () => undefined;
  fetch.mockReset();
  fetch.mockImplementation((request: Request) => {
    const { url, data } = request;
    const answer = answers.grafana(request);
    if (answer !== undefined) {
      return answer;
    }
    if (url.endsWith('/health')) {
      return answers.health();
    }
    if (url.endsWith('/parse-specs')) {
      return answers.specs(data);
    }
    if (url.endsWith('/resources/nodes')) {
      return of({ data: [{ name: 'cellar', key: 'cellar-ab12', state: 'connected' }] });
    }
    return throwError(() => ({ status: 404, statusText: 'Not Found' }));
  });
});

/** The editor in a page that keeps what it changes, and saves it when asked. */
export function Page({
  jsonData,
  readOnly,
  saw,
}: {
  jsonData: StorjOptions;
  readOnly?: boolean;
  saw: (o: StorjOptions) => void;
}) {
  const [options, setOptions] = useState({ uid: 'storj', version: 1, readOnly, jsonData } as Options);
  return (
    <>
      <ConfigEditor
        options={options}
        onOptionsChange={(next) => {
          saw(next.jsonData);
          setOptions(next);
        }}
      />
      <button onClick={() => setOptions({ ...options, version: (options.version ?? 0) + 1 })}>Save & test</button>
    </>
  );
}

export async function open(
  nodes: NodeEntry[] = [ATTIC, CELLAR],
  rest: Partial<StorjOptions> & { readOnly?: boolean } = {}
) {
  const { readOnly, ...settings } = rest;
  const saw = jest.fn<void, [StorjOptions]>();
  await act(async () => {
    render(<Page jsonData={{ nodes, ...settings }} readOnly={readOnly} saw={saw} />);
  });
  return { saw, user: userEvent.setup(), last: () => saw.mock.lastCall![0] };
}

/** Opens the sections that are closed. */
export async function openAll(user: ReturnType<typeof userEvent.setup>) {
  for (const toggle of screen.queryAllByRole('button', { name: /^Expand section/ })) {
    await user.click(toggle);
  }
  // Those inside of them.
  for (const toggle of screen.queryAllByRole('button', { name: /^Expand section/ })) {
    await user.click(toggle);
  }
}

export const healthCalls = () => fetch.mock.calls.filter(([request]) => request.url.endsWith('/health')).length;
