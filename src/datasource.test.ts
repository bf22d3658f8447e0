import { CoreApp, type DataSourceInstanceSettings, dateTime } from '@grafana/data';
import { type BackendSrv, setBackendSrv, type TemplateSrv } from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';

import pluginJson from '../plugin.json';
import { StorjDataSource } from './datasource';
import { type StorjOptions, type StorjQuery } from './types';
import { toVariableQuery, variableText } from './variableQuery';
import { type StorjVariableSupport } from './variables';

const mockFetch = jest.fn();
setBackendSrv({ fetch: mockFetch } as unknown as BackendSrv);

const variables: Record<string, string | string[]> = { node: ['attic-1', 'cellar'], satellite: 'us1' };

const templateSrv = {
  getVariables: () => [{ name: 'node' }, { name: 'satellite' }],
  replace: (text: string, _: unknown, format?: unknown) =>
    text.replace(/\$(\w+)/g, (reference, name: string) => {
      const value = variables[name];
      if (value === undefined) {
        return reference;
      }
      return typeof format === 'function' ? format(value) : [value].flat().join(',');
    }),
} as unknown as TemplateSrv;

function makeDataSource() {
  const settings = {
    id: 1,
    uid: 'storj',
    name: 'Storj nodes',
    type: pluginJson.id,
    meta: pluginJson,
    jsonData: {},
  } as unknown as DataSourceInstanceSettings<StorjOptions>;
  return new StorjDataSource(settings, templateSrv);
}

const NODES = [
  { name: 'attic-1', key: 'attic-1', state: 'connected' },
  { name: 'cellar', key: 'cellar', state: 'unreachable' },
];
const SATELLITES = [
  { id: '12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S', name: 'us1' },
  { id: '12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs', name: 'eu1' },
];

beforeEach(() => {
  mockFetch.mockReset();
  mockFetch.mockImplementation(({ url }: { url: string }) => of({ data: url.endsWith('/nodes') ? NODES : SATELLITES }));
});

describe('StorjDataSource', () => {
  it('expands variables into entries of the lists, and leaves the rest alone', () => {
    const query: StorjQuery = {
      refId: 'A',
      queryType: 'reputation',
      nodes: ['$node', 'other'],
      satellites: ['$satellite'],
      metrics: ['online_score_percent'],
      format: 'instant',
    };
    expect(makeDataSource().applyTemplateVariables(query, {})).toEqual({
      ...query,
      nodes: ['attic-1', 'cellar', 'other'],
      satellites: ['us1'],
    });
  });

  it('takes regular expressions and All in the lists whose entries are known', () => {
    variables.all = '$__all';
    variables.kind = ['GET', 'PUT'];
    const apply = (query: Partial<StorjQuery>) =>
      makeDataSource().applyTemplateVariables({ refId: 'A', ...query }, {}) as StorjQuery;
    const traffic = apply({
      queryType: 'traffic',
      metrics: ['/_per_second$/'],
      actions: ['/REPAIR/', '$kind'],
      outcomes: ['$all'],
      groupBy: ['node', '$unknown'],
    });
    expect(traffic.metrics).toEqual(['operations_per_second', 'bytes_per_second']);
    expect(traffic.actions).toEqual(['GET_REPAIR', 'PUT_REPAIR', 'GET', 'PUT']);
    expect(traffic.outcomes).toEqual([]);
    // The back end says what is wrong with these.
    expect(traffic.groupBy).toEqual(['node', '$unknown']);
    expect(apply({ queryType: 'traffic', metrics: ['/nothing/', '/(/'] }).metrics).toEqual(['/nothing/', '/(/']);
    expect(apply({ queryType: 'live', kinds: ['$all'] }).kinds).toContain('log');
    expect(apply({ queryType: 'conditions', kinds: ['/^suspension/'] }).kinds).toEqual([
      'suspension_critical',
      'suspension_risk',
    ]);
  });

  it('takes its own reference along into Explore', () => {
    const [query] = makeDataSource().interpolateVariablesInQueries(
      [{ refId: 'A', queryType: 'nodes', nodes: ['$node'] }],
      {}
    );
    expect(query).toMatchObject({ nodes: ['attic-1', 'cellar'], datasource: { uid: 'storj', type: pluginJson.id } });
  });

  it.each([
    [{ queryType: 'reputation' }, true],
    [{ queryType: 'reputation', hide: true }, false],
    // The back end says which types there are; nothing is silently empty.
    [{ queryType: 'no-such-type' }, true],
    // A new query: the default.
    [{}, true],
    [{ hide: true }, false],
    [{ queryType: 'live', kinds: ['traffic'] }, true],
    // Nothing is asked for, which is no error while it is being chosen.
    [{ queryType: 'live' }, false],
  ])('runs %j: %s', (query, runs) => {
    expect(makeDataSource().filterQuery({ refId: 'A', ...query } as StorjQuery)).toBe(runs);
  });

  // Grafana runs a query as { ...getDefaultQuery(), ...query }.
  const asRun = (query: Partial<StorjQuery>) => {
    const source = makeDataSource();
    return source.applyTemplateVariables({ refId: 'A', ...source.getDefaultQuery(), ...query }, {});
  };

  it('makes a new query one of the scores', () => {
    const source = makeDataSource();
    expect(asRun({})).toMatchObject({ queryType: 'reputation', format: 'timeseries' });
    expect(asRun({}).metrics).toHaveLength(3);
    expect(source.getQueryDisplayText({ refId: 'A' })).toContain('Reputation');
  });

  it('adds nothing to a query that has a type', () => {
    expect(asRun({ queryType: 'nodes' }).format).toBeUndefined();
    expect(asRun({ queryType: 'nodes' }).metrics).toBeUndefined();
    expect(asRun({ queryType: 'reputation' }).format).toBeUndefined();
    // Which means all of them.
    expect(asRun({ queryType: 'reputation' }).metrics).toBeUndefined();
  });

  it('corrects what a type cannot have, and leaves what nobody knows to the back end', () => {
    const nodes: Partial<StorjQuery> = {
      queryType: 'nodes',
      format: 'timeseries',
      metrics: ['vetted'],
      satellites: ['us1'],
    };
    expect(asRun(nodes)).toMatchObject({ format: 'table', metrics: [], satellites: [] });
    expect(asRun({ queryType: 'nodes', format: 'chart' as never }).format).toBe('chart');
    expect(asRun({ queryType: 'weather' as never, format: 'timeseries' }).format).toBe('timeseries');
  });

  it('marks events by default, and of what is asked for nothing that cannot be marked', () => {
    const { getDefaultQuery, prepareQuery } = makeDataSource().annotations!;
    const asked = (target?: Partial<StorjQuery>) => prepareQuery!({ target } as never);
    expect(getDefaultQuery!()).toMatchObject({ queryType: 'events', format: 'annotations' });
    expect(asked()).toMatchObject({ refId: 'Anno', queryType: 'events', format: 'annotations' });
    expect(asked({ refId: 'X', queryType: 'conditions', kinds: ['blind'] })).toMatchObject({
      refId: 'X',
      queryType: 'conditions',
      kinds: ['blind'],
      format: 'annotations',
    });
    expect(asked({ refId: 'X', queryType: 'reputation', format: 'table' })).toMatchObject({ format: 'table' });
  });

  it('gives every annotation an end, without which Grafana does not draw those that have one', async () => {
    const schema = {
      fields: [
        { name: 'time', type: 'time' },
        { name: 'timeEnd', type: 'time' },
        { name: 'text', type: 'string' },
      ],
    };
    const values = [
      [1, 2],
      [null, 9],
      ['a', 'b'],
    ];
    mockFetch.mockReturnValue(of({ data: { results: { Anno: { frames: [{ schema, data: { values } }] } } } }));
    const asked = makeDataSource().query({
      targets: [{ refId: 'Anno', queryType: 'events', format: 'annotations' }],
      scopedVars: {},
    } as never);
    const [frame] = (await lastValueFrom(asked)).data;
    expect(frame.fields[1].values).toEqual([1, 9]);
  });

  it.each([
    ['heatmap', 'latency', {}, [['time', 'nothing seen'], ['time']]],
    ['timeseries', 'conditions', {}, [['time']]],
    ['timeseries', 'conditions', { app: CoreApp.Explore }, [[], ['time']]],
    ['timeseries', 'reputation', { metrics: ['online_windows_percent'] }, [['time']]],
    ['timeseries', 'reputation', { metrics: ['audit_score_percent'] }, [[], ['time']]],
    ['timeseries', 'latency', {}, [[], ['time']]],
  ])(
    'shows an empty %s of %s as Grafana’s panels can: %j',
    async (format, queryType, { app, ...more }: Partial<StorjQuery> & { app?: CoreApp }, want) => {
      const notices = [{ severity: 'info', text: 'A: not seen' }];
      const nothing = { schema: { refId: 'A', meta: { notices }, fields: [] }, data: { values: [] } };
      const something = { schema: { refId: 'A', fields: [{ name: 'time', type: 'time' }] }, data: { values: [[1]] } };
      mockFetch.mockReturnValue(of({ data: { results: { A: { frames: [nothing, something] } } } }));
      const asked = makeDataSource().query({
        app,
        targets: [{ refId: 'A', queryType, format, ...more }],
        range: { from: dateTime(1000), to: dateTime(2000) },
        scopedVars: {},
      } as never);
      const frames = (await lastValueFrom(asked)).data;
      expect(frames.map(({ fields }) => fields.map(({ name }: { name: string }) => name))).toEqual(want);
      if (format === 'heatmap') {
        expect(frames[0].meta.notices).toEqual(notices);
        expect(frames[0].fields[0].values).toEqual([1000, 2000]);
      }
    }
  );

  it('lists the dashboard’s variables', () => {
    expect(makeDataSource().variableNames()).toEqual(['$node', '$satellite']);
  });

  it('asks the resources without pop-ups for errors', async () => {
    await expect(makeDataSource().getNodes()).resolves.toEqual(NODES);
    expect(mockFetch).toHaveBeenCalledWith(
      expect.objectContaining({ url: '/api/datasources/uid/storj/resources/nodes', showErrorAlert: false })
    );
  });

  it('takes null for an empty list', async () => {
    mockFetch.mockReturnValue(of({ data: null }));
    await expect(makeDataSource().getNodes()).resolves.toEqual([]);
    await expect(makeDataSource().getSatellites()).resolves.toEqual([]);
  });
});

describe('variables', () => {
  const values = async (query: unknown) => {
    const support = makeDataSource().variables as StorjVariableSupport;
    const answer = await lastValueFrom(support.query({ targets: [query], scopedVars: {} } as never));
    return answer.data;
  };

  it('are the nodes by default', async () => {
    const support = makeDataSource().variables as StorjVariableSupport;
    await expect(values({ refId: 'V', ...support.getDefaultQuery() })).resolves.toEqual([
      { text: 'attic-1', value: 'attic-1' },
      { text: 'cellar', value: 'cellar' },
    ]);
  });

  it('are the satellites, by name, sorted', async () => {
    await expect(values({ refId: 'V', queryType: 'satellites' })).resolves.toEqual([
      { text: 'eu1', value: 'eu1' },
      { text: 'us1', value: 'us1' },
    ]);
    expect(mockFetch.mock.calls[0][0].params).toBeUndefined();
  });

  it('are the satellites of the nodes that another variable holds', async () => {
    await values({ refId: 'V', queryType: 'satellites', nodes: ['$node'] });
    expect(mockFetch).toHaveBeenCalledTimes(1);
    expect(mockFetch.mock.calls[0][0].params).toEqual({ node: ['attic-1', 'cellar'] });
  });

  it('can be written as words in a hand-made dashboard', async () => {
    await values('satellites($node)');
    expect(mockFetch.mock.calls[0][0].params).toEqual({ node: ['attic-1', 'cellar'] });
    expect(toVariableQuery('satellites')).toMatchObject({ queryType: 'satellites', nodes: [] });
    expect(toVariableQuery('')).toMatchObject({ queryType: 'nodes' });
    expect(toVariableQuery(undefined)).toMatchObject({ queryType: 'nodes' });
  });

  it.each([
    ['conditions', 'audit_failed'],
    ['actions', 'GET_AUDIT'],
    ['outcomes', 'canceled'],
  ])('are the %s', async (queryType, one) => {
    await expect(values({ refId: 'V', queryType })).resolves.toContainEqual({ text: one, value: one });
    await expect(values(queryType)).resolves.toContainEqual({ text: one, value: one });
    expect(mockFetch).not.toHaveBeenCalled();
  });

  it('fail when the back end fails', async () => {
    mockFetch.mockImplementation(() => {
      throw new Error('the plugin is not running');
    });
    await expect(values({ refId: 'V', queryType: 'nodes' })).rejects.toThrow('not running');
  });

  it.each([
    ['Nodes', { queryType: 'nodes' }],
    ['Satellites', { queryType: 'satellites' }],
    ['Conditions', { queryType: 'conditions' }],
    ['Satellites of $node', { queryType: 'satellites', nodes: ['$node'] }],
  ])('read "%s"', (text, query) => {
    expect(variableText({ refId: 'V', ...query } as never)).toBe(text);
  });
});

describe('ad hoc filters', () => {
  const source = makeDataSource();
  const asked = async (query: Partial<StorjQuery>, filters: Array<[string, string, string | string[]]>) => {
    mockFetch.mockImplementation(({ url, data }) => {
      if (url.includes('/api/ds/query')) {
        return of({ data: { results: { A: { frames: [], refId: data.queries[0].refId } } } });
      }
      return of({ data: url.endsWith('/nodes') ? NODES : SATELLITES });
    });
    const request = {
      targets: [{ refId: 'A', ...query }],
      scopedVars: {},
      filters: filters.map(([key, operator, value]) => ({
        key,
        operator,
        ...(Array.isArray(value) ? { value: value[0], values: value } : { value }),
      })),
    };
    await lastValueFrom(source.query(request as never));
    return mockFetch.mock.calls.map(([{ data }]) => data?.queries?.[0]).find(Boolean) as StorjQuery;
  };

  it('can be by node, satellite, action and outcome', async () => {
    expect((await source.getTagKeys()).map(({ text }) => text)).toEqual(['node', 'satellite', 'action', 'outcome']);
    expect((await source.getTagValues({ key: 'node' })).map(({ text }) => text)).toEqual(['attic-1', 'cellar']);
    expect((await source.getTagValues({ key: 'satellite' })).map(({ text }) => text)).toEqual(['eu1', 'us1']);
    expect((await source.getTagValues({ key: 'action' })).map(({ text }) => text)).toContain('GET_AUDIT');
    expect((await source.getTagValues({ key: 'outcome' })).map(({ text }) => text)).toContain('failed');
    expect(await source.getTagValues({ key: 'other' })).toEqual([]);
  });

  const reputation: Partial<StorjQuery> = { queryType: 'reputation' };
  const traffic: Partial<StorjQuery> = { queryType: 'traffic' };
  const nothing = ['/[^\\s\\S]/'];
  it.each<[string, Partial<StorjQuery>, Array<[string, string, string | string[]]>, Partial<StorjQuery>]>([
    ['one node', reputation, [['node', '=', 'cellar']], { nodes: ['cellar'] }],
    ['all but one', reputation, [['node', '!=', 'cellar']], { nodes: ['attic-1'] }],
    ['a pattern', reputation, [['node', '=~', '^att']], { nodes: ['attic-1'] }],
    ['all but a pattern', reputation, [['node', '!~', '^att']], { nodes: ['cellar'] }],
    ['one of several', reputation, [['node', '=|', ['cellar', 'gone']]], { nodes: ['cellar'] }],
    ['none of several', reputation, [['node', '!=|', ['cellar', 'attic-1']]], { nodes: nothing }],
    ['what the query selects too', { ...reputation, nodes: ['/^att/'] }, [['node', '=', 'cellar']], { nodes: nothing }],
    ['a name that nobody has', reputation, [['node', '=', 'gone']], { nodes: nothing }],
    ['a satellite by its id', reputation, [['satellite', '=', SATELLITES[0].id]], { satellites: ['us1'] }],
    [
      'two of them',
      reputation,
      [
        ['node', '=', 'cellar'],
        ['satellite', '!=', 'us1'],
      ],
      { nodes: ['cellar'], satellites: ['eu1'] },
    ],
    [
      'an action',
      { ...traffic, actions: ['/^GET/'] },
      [['action', '!=', 'GET']],
      { actions: ['GET_AUDIT', 'GET_REPAIR'] },
    ],
    ['an outcome', traffic, [['outcome', '=', 'failed']], { outcomes: ['failed'] }],
  ])('choose %s', async (_, query, filters, expected) => {
    expect(await asked(query, filters)).toMatchObject(expected);
  });

  it('do nothing where the query has no such thing, or no value is chosen yet', async () => {
    expect(await asked({ queryType: 'nodes' }, [['action', '=', 'GET']])).not.toHaveProperty('actions');
    expect((await asked(reputation, [['node', '=', '']])).nodes).toEqual([]);
    expect((await asked(reputation, [['weather', '=', 'fine']])).nodes).toEqual([]);
  });
});
