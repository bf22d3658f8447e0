import { CoreApp, type DataSourceInstanceSettings } from '@grafana/data';
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
      groupBy: [],
    });
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
  ])('runs %j: %s', (query, runs) => {
    expect(makeDataSource().filterQuery({ refId: 'A', ...query } as StorjQuery)).toBe(runs);
  });

  // Grafana runs a query as { ...getDefaultQuery(), ...query }.
  const asRun = (query: Partial<StorjQuery>, app = CoreApp.PanelEditor) => {
    const source = makeDataSource();
    return source.applyTemplateVariables({ refId: 'A', ...source.getDefaultQuery(app), ...query }, {});
  };

  it('makes a new query one of the scores', () => {
    const source = makeDataSource();
    expect(asRun({})).toMatchObject({ queryType: 'reputation', format: 'timeseries' });
    expect(asRun({}).metrics).toHaveLength(3);
    expect(source.getQueryDisplayText({ refId: 'A' })).toContain('Reputation');
  });

  it.each([[CoreApp.PanelEditor], [CoreApp.Explore]])('adds nothing to a query that has a type, in %s', (app) => {
    expect(asRun({ queryType: 'nodes' }, app).format).toBeUndefined();
    expect(asRun({ queryType: 'nodes' }, app).metrics).toEqual([]);
    expect(asRun({ queryType: 'reputation' }, app).format).toBeUndefined();
    // Which means all of them.
    expect(asRun({ queryType: 'reputation' }, app).metrics).toEqual([]);
  });

  it('gives an alert rule its number at once', () => {
    expect(asRun({}, CoreApp.UnifiedAlerting)).toMatchObject({ metrics: ['failed_audits_left'], format: 'instant' });
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
    expect(asRun({ queryType: 'traffic' as never, format: 'timeseries' }).format).toBe('timeseries');
  });

  it('offers annotations', () => {
    expect(makeDataSource().annotations).toBeDefined();
  });

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

  it('fail when the back end fails', async () => {
    mockFetch.mockImplementation(() => {
      throw new Error('the plugin is not running');
    });
    await expect(values({ refId: 'V', queryType: 'nodes' })).rejects.toThrow('not running');
  });

  it.each([
    ['Nodes', { queryType: 'nodes' }],
    ['Satellites', { queryType: 'satellites' }],
    ['Satellites of $node', { queryType: 'satellites', nodes: ['$node'] }],
  ])('read "%s"', (text, query) => {
    expect(variableText({ refId: 'V', ...query } as never)).toBe(text);
  });
});
