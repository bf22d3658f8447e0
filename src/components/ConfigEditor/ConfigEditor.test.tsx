import { act, screen, waitFor, within } from '@testing-library/react';
import { of, Subject, throwError } from 'rxjs';

import { answers, ATTIC, CELLAR, CHECKS, fetch, healthCalls, open, openAll } from './editorPage';

describe('the list of nodes', () => {
  it('shows where the data of each comes from', async () => {
    await open();
    const row = screen.getByRole('row', { name: /attic-1/ });
    expect(within(row).getByText('/var/log/attic-1.log')).toBeInTheDocument();
    expect(within(row).getByText('http://localhost:14002')).toBeInTheDocument();
    expect(within(screen.getByRole('row', { name: /^cellar/ })).getByText('found by itself')).toBeInTheDocument();
  });

  it('shows a provisioned spec string like any node', async () => {
    await open(['attic-1:/var/log/attic-1.log:http://localhost:14002']);
    const row = screen.getByRole('row', { name: /attic-1/ });
    expect(within(row).getByText('/var/log/attic-1.log')).toBeInTheDocument();
    expect(within(row).getByText('Checks passed')).toBeInTheDocument();
  });

  it('says what is wrong and what to do, opened where something is wrong', async () => {
    await open();
    expect(screen.getByRole('button', { name: 'Checks of attic-1: Checks passed' })).toHaveAttribute(
      'aria-expanded',
      'false'
    );
    expect(screen.queryByText('The log exists.')).not.toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Checks of cellar: 1 error, 1 warning' })).toHaveAttribute(
      'aria-expanded',
      'true'
    );
    const checks = within(screen.getByRole('list', { name: 'Checks of cellar' }));
    expect(checks.getByText('Permission denied.')).toBeInTheDocument();
    expect(checks.getByText('What to do: chmod a+r it.')).toBeInTheDocument();
    expect(checks.getByRole('img', { name: 'Error' })).toBeInTheDocument();
    expect(
      within(screen.getByRole('list', { name: 'Checks of this data source' })).getByText('The store is open.')
    ).toBeInTheDocument();
  });

  it('opens and closes the checks', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: /Checks of attic-1/ }));
    expect(screen.getByText('The log exists.')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: /Checks of cellar/ }));
    expect(screen.queryByText('Permission denied.')).not.toBeInTheDocument();
  });

  it('never calls a node well that was not checked', async () => {
    await open([{ name: 'other', log: '/x.log' }]);
    expect(screen.getByText('not checked')).toBeInTheDocument();
    expect(screen.queryByText(/Checks passed/)).not.toBeInTheDocument();
  });

  it('marks what is retired, in maintenance, muted', async () => {
    await open([
      { ...ATTIC, retired: true, mutedSatellites: { saltlake: 'left it' } },
      { ...CELLAR, maintenanceUntil: '2999-01-01T00:00:00Z', thresholds: { auditWarning: 99 } },
      { name: 'past', log: '/p.log', maintenanceUntil: '2001-01-01T00:00:00Z' },
    ]);
    expect(screen.getByText('retired')).toBeInTheDocument();
    expect(screen.getByText('muted: saltlake')).toBeInTheDocument();
    expect(screen.getByText('own thresholds')).toBeInTheDocument();
    expect(screen.getAllByText(/in maintenance until/)).toHaveLength(1);
  });

  it('can be searched when it is long', async () => {
    const many = Array.from({ length: 20 }, (_, at) => ({ name: `node-${at}`, log: `/var/log/${at}.log` }));
    const { user } = await open(many);
    await user.type(screen.getByRole('textbox', { name: 'Find a node' }), 'node-17');
    expect(screen.getByRole('row', { name: /node-17/ })).toBeInTheDocument();
    expect(screen.queryByRole('row', { name: /node-3/ })).not.toBeInTheDocument();
  });
});

describe('the checks', () => {
  it('are asked for on opening, after every save, and on demand', async () => {
    const { user } = await open();
    expect(healthCalls()).toBe(1);
    await user.click(screen.getByRole('button', { name: 'Save & test' }));
    expect(healthCalls()).toBe(2);
    await user.click(screen.getByRole('button', { name: 'Check again' }));
    expect(healthCalls()).toBe(3);
  });

  it('are not asked for without nodes', async () => {
    await open([]);
    expect(healthCalls()).toBe(0);
    expect(screen.getByText(/No node yet/)).toBeInTheDocument();
  });

  it('come from an unhealthy answer too', async () => {
    answers.health = () => throwError(() => ({ status: 400, data: { status: 'ERROR', details: { checks: CHECKS } } }));
    await open();
    expect(screen.getByText('Permission denied.')).toBeInTheDocument();
  });

  it('say so when there is no answer at all', async () => {
    answers.health = () => throwError(() => ({ status: 500, data: { message: 'Plugin unavailable' } }));
    await open();
    expect(screen.getByText('The nodes could not be checked')).toBeInTheDocument();
    expect(screen.getByText('Plugin unavailable')).toBeInTheDocument();
    expect(screen.getAllByText('not checked')).toHaveLength(2);
  });

  it('of an older question do not replace those of a newer one', async () => {
    const pending: Array<Subject<unknown>> = [];
    answers.health = () => {
      pending.push(new Subject());
      return pending[pending.length - 1];
    };
    const { user } = await open([ATTIC]);
    expect(screen.getByText('checking…')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Save & test' }));
    const answer = async (at: number, message: string) =>
      act(async () => {
        pending[at].next({ data: { details: { checks: [{ node: '', check: 'store', status: 'ok', message }] } } });
        pending[at].complete();
      });
    await answer(1, 'new');
    await answer(0, 'old');
    expect(screen.getByText('new')).toBeInTheDocument();
    expect(screen.queryByText('old')).not.toBeInTheDocument();
  });

  it('show settings problems and unknown keys once', async () => {
    answers.health = () =>
      of({
        data: {
          details: {
            checks: [{ node: '', check: 'settings', status: 'error', message: 'n:/x: the port is missing' }],
            problems: [
              { spec: 'n:/x', field: 'source', reason: 'the port is missing', mend: 'write it' },
              { spec: 'm', field: 'name', reason: 'the name is taken', mend: 'choose another' },
            ],
            warnings: ['unknown key "apiprt"'],
          },
        },
      });
    await open();
    expect(screen.getAllByText(/the port is missing/)).toHaveLength(1);
    expect(screen.getByText('m, name: the name is taken')).toBeInTheDocument();
    expect(screen.getByText('What to do: choose another')).toBeInTheDocument();
    expect(screen.getByText('unknown key "apiprt"')).toBeInTheDocument();
  });
});

describe('finding nodes', () => {
  const FOUND = {
    nodes: [
      { name: 'attic', log: '', api: 'http://localhost:14002/', nodeID: '12abcdefghijklmnop', why: 'port 14002' },
      { name: 'cellar', log: 'docker://storagenode2', api: 'http://localhost:15002', why: 'a container' },
      { name: 'storagenode3', api: 'http://localhost:16002' },
    ],
    tried: ['http://localhost:14002', 'http://localhost:15002'],
  };
  const asked = () => fetch.mock.calls.filter(([{ url }]) => url.endsWith('/discover')).map(([{ data }]) => data);

  it('offers what is new, and adds what is chosen', async () => {
    answers.grafana = ({ url }) => (url.endsWith('/discover') ? of({ data: FOUND }) : undefined);
    const { user, last } = await open();
    await user.click(screen.getByRole('button', { name: 'Find nodes' }));
    expect(asked()).toEqual([{}]);
    const boxes = within(await screen.findByRole('list', { name: 'Nodes that were found' })).getAllByRole('checkbox');
    expect(boxes).toHaveLength(3);
    expect(boxes[0]).toBeDisabled();
    expect(screen.getByText(/Already watched as attic-1/)).toBeInTheDocument();
    expect(screen.getByText('Where was looked (2)')).toBeInTheDocument();
    await user.click(boxes[2]);
    await user.click(screen.getByRole('button', { name: 'Add 1 node' }));
    // Its name was taken.
    expect(last().nodes).toEqual([
      ATTIC,
      CELLAR,
      { name: 'cellar-2', log: 'docker://storagenode2', api: 'http://localhost:15002' },
    ]);
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
  });

  it('asks a Docker daemon when told where it is, by the keyboard too', async () => {
    answers.grafana = ({ url }) => (url.endsWith('/discover') ? of({ data: { nodes: null, tried: null } }) : undefined);
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: 'Find nodes' }));
    expect(await screen.findByText('No node was found')).toBeInTheDocument();
    await user.type(screen.getByRole('textbox', { name: /^Docker daemon/ }), 'unix:///run/docker.sock{Enter}');
    await waitFor(() => expect(asked()).toEqual([{}, { docker: 'unix:///run/docker.sock' }]));
    expect(screen.getByRole('button', { name: 'Add' })).toBeDisabled();
  });

  it('says why nothing could be looked for', async () => {
    answers.grafana = ({ url }) =>
      url.endsWith('/discover')
        ? throwError(() => ({ status: 403, data: { error: 'only an editor may' } }))
        : undefined;
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: 'Find nodes' }));
    expect(await screen.findByText(/only an editor may/)).toBeInTheDocument();
  });
});

describe('removing a node', () => {
  it('asks first', async () => {
    const { user, saw, last } = await open();
    await user.click(screen.getByRole('button', { name: 'Remove cellar' }));
    const dialog = within(screen.getByRole('dialog'));
    expect(dialog.getByText(/Remove cellar from this data source/)).toBeInTheDocument();
    await user.click(dialog.getByRole('button', { name: 'Cancel' }));
    expect(saw).not.toHaveBeenCalled();
    await user.click(screen.getByRole('button', { name: 'Remove cellar' }));
    await user.click(screen.getByTestId('data-testid Confirm Modal Danger Button'));
    await waitFor(() => expect(last().nodes).toEqual([ATTIC]));
  });
});

describe('pasting specs', () => {
  const SPECS = 'n1:/1.log\n# a comment\n\nbroken\nn2:/2.log:http://h:14002';

  beforeEach(() => {
    answers.specs = ({ specs: text }) =>
      of({
        data: {
          nodes: text.includes('n1')
            ? [
                { name: 'n1', log: '/1.log', api: '' },
                { name: 'n2', log: '/2.log', api: 'http://h:14002' },
              ]
            : [],
          problems: [
            {
              line: text.includes('n1') ? 4 : 1,
              spec: 'broken',
              field: 'source',
              reason: 'there is no source',
              mend: 'write one',
            },
          ],
        },
      });
  });

  const paste = async (text: string) => {
    const opened = await open();
    await opened.user.click(screen.getByRole('button', { name: 'Paste nodes' }));
    expect(screen.getByRole('textbox', { name: /Node specs/ })).toHaveFocus();
    await opened.user.paste(text);
    return opened;
  };

  it('says beside each line what came of it', async () => {
    await paste(SPECS);
    const lines = within(await screen.findByRole('list', { name: 'What was read' })).getAllByRole('listitem');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toHaveTextContent('1n1 log /1.log');
    expect(within(lines[0]).getByRole('img', { name: 'Can be added' })).toBeInTheDocument();
    expect(lines[1]).toHaveTextContent('4brokenSource: There is no source. Write one.');
    expect(within(lines[1]).getByRole('img', { name: 'Cannot be added' })).toBeInTheDocument();
    expect(lines[2]).toHaveTextContent('5n2 log /2.log, API http://h:14002');
  });

  it('adds the good lines and keeps the bad ones to be mended', async () => {
    const { user, last } = await paste(SPECS);
    await user.click(await screen.findByRole('button', { name: 'Add 2 nodes' }));
    expect(last().nodes).toEqual([
      ATTIC,
      CELLAR,
      { name: 'n1', log: '/1.log' },
      { name: 'n2', log: '/2.log', api: 'http://h:14002' },
    ]);
    expect(screen.getByRole('textbox', { name: /Node specs/ })).toHaveValue('broken');
  });

  it('tells the back end which names are taken', async () => {
    await paste(SPECS);
    await screen.findByRole('button', { name: 'Add 2 nodes' });
    const [request] = fetch.mock.calls.find(([{ url }]) => url.endsWith('/parse-specs'))!;
    expect(request.data).toEqual({ specs: SPECS, existing: ['attic-1', 'cellar'] });
  });

  it('says so when the back end does not answer', async () => {
    answers.specs = () => throwError(() => ({ data: { message: 'Plugin unavailable' } }));
    await paste(SPECS);
    expect(await screen.findByText(/does not answer: Plugin unavailable/)).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Add' })).toBeDisabled();
  });
});

describe('a provisioned data source', () => {
  it('is shown with its checks, and cannot be changed', async () => {
    const { user } = await open([ATTIC, CELLAR], { readOnly: true });
    await openAll(user);
    expect(screen.getByText('Permission denied.')).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: /^(Add|Paste|Find|Edit|Remove)/ })).not.toBeInTheDocument();
    expect(screen.getByRole('textbox', { name: /^Heartbeat URL/ })).toBeDisabled();
    // What changes no setting can still be done.
    expect(screen.getByRole('button', { name: 'Install or update alert rules' })).toBeEnabled();
    expect(screen.getByRole('button', { name: 'Send test alert' })).toBeEnabled();
    for (const field of [...screen.getAllByRole('spinbutton'), ...screen.getAllByRole('switch')]) {
      expect(field).toBeDisabled();
    }
    expect(screen.getByRole('button', { name: 'Check again' })).toBeEnabled();
  });
});
