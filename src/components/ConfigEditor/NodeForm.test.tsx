import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { of, throwError } from 'rxjs';

import { answers, ATTIC, CELLAR, fetch, open, Page } from './editorPage';

describe('adding and editing a node', () => {
  const fill = async (user: ReturnType<typeof userEvent.setup>, label: RegExp, text: string) => {
    const field = screen.getByRole('textbox', { name: label });
    await user.clear(field);
    await user.click(field);
    await user.paste(text);
  };

  it('adds one, which is shown as not saved yet', async () => {
    const { user, last } = await open();
    await user.click(screen.getByRole('button', { name: 'Add node' }));
    // One can type at once.
    expect(screen.getByRole('textbox', { name: /^Name/ })).toHaveFocus();
    await fill(user, /^Name/, 'attic-2');
    await fill(user, /^Log file/, ' /var/log/attic-2.log ');
    await user.click(screen.getByRole('button', { name: 'Add' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(last().nodes).toEqual([ATTIC, CELLAR, { name: 'attic-2', log: '/var/log/attic-2.log' }]);
    expect(within(screen.getByRole('row', { name: /attic-2/ })).getByText('not saved yet')).toBeInTheDocument();
  });

  it.each([
    ['', '/a.log', '', 'Give the node a name, for example My-Node.'],
    ['cellar', '/a.log', '', 'There is already a node named cellar. Give each node a name of its own.'],
    ['a:b', '/a.log', '', 'A name cannot contain a colon.'],
    ['a', '', '', 'Give a log, an API address, or both.'],
    ['a', 'http://localhost:14002', '', 'This is the address of an API. It belongs in the field API.'],
    ['a', '/a.log', 'localhost:14002', 'Begin the address with http:// or https://, as in http://localhost:14002.'],
  ])('refuses name %j, log %j, API %j', async (name, log, api, complaint) => {
    const { user, saw } = await open();
    await user.click(screen.getByRole('button', { name: 'Add node' }));
    for (const [label, text] of [
      [/^Name/, name],
      [/^Log file/, log],
      [/^API The/, api],
    ] as const) {
      if (text) {
        await fill(user, label, text);
      }
    }
    await user.click(screen.getByRole('button', { name: 'Add' }));
    expect(screen.getByText(complaint)).toBeInTheDocument();
    expect(saw).not.toHaveBeenCalled();
    expect(fetch).not.toHaveBeenCalledWith(expect.objectContaining({ method: 'POST' }));
  });

  it('lets the back end judge what only it knows', async () => {
    answers.specs = ({ existing }) => {
      expect(existing).toEqual(['attic-1', 'cellar']);
      return of({
        data: {
          nodes: [],
          problems: [{ line: 1, spec: '', field: 'source', reason: 'a path has no line break' }],
        },
      });
    };
    const { user, saw } = await open();
    await user.click(screen.getByRole('button', { name: 'Add node' }));
    await fill(user, /^Name/, 'x');
    await fill(user, /^Log file/, '/logs/x');
    await user.click(screen.getByRole('button', { name: 'Add' }));
    expect(await screen.findByText('A path has no line break.')).toBeInTheDocument();
    expect(saw).not.toHaveBeenCalled();
  });

  it('adds the node all the same while the back end does not run', async () => {
    answers.specs = () => throwError(() => ({ status: 500 }));
    const { user, last } = await open([]);
    await user.click(screen.getByRole('button', { name: 'Add node' }));
    await fill(user, /^Name/, 'x');
    await fill(user, /^Log file/, '/x.log');
    await user.click(screen.getByRole('button', { name: 'Add' }));
    await waitFor(() => expect(last().nodes).toEqual([{ name: 'x', log: '/x.log' }]));
  });

  it('does not submit the page around it', async () => {
    const submitted = jest.fn((event: React.FormEvent) => event.preventDefault());
    await act(async () => {
      render(
        <form onSubmit={submitted}>
          <Page jsonData={{ nodes: [ATTIC] }} saw={jest.fn()} />
        </form>
      );
    });
    const user = userEvent.setup();
    await user.click(screen.getByRole('button', { name: 'Edit attic-1' }));
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    await user.click(screen.getByRole('button', { name: 'Remove attic-1' }));
    await user.click(screen.getByTestId('data-testid Confirm Modal Danger Button'));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(submitted).not.toHaveBeenCalled();
  });

  it('keeps the key that the back end gave when the name changes', async () => {
    const { user, last } = await open();
    await user.click(screen.getByRole('button', { name: 'Edit cellar' }));
    await fill(user, /^Name/, 'basement');
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    await waitFor(() =>
      expect(last().nodes).toEqual([ATTIC, { name: 'basement', log: '192.168.1.9:9999', key: 'cellar-ab12' }])
    );
  });

  it('edits thresholds, maintenance and muted satellites', async () => {
    const { user, last } = await open([ATTIC]);
    await user.click(screen.getByRole('button', { name: 'Edit attic-1' }));
    const dialog = within(screen.getByRole('dialog'));
    await user.click(dialog.getByRole('button', { name: 'Expand section Thresholds of this node' }));
    await user.type(dialog.getByRole('spinbutton', { name: /Audit score: warning below/ }), '99.7');
    await user.click(dialog.getByRole('button', { name: 'Expand section Quiet times' }));
    await user.click(dialog.getByRole('switch', { name: /Retired/ }));
    await user.click(dialog.getByRole('button', { name: 'Mute a satellite' }));
    await user.type(dialog.getByRole('combobox', { name: 'Muted satellite 1' }), 'saltlake');
    await user.type(dialog.getByRole('textbox', { name: 'Reason for muting satellite 1' }), 'left it');
    await user.click(dialog.getByRole('button', { name: 'Apply' }));
    await waitFor(() =>
      expect(last().nodes).toEqual([
        { ...ATTIC, retired: true, mutedSatellites: { saltlake: 'left it' }, thresholds: { auditRiskWarning: 99.7 } },
      ])
    );
  });

  it('turns a spec string into an object, read by the back end', async () => {
    answers.specs = ({ specs: text }) =>
      of({ data: { nodes: text.startsWith('old:') ? [{ name: 'old', log: '/o.log', api: '' }] : [], problems: [] } });
    const { user, last } = await open(['old:/o.log']);
    await user.click(screen.getByRole('button', { name: 'Edit old' }));
    await fill(user, /^API The/, 'http://localhost:14003');
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    await waitFor(() =>
      expect(last().nodes?.[0]).toMatchObject({ name: 'old', log: '/o.log', api: 'http://localhost:14003' })
    );
  });

  it('changes nothing when it is cancelled', async () => {
    const { user, saw } = await open();
    await user.click(screen.getByRole('button', { name: 'Edit cellar' }));
    await fill(user, /^Name/, 'basement');
    await user.click(screen.getByRole('button', { name: 'Cancel' }));
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
    expect(saw).not.toHaveBeenCalled();
  });
});

describe('where a log comes from', () => {
  const edit = async (log?: string) => {
    const opened = await open([{ name: 'one', log, api: 'http://h:1' }]);
    await opened.user.click(screen.getByRole('button', { name: 'Edit one' }));
    return opened;
  };
  const applied = async ({ user, last }: Awaited<ReturnType<typeof edit>>) => {
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    return last().nodes![0];
  };

  it('is chosen, a container with its daemon', async () => {
    const opened = await edit('/var/log/one.log');
    const { user } = opened;
    expect(screen.getByRole('radio', { name: 'File' })).toBeChecked();
    await user.click(screen.getByRole('radio', { name: 'Docker container' }));
    await user.type(screen.getByRole('textbox', { name: /^Container/ }), 'storagenode');
    await user.type(screen.getByRole('textbox', { name: /^Docker daemon/ }), 'tcp://10.0.0.5:2375');
    await user.type(screen.getByRole('textbox', { name: /^Debug port/ }), 'http://10.0.0.5:5999');
    expect(await applied(opened)).toEqual({
      name: 'one',
      log: 'docker://storagenode@tcp://10.0.0.5:2375',
      api: 'http://h:1',
      debug: 'http://10.0.0.5:5999',
    });
  });

  it('is a whole path where it is a file', async () => {
    const opened = await edit('/var/log/one.log');
    const { user } = opened;
    const field = screen.getByRole('textbox', { name: /^Log file/ });
    await user.clear(field);
    await user.type(field, 'node.log');
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    expect(screen.getByText(/Write the whole path/)).toBeInTheDocument();
    await user.clear(field);
    await user.type(field, 'C:\\logs\\node.log');
    expect(await applied(opened)).toMatchObject({ log: 'C:\\logs\\node.log' });
  });

  it('is read back into its fields', async () => {
    await edit('docker://storagenode@unix:///var/run/docker.sock');
    expect(screen.getByRole('radio', { name: 'Docker container' })).toBeChecked();
    expect(screen.getByRole('textbox', { name: /^Container/ })).toHaveValue('storagenode');
    expect(screen.getByRole('textbox', { name: /^Docker daemon/ })).toHaveValue('unix:///var/run/docker.sock');
  });

  it('can be none where there is an API', async () => {
    const opened = await edit('10.0.0.5:9999');
    expect(screen.getByRole('textbox', { name: /^Forwarder/ })).toHaveValue('10.0.0.5:9999');
    await opened.user.click(screen.getByRole('radio', { name: 'None' }));
    expect(await applied(opened)).toEqual({ name: 'one', api: 'http://h:1' });
  });

  it('wants a debug port that is an address', async () => {
    const { user } = await edit('/one.log');
    await user.type(screen.getByRole('textbox', { name: /^Debug port/ }), 'localhost:5999');
    await user.click(screen.getByRole('button', { name: 'Apply' }));
    expect(screen.getByText(/as in http:\/\/localhost:5999/)).toBeInTheDocument();
  });
});
