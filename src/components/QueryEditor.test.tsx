import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import { CoreApp } from '@grafana/data';

import { type StorjDataSource } from '../datasource';
import { type StorjQuery, type StorjVariableQuery } from '../types';
import { AnnotationQueryEditor } from './AnnotationQueryEditor';
import { QueryEditor } from './QueryEditor';
import { EXAMPLES, QueryEditorHelp } from './QueryEditorHelp';
import { VariableQueryEditor } from './VariableQueryEditor';

const datasource = {
  getNodes: jest.fn(),
  getSatellites: jest.fn(),
  variableNames: () => ['$node', '$satellite'],
} as unknown as jest.Mocked<StorjDataSource>;

beforeEach(() => {
  datasource.getNodes.mockReset().mockResolvedValue([
    { name: 'attic-1', key: 'attic-1', state: 'connected' },
    { name: 'cellar', key: 'cellar', state: 'unreachable' },
  ]);
  datasource.getSatellites.mockReset().mockResolvedValue([{ id: '12Eay', name: 'us1' }]);
});

async function open(query: Partial<StorjQuery>, app?: CoreApp) {
  const onChange = jest.fn<void, [StorjQuery]>();
  const onRunQuery = jest.fn();
  const Row = () => {
    const [current, setCurrent] = useState<StorjQuery>({ refId: 'A', ...query });
    return (
      <QueryEditor
        datasource={datasource}
        query={current}
        app={app}
        onRunQuery={onRunQuery}
        onChange={(next) => {
          onChange(next);
          setCurrent(next);
        }}
      />
    );
  };
  await act(async () => {
    render(<Row />);
  });
  return { onChange, onRunQuery, user: userEvent.setup(), last: () => onChange.mock.lastCall![0] };
}

describe('QueryEditor', () => {
  it('gives a new row a query that can be run', async () => {
    const { last } = await open({});
    expect(last()).toMatchObject({ refId: 'A', queryType: 'reputation', format: 'timeseries' });
    expect(screen.getByRole('combobox', { name: 'Query type' })).toHaveValue('Reputation');
    expect(screen.getByText('Audit score')).toBeInTheDocument();
    expect(screen.getByRole('radio', { name: 'Time series' })).toBeChecked();
  });

  it('leaves a query that has a type as it is', async () => {
    const { onChange } = await open({ queryType: 'nodes' });
    expect(onChange).not.toHaveBeenCalled();
  });

  it('offers a distribution where there is a panel for it', async () => {
    const formats = () =>
      screen.getAllByRole('radio').map((radio) => (radio as HTMLInputElement).labels![0].textContent?.trim());
    await open({ queryType: 'latency' }, CoreApp.PanelEditor);
    expect(formats()).toContain('Heat map');
    cleanup();
    await open({ queryType: 'latency' }, CoreApp.Explore);
    expect(formats()).toEqual(['Time series', 'Instant', 'Table']);
  });

  it('starts an alert rule with a number', async () => {
    const { last } = await open({}, CoreApp.UnifiedAlerting);
    // It is in what is saved: Grafana evaluates that, and not what the editor shows.
    expect(last()).toMatchObject({ queryType: 'reputation', metrics: ['failed_audits_left'], format: 'instant' });
    expect(screen.getByText('Failed audits left')).toBeInTheDocument();
    expect(screen.getByRole('radio', { name: 'Instant' })).toBeChecked();
    expect(screen.getByText(/fire when it is below/)).toBeInTheDocument();
  });

  it.each([
    [['disqualified'], CoreApp.UnifiedAlerting],
    [['audit_score_percent', 'suspended'], CoreApp.UnifiedAlerting],
    [['audit_score_percent'], CoreApp.PanelEditor],
  ])('does not speak of low values for %j in %s', async (metrics, app) => {
    await open({ queryType: 'reputation', metrics, format: 'instant' }, app);
    expect(screen.queryByText(/fire when it is below/)).not.toBeInTheDocument();
  });

  it('offers the nodes and the variables, and runs the query with the choice', async () => {
    const { user, last, onRunQuery } = await open({ queryType: 'reputation' });
    await user.click(screen.getByRole('combobox', { name: 'Nodes' }));
    expect(await screen.findByRole('option', { name: /\$node/ })).toBeInTheDocument();
    expect(screen.getByText('unreachable')).toBeInTheDocument();
    await user.click(screen.getByRole('option', { name: /attic-1/ }));
    expect(last().nodes).toEqual(['attic-1']);
    expect(onRunQuery).toHaveBeenCalled();
  });

  it('takes a regular expression that is typed', async () => {
    const { user, last } = await open({ queryType: 'reputation', nodes: ['cellar'] });
    await user.type(screen.getByRole('combobox', { name: 'Nodes' }), '/^attic-/');
    await user.click(await screen.findByRole('option', { name: /\/\^attic-\// }));
    expect(last().nodes).toEqual(['cellar', '/^attic-/']);
  });

  it('offers the satellites by name', async () => {
    const { user, last } = await open({ queryType: 'reputation' });
    await user.click(screen.getByRole('combobox', { name: 'Satellites' }));
    await user.click(await screen.findByRole('option', { name: /us1/ }));
    expect(last().satellites).toEqual(['us1']);
  });

  it('still takes names when the back end cannot list them', async () => {
    datasource.getNodes.mockRejectedValue({ data: { message: 'Plugin unavailable' } });
    const { user, last } = await open({ queryType: 'reputation' });
    await user.type(screen.getByRole('combobox', { name: 'Nodes' }), 'attic-9');
    expect(await screen.findByText('Plugin unavailable')).toBeInTheDocument();
    await user.click(screen.getByRole('option', { name: /attic-9/ }));
    expect(last().nodes).toEqual(['attic-9']);
  });

  it('changes the format', async () => {
    const { user, last } = await open({ queryType: 'reputation', metrics: ['vetted'], format: 'timeseries' });
    await user.click(screen.getByRole('radio', { name: 'Table' }));
    expect(last()).toMatchObject({ format: 'table', metrics: ['vetted'] });
    // A table has every column.
    expect(screen.queryByText('Metrics')).not.toBeInTheDocument();
  });

  it('shows only what the type has', async () => {
    const { user, last } = await open({ queryType: 'reputation', satellites: ['us1'], metrics: ['vetted'] });
    await user.click(screen.getByRole('combobox', { name: 'Query type' }));
    await user.click(await screen.findByRole('option', { name: /^Nodes/ }));
    expect(last()).toMatchObject({ queryType: 'nodes', format: 'table', satellites: [], metrics: [] });
    expect(screen.queryByText('Satellites')).not.toBeInTheDocument();
    expect(screen.queryByText('Metrics')).not.toBeInTheDocument();
    expect(screen.queryByRole('radio')).not.toBeInTheDocument();
  });

  it('says that an alert rule cannot use a table', async () => {
    await open({ queryType: 'nodes', format: 'table' }, CoreApp.UnifiedAlerting);
    expect(screen.getByText('An alert rule needs numbers')).toBeInTheDocument();
  });

  it('does not hide a query that it does not know', async () => {
    const { onChange } = await open({ queryType: 'weather' as never });
    expect(screen.getByText(/does not know the query type "weather"/)).toBeInTheDocument();
    expect(onChange).not.toHaveBeenCalled();
  });
});

describe('the lists of a type', () => {
  it('are those of traffic', async () => {
    const { user, last } = await open({ queryType: 'traffic', metrics: ['bytes'], format: 'timeseries' });
    for (const name of ['Metrics', 'Nodes', 'Satellites', 'Actions', 'Outcomes', 'Group by']) {
      expect(screen.getByRole('combobox', { name })).toBeInTheDocument();
    }
    await user.click(screen.getByRole('combobox', { name: 'Actions' }));
    await user.click(await screen.findByRole('option', { name: /^GET_AUDIT/ }));
    expect(last().actions).toEqual(['GET_AUDIT']);
    // Metrics of another type are not offered.
    await user.click(screen.getByRole('combobox', { name: 'Metrics' }));
    expect(await screen.findByRole('option', { name: /^Success/ })).toBeInTheDocument();
    expect(screen.queryByRole('option', { name: /^Audit score/ })).not.toBeInTheDocument();
  });

  it('take variables and patterns', async () => {
    const { user, last } = await open({ queryType: 'traffic', metrics: ['bytes'], format: 'timeseries' });
    await user.click(screen.getByRole('combobox', { name: 'Outcomes' }));
    expect(await screen.findByRole('option', { name: /\$node/ })).toBeInTheDocument();
    await user.type(screen.getByRole('combobox', { name: 'Outcomes' }), '/^c/');
    await user.click(await screen.findByRole('option', { name: /\/\^c\// }));
    expect(last().outcomes).toEqual(['/^c/']);
  });

  it('let the total stand alone', async () => {
    const { user, last } = await open({ queryType: 'traffic', groupBy: ['node', 'action'] });
    await user.click(screen.getByRole('combobox', { name: 'Group by' }));
    await user.click(await screen.findByRole('option', { name: /^Nothing: the total/ }));
    expect(last().groupBy).toEqual(['total']);
    await user.click(await screen.findByRole('option', { name: /^Outcome/ }));
    expect(last().groupBy).toEqual(['outcome']);
  });

  it('are the codes of conditions, of which an alert rule gets a number', async () => {
    const { user, last } = await open({ queryType: 'conditions', format: 'severity' }, CoreApp.UnifiedAlerting);
    expect(screen.getByText(/above 1, or above 2/)).toBeInTheDocument();
    await user.click(screen.getByRole('combobox', { name: 'Conditions' }));
    await user.click(await screen.findByRole('option', { name: /^Failed audit/ }));
    expect(last().kinds).toEqual(['audit_failed']);
    await user.keyboard('{Escape}');
    expect(screen.getByText('Failed audit')).toBeInTheDocument();
    expect(screen.queryByText('Metrics')).not.toBeInTheDocument();
  });

  it('say that a live query wants a stream', async () => {
    const { user, last } = await open({ queryType: 'live' });
    expect(screen.getByText(/Choose a stream: nothing/)).toBeInTheDocument();
    expect(screen.queryByText('Nodes')).not.toBeInTheDocument();
    await user.click(screen.getByRole('combobox', { name: 'Stream' }));
    await user.click(await screen.findByRole('option', { name: /^Log/ }));
    expect(last().kinds).toEqual(['log']);
    // Only a log is one of each node.
    expect(screen.getByRole('combobox', { name: 'Nodes' })).toBeInTheDocument();
    expect(screen.queryByText(/Choose a stream: nothing/)).not.toBeInTheDocument();
  });

  it('shows the query as JSON, by the keyboard too', async () => {
    const { user } = await open({ queryType: 'events', kinds: ['ping_failed'], nodes: [], format: 'table' });
    const toggle = screen.getByRole('button', { name: 'Query as JSON' });
    expect(toggle).toHaveAttribute('aria-expanded', 'false');
    act(() => toggle.focus());
    await user.keyboard('{Enter}');
    expect(toggle).toHaveAttribute('aria-expanded', 'true');
    expect(JSON.parse(screen.getByLabelText('Query as JSON', { selector: 'pre' }).textContent!)).toEqual({
      queryType: 'events',
      kinds: ['ping_failed'],
      format: 'table',
    });
  });
});

describe('AnnotationQueryEditor', () => {
  it('offers only what can be marked', async () => {
    const onChange = jest.fn();
    await act(async () => {
      render(
        <AnnotationQueryEditor
          datasource={datasource}
          query={{ refId: 'Anno' }}
          onChange={onChange}
          onRunQuery={jest.fn()}
        />
      );
    });
    expect(screen.getByRole('combobox', { name: 'Query type' })).toHaveValue('Events');
    expect(screen.queryByRole('radio')).not.toBeInTheDocument();
    const user = userEvent.setup();
    await user.click(screen.getByRole('combobox', { name: 'Query type' }));
    expect((await screen.findAllByRole('option')).map((option) => option.textContent)).toEqual([
      expect.stringMatching(/^Conditions/),
      expect.stringMatching(/^Events/),
    ]);
    await user.click(screen.getByRole('option', { name: /^Conditions/ }));
    expect(onChange).toHaveBeenLastCalledWith(
      expect.objectContaining({ refId: 'Anno', queryType: 'conditions', format: 'annotations' })
    );
  });
});

describe('QueryEditorHelp', () => {
  it('puts an example into the editor', async () => {
    const onClickExample = jest.fn();
    render(<QueryEditorHelp datasource={datasource} query={{ refId: 'B' }} onClickExample={onClickExample} />);
    for (const { title, query } of EXAMPLES) {
      await userEvent.click(screen.getByRole('button', { name: `Use the example: ${title}` }));
      expect(onClickExample).toHaveBeenLastCalledWith({ refId: 'B', ...query });
    }
  });
});

describe('VariableQueryEditor', () => {
  const openVariable = async (query: Partial<StorjVariableQuery> | string) => {
    const onChange = jest.fn();
    await act(async () => {
      render(
        <VariableQueryEditor
          datasource={datasource}
          query={query as StorjVariableQuery}
          onChange={onChange}
          onRunQuery={jest.fn()}
        />
      );
    });
    return { onChange, user: userEvent.setup() };
  };

  it('lists the nodes unless told otherwise', async () => {
    const { user, onChange } = await openVariable('');
    expect(screen.getByRole('combobox', { name: /Values/ })).toHaveValue('Nodes');
    expect(screen.queryByText('Of these nodes')).not.toBeInTheDocument();
    await user.click(screen.getByRole('combobox', { name: /Values/ }));
    await user.click(await screen.findByRole('option', { name: /^Satellites/ }));
    expect(onChange).toHaveBeenCalledWith(expect.objectContaining({ queryType: 'satellites' }), 'Satellites');
  });

  it('lists the satellites of another variable’s nodes', async () => {
    const { user, onChange } = await openVariable({ refId: 'V', queryType: 'satellites' });
    await user.click(screen.getByRole('combobox', { name: 'Of these nodes' }));
    await user.click(await screen.findByRole('option', { name: /\$node/ }));
    await waitFor(() =>
      expect(onChange).toHaveBeenCalledWith(
        { refId: 'V', queryType: 'satellites', nodes: ['$node'] },
        'Satellites of $node'
      )
    );
  });
});
