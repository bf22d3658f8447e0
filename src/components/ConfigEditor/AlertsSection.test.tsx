import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { of, throwError } from 'rxjs';

import { answers, fetch, open } from './editorPage';

describe('alerting', () => {
  const RULES = ['audits', 'contact'].map((name) => ({
    uid: `storj-0123abcd-${name}`,
    title: name,
    isPaused: false,
    keepFiringFor: '3m',
    keep_firing_for: '3m',
    data: [{ datasourceUid: 'storj' }],
  }));
  const FILE = {
    groups: [{ orgId: 1, name: 'Storj nodes (storj)', folder: 'Storj nodes', interval: '1m', rules: RULES }],
  };
  const DEFAULT_CONTACT = { name: 'email receiver', type: 'email', settings: { addresses: '<example@email.com>' } };
  let installed: Array<Record<string, unknown>>;
  const DISCORD = { uid: 'd', name: 'Discord', type: 'discord', settings: {} };
  let contacts: unknown[];
  let policies: unknown;
  let imported: string[];

  beforeEach(() => {
    installed = [];
    contacts = [DEFAULT_CONTACT];
    policies = { receiver: 'grafana-default-email' };
    imported = [];
    answers.grafana = ({ url, method, data }) => {
      if (url.endsWith('/resources/alerting?format=json')) {
        return of({ data: FILE });
      }
      if (url === '/api/v1/provisioning/alert-rules') {
        return of({ data: installed });
      }
      if (url === '/api/v1/provisioning/contact-points') {
        return of({ data: contacts });
      }
      if (url === '/api/v1/provisioning/policies') {
        return of({ data: policies });
      }
      if (url.startsWith('/api/folders')) {
        return of({ data: method === 'POST' ? { uid: 'made', title: data.title } : [{ uid: 'x', title: 'Other' }] });
      }
      if (url.includes('/rule-groups/')) {
        installed = data.rules;
        return of({ data });
      }
      if (url.endsWith('/dashboards')) {
        return of({
          data: ['a', 'b'].map((uid) => ({
            uid,
            title: `Dashboard ${uid}`,
            path: `dashboards/${uid}.json`,
            imported: imported.includes(uid),
          })),
        });
      }
      if (url.startsWith('/api/search')) {
        return of({ data: [{ uid: 'b' }] });
      }
      if (url === '/api/dashboards/import') {
        imported.push('a');
        return of({ data: {} });
      }
      if (url.endsWith('/resources/alert-test')) {
        return of({ data: { until: '2026-12-01T10:05:00Z' } });
      }
      return undefined;
    };
  });

  const state = () => within(screen.getByRole('list', { name: 'State of alerting' }));
  const put = () => fetch.mock.calls.map(([request]) => request).filter(({ method }) => method === 'PUT');

  it('warns where nobody is told', async () => {
    await open();
    expect(state().getByText(/No alert rule uses this data source: nobody will be told/)).toBeInTheDocument();
    expect(state().getByText(/which reaches nobody/)).toBeInTheDocument();
    expect(state().getByText(/1 of 2 imported/)).toBeInTheDocument();
    const checks = within(screen.getByRole('list', { name: 'Checks of this data source' }));
    expect(checks.getByText('No alert rule uses this data source: nobody will be told.')).toBeInTheDocument();
  });

  it('installs the rules, which can be edited afterwards', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: 'Install or update alert rules' }));
    expect(await screen.findByText('2 alert rules are installed')).toBeInTheDocument();
    expect(state().getByText(/2 of 2 installed/)).toBeInTheDocument();
    expect(screen.queryByText(/nobody will be told/)).not.toBeInTheDocument();
    expect(put()).toHaveLength(1);
    expect(put()[0]).toMatchObject({
      url: '/api/v1/provisioning/folder/made/rule-groups/Storj%20nodes%20(storj)',
      headers: { 'X-Disable-Provenance': 'true' },
      data: { title: 'Storj nodes (storj)', folderUid: 'made', interval: 60 },
    });
    expect(put()[0].data.rules[0]).toMatchObject({ uid: RULES[0].uid, folderUID: 'made', keep_firing_for: '3m' });
    expect(put()[0].data.rules[0]).not.toHaveProperty('keepFiringFor');
  });

  it('updates them where they are, and keeps what is somebody’s own', async () => {
    const place = { folderUID: 'mine', ruleGroup: 'my group', data: [{ datasourceUid: 'storj' }] };
    installed = [
      { ...RULES[0], ...place, isPaused: true, notification_settings: { receiver: 'me' } },
      { uid: 'own', ...place },
      { uid: 'storj-0123abcd-no-longer', ...place },
      { uid: 'elsewhere', folderUID: 'mine', ruleGroup: 'another' },
    ];
    const { user } = await open();
    expect(state().getByText(/1 of 2 installed/)).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Install or update alert rules' }));
    expect(put()).toHaveLength(0);
    await user.click(screen.getByTestId('data-testid Confirm Modal Danger Button'));
    await waitFor(() => expect(put()).toHaveLength(1));
    expect(put()[0].url).toBe('/api/v1/provisioning/folder/mine/rule-groups/my%20group');
    expect(put()[0].data.rules.map(({ uid }: { uid: string }) => uid)).toEqual([RULES[0].uid, RULES[1].uid, 'own']);
    expect(put()[0].data.rules[0]).toMatchObject({ isPaused: true, notification_settings: { receiver: 'me' } });
  });

  it('leaves rules from a file to the file', async () => {
    installed = RULES.map((rule) => ({ ...rule, provenance: 'file' }));
    contacts = [DEFAULT_CONTACT, DISCORD];
    policies = { receiver: 'Discord' };
    await open();
    expect(state().getByText(/2 of 2 installed, from a provisioned file/)).toBeInTheDocument();
    expect(state().getByText(/set: Discord/)).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Install or update alert rules' })).toBeDisabled();
  });

  const route = (operator: string, value: string, more = {}) => ({
    receiver: 'Discord',
    object_matchers: [['service', operator, value]],
    ...more,
  });
  it.each([
    ['the default policy', { receiver: 'Discord' }, true],
    ['none', { receiver: 'grafana-default-email' }, false],
    ['one for these alerts', { receiver: 'x', routes: [route('=', 'storj-nodes')] }, true],
    [
      'one for some of them',
      { receiver: 'x', routes: [{ object_matchers: [['severity', '=', 'x']], receiver: 'Discord' }] },
      true,
    ],
    ['one that inherits it', { receiver: 'x', routes: [route('=', 'storj-nodes', { routes: [{}] })] }, true],
    ['one for other alerts', { receiver: 'x', routes: [route('=', 'web')] }, false],
    ['one for all others', { receiver: 'x', routes: [route('!=', 'storj-nodes')] }, false],
    ['one behind another', { receiver: 'x', routes: [{ receiver: 'y' }, route('=', 'storj-nodes')] }, false],
    [
      'one that goes on',
      { receiver: 'x', routes: [{ receiver: 'y', continue: true }, route('=', 'storj-nodes')] },
      true,
    ],
    ['the default of what is taken', { receiver: 'Discord', routes: [{ receiver: 'y' }] }, false],
  ])('sees whether a contact point is reached: %s', async (_, tree, reached) => {
    contacts = [DEFAULT_CONTACT, DISCORD];
    policies = tree;
    await open();
    expect(state().getByText(reached ? /set: Discord/ : /no notification policy leads to Discord/)).toBeInTheDocument();
  });

  it('looks again when somebody comes back from the page of the contact points', async () => {
    await open();
    expect(state().getByText(/which reaches nobody/)).toBeInTheDocument();
    contacts = [DISCORD];
    policies = { receiver: 'Discord' };
    fireEvent.focus(window);
    expect(await state().findByText(/set: Discord/)).toBeInTheDocument();
  });

  it('sees a contact point that a rule names itself', async () => {
    contacts = [DISCORD];
    installed = [{ ...RULES[0], notification_settings: { receiver: 'Discord' } }];
    await open();
    expect(state().getByText(/set: Discord/)).toBeInTheDocument();
  });

  it('says what a viewer may not, and what is switched off', async () => {
    const all = answers.grafana;
    answers.grafana = (request) => {
      if (request.url === '/api/v1/provisioning/alert-rules') {
        return throwError(() => ({ status: 403, data: { message: 'Forbidden' } }));
      }
      if (request.url === '/api/v1/provisioning/contact-points') {
        return throwError(() => ({ status: 404 }));
      }
      return all(request);
    };
    const { user } = await open();
    expect(state().getByText(/cannot be seen: you are not allowed to; an admin/)).toBeInTheDocument();
    expect(state().getByText(/cannot be seen: alerting is switched off in this Grafana/)).toBeInTheDocument();
    expect(screen.queryByText(/No alert rule uses this data source/)).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Install or update alert rules' }));
    expect(await screen.findByText('The alert rules could not be installed')).toBeInTheDocument();
    expect(screen.getByText('you are not allowed to; an admin of the organisation is')).toBeInTheDocument();
  });

  it('imports the dashboards that are missing, and asks before it replaces any', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: 'Import dashboards' }));
    expect(await screen.findByText('Imported: Dashboard a')).toBeInTheDocument();
    expect(state().getByText(/2 of 2 imported/)).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Import dashboards' }));
    expect(screen.getByText(/is replaced/)).toBeInTheDocument();
  });

  it('sends a test alert of a saved node', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('combobox', { name: /^Test alert of/ }));
    await user.click(await screen.findByRole('option', { name: 'cellar' }));
    await user.click(screen.getByRole('button', { name: 'Send test alert' }));
    expect(await screen.findByText('A test alert of cellar is raised')).toBeInTheDocument();
    expect(screen.getByText(/No alert rule is installed yet.* ends by itself at 10:05:00/)).toBeInTheDocument();
    const [sent] = fetch.mock.calls.map(([request]) => request).filter(({ url }) => url.endsWith('/alert-test'));
    expect(sent).toMatchObject({ method: 'POST', data: { node: 'cellar' } });
  });

  it('takes a heartbeat’s address', async () => {
    const { user, last } = await open([]);
    const field = screen.getByRole('textbox', { name: /^Heartbeat URL/ });
    await user.click(field);
    await user.paste('hc-ping.com/x');
    expect(screen.getByText(/Begin the address with http/)).toBeInTheDocument();
    await user.clear(field);
    await user.paste('https://hc-ping.com/x');
    expect(last().alerts).toEqual({ heartbeatUrl: 'https://hc-ping.com/x' });
    await user.clear(field);
    expect(last().alerts).toBeUndefined();
  });

  it('makes a full disk a problem, or a note again', async () => {
    const { user, last } = await open([]);
    const full = screen.getByRole('switch', { name: /A full disk is a problem/ });
    expect(full).not.toBeChecked();
    await user.click(full);
    expect(full).toBeChecked();
    expect(last().alerts).toEqual({ fullDiskIsAProblem: true });
    await user.click(full);
    expect(last().alerts).toBeUndefined();
  });
});
