import { CoreApp } from '@grafana/data';

import { EXAMPLES } from './components/QueryEditorHelp';
import { defaultQuery, FORMATS, METRICS, QUERY_TYPES, queryText, withFormat, withQueryType } from './queryModel';
import { type StorjQuery } from './types';

const query = (part: Partial<StorjQuery>): StorjQuery => ({ refId: 'A', ...part });

describe('queryText', () => {
  it.each<[string, Partial<StorjQuery>]>([
    ['No query type chosen', {}],
    ['Reputation · all metrics · all nodes · all satellites · time series', { queryType: 'reputation' }],
    [
      'Reputation · audit score, failed audits left · attic-1 · us1, eu1 · instant',
      {
        queryType: 'reputation',
        metrics: ['audit_score_percent', 'failed_audits_left'],
        nodes: ['attic-1'],
        satellites: ['us1', 'eu1'],
        format: 'instant',
      },
    ],
    [
      'Reputation · all nodes · all satellites · table',
      { queryType: 'reputation', format: 'table', metrics: ['audit_score_percent'] },
    ],
    ['Nodes · a, b, c, d and 2 more', { queryType: 'nodes', nodes: ['a', 'b', 'c', 'd', 'e', 'f'] }],
    [
      'Traffic · success · all nodes · all satellites · GET, /REPAIR/ · failed · by node, action · time series',
      {
        queryType: 'traffic',
        metrics: ['success_percent'],
        actions: ['GET', '/REPAIR/'],
        outcomes: ['failed'],
        groupBy: ['node', 'action'],
      },
    ],
    [
      'Traffic · bytes · all nodes · all satellites · total · instant',
      { queryType: 'traffic', metrics: ['bytes'], groupBy: ['total'], format: 'instant' },
    ],
    [
      'Conditions · failed audit, log silent · all nodes · all satellites · severity',
      { queryType: 'conditions', kinds: ['audit_failed', 'log_silent'] },
    ],
    ['Live · traffic', { queryType: 'live', kinds: ['traffic'], nodes: ['attic-1'] }],
    ['Live · log · attic-1', { queryType: 'live', kinds: ['log'], nodes: ['attic-1'] }],
    ['Unknown query type "weather"', { queryType: 'weather' as never }],
  ])('reads "%s"', (text, part) => {
    expect(queryText(query(part))).toBe(text);
  });
});

describe('withQueryType', () => {
  it('drops what nodes have not, and keeps the nodes', () => {
    const before = query({
      queryType: 'reputation',
      nodes: ['a'],
      satellites: ['us1'],
      metrics: ['vetted'],
      format: 'timeseries',
    });
    expect(withQueryType(before, 'nodes')).toEqual(
      query({ queryType: 'nodes', nodes: ['a'], satellites: [], metrics: [], format: 'table' })
    );
  });

  it('gives reputation metrics when there are none yet', () => {
    const after = withQueryType(query({ queryType: 'nodes', format: 'table' }), 'reputation');
    expect(after.metrics).toContain('audit_score_percent');
    expect(after.format).toBe('table');
  });
});

describe('the types', () => {
  it.each(QUERY_TYPES.map((type) => [type.value, type] as const))('%s can be asked as it begins', (_, type) => {
    for (const app of [CoreApp.PanelEditor, CoreApp.UnifiedAlerting]) {
      const begun = withQueryType(query({ queryType: 'reputation', kinds: ['nonsense'] }), type.value, app);
      expect(type.formats).toContain(begun.format);
      expect(begun.kinds ?? []).not.toContain('nonsense');
      expect(queryText(begun)).toContain(type.label);
      for (const metric of begun.metrics ?? []) {
        expect(type.metrics).toContain(metric);
      }
    }
  });

  it('have names for all their metrics and formats', () => {
    for (const type of QUERY_TYPES) {
      expect(METRICS.filter(({ value }) => type.metrics.includes(value))).toHaveLength(type.metrics.length);
      expect(FORMATS.filter(({ value }) => type.formats.includes(value))).toHaveLength(type.formats.length);
    }
  });

  it('give an alert rule one number at a time', () => {
    const panel = query({ queryType: 'nodes', format: 'table' });
    expect(withQueryType(panel, 'traffic', CoreApp.UnifiedAlerting).metrics).toHaveLength(1);
    expect(
      withQueryType(query({ queryType: 'nodes', format: 'text' }), 'traffic', CoreApp.UnifiedAlerting).format
    ).toBe('instant');
    expect(
      withQueryType(query({ queryType: 'reputation', format: 'instant' }), 'conditions', CoreApp.UnifiedAlerting).format
    ).toBe('severity');
  });
});

describe('defaultQuery', () => {
  it('is a number that can be acted on in an alert rule', () => {
    expect(defaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({
      queryType: 'reputation',
      metrics: ['failed_audits_left'],
      format: 'instant',
    });
  });

  it('is the three scores elsewhere', () => {
    expect(defaultQuery(CoreApp.PanelEditor)).toMatchObject({ queryType: 'reputation', format: 'timeseries' });
    expect(defaultQuery(CoreApp.PanelEditor).metrics).toHaveLength(3);
  });

  it('does not share its lists between queries', () => {
    const first = defaultQuery();
    first.nodes!.push('a');
    expect(defaultQuery().nodes).toEqual([]);
  });
});

describe('withFormat', () => {
  it('leaves out the groups that a heat map cannot have', () => {
    const grouped = query({ queryType: 'latency', groupBy: ['node'], format: 'timeseries' });
    expect(withFormat(grouped, 'heatmap')).toEqual({ ...grouped, format: 'heatmap', groupBy: [] });
    expect(withFormat(grouped, 'table')).toEqual({ ...grouped, format: 'table' });
  });
});

describe('the examples in the help', () => {
  it('are there for every type', () => {
    const shown = new Set(EXAMPLES.map(({ query: { queryType } }) => queryType));
    expect(QUERY_TYPES.map(({ value }) => value).filter((type) => !shown.has(type))).toEqual([]);
  });

  it.each(EXAMPLES.map((example) => [example.title, example.query] as const))('%s can be asked', (_, example) => {
    const type = QUERY_TYPES.find(({ value }) => value === example.queryType);
    expect(type?.formats).toContain(example.format);
    for (const metric of example.metrics ?? []) {
      expect(type?.metrics).toContain(metric);
    }
  });
});
