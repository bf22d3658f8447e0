import {
  type AdHocVariableFilter,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type LegacyMetricFindQueryOptions,
  type MetricFindValue,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import { from, map, type Observable, switchMap } from 'rxjs';

import { ALWAYS_KNOWN, FILTER_KEYS, type KnownNames, withFilters } from './adhocFilters';
import { annotationSupport, withEnds } from './annotations';
import { withoutEmptyFrames } from './emptyFrames';
import { expandList, expandPatterns } from './interpolation';
import {
  ACTIONS,
  asksNothing,
  type Choice,
  complete,
  CONDITIONS,
  KNOWN_LISTS,
  listOf,
  OUTCOMES,
  queryText,
  queryTypeOf,
} from './queryModel';
import {
  type NodeInfo,
  type SatelliteInfo,
  type StorjOptions,
  type StorjQuery,
  type StorjVariableQuery,
} from './types';
import { withRules } from './ruleWatch';
import { toVariableQuery } from './variableQuery';
import { StorjVariableSupport } from './variables';

/** The front end's side of the data source. The queries themselves are answered by the back end. */
export class StorjDataSource extends DataSourceWithBackend<StorjQuery, StorjOptions> {
  constructor(
    instanceSettings: DataSourceInstanceSettings<StorjOptions>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(instanceSettings);
    this.annotations = annotationSupport;
    this.variables = new StorjVariableSupport(this);
  }

  /**
   * Grafana lays this under every query of a panel or of Explore that it runs, not only under new ones, and would put a
   * format and metrics on a query that is complete without them. Under a new query of an alert rule it lays it in the
   * editor only, and saves the rule without it. So it is empty, and the query editor completes what is new.
   */
  getDefaultQuery(): Partial<StorjQuery> {
    return {};
  }

  filterQuery(query: StorjQuery): boolean {
    return !query.hide && !asksNothing(query);
  }

  query(request: DataQueryRequest<StorjQuery>): Observable<DataQueryResponse> {
    const answer = this.filteredQuery(request).pipe(map((response) => withoutEmptyFrames(response, request)));
    if (request.targets.some(({ queryType }) => queryType === 'overview')) {
      return answer.pipe(switchMap((response) => withRules(response, this.uid)));
    }
    return request.targets.some(({ format }) => format === 'annotations') ? answer.pipe(map(withEnds)) : answer;
  }

  private filteredQuery(request: DataQueryRequest<StorjQuery>): Observable<DataQueryResponse> {
    const keys = request.filters?.map(({ key }) => key) ?? [];
    if (!keys.some((key) => key === 'node' || key === 'satellite')) {
      return super.query(request);
    }
    // A filter leaves some out of all there are, so these have to be known first.
    return from(this.learnNames()).pipe(switchMap(() => super.query(request)));
  }

  getQueryDisplayText(query: StorjQuery): string {
    return queryText(complete(query));
  }

  applyTemplateVariables(given: StorjQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): StorjQuery {
    const query = complete(given);
    const expand = (list?: string[]) => expandList(list, this.replace, scopedVars);
    const expanded: StorjQuery = { ...query, nodes: expand(query.nodes), satellites: expand(query.satellites) };
    for (const list of KNOWN_LISTS.filter((list) => query[list])) {
      const choices = listOf(queryTypeOf(query), list)?.choices.map(({ value }) => value) ?? [];
      const entries = expandPatterns(expand(query[list]), choices);
      // Of the live streams none means none, so the All of a variable has to name them.
      const all = list === 'kinds' && query.queryType === 'live' && query.kinds?.length && entries.length === 0;
      expanded[list] = all ? choices : entries;
    }
    return withFilters(expanded, filters, this.known);
  }

  interpolateVariablesInQueries(
    queries: StorjQuery[],
    scopedVars: ScopedVars,
    filters?: AdHocVariableFilter[]
  ): StorjQuery[] {
    return queries.map((query) => ({
      ...this.applyTemplateVariables(query, scopedVars, filters),
      datasource: this.getRef(),
    }));
  }

  /** By what an ad hoc filter can choose. */
  async getTagKeys(): Promise<MetricFindValue[]> {
    return FILTER_KEYS.map((key) => ({ text: key, value: key }));
  }

  async getTagValues({ key }: { key: string }): Promise<MetricFindValue[]> {
    const kinds: Record<string, StorjVariableQuery['queryType']> = {
      node: 'nodes',
      satellite: 'satellites',
      action: 'actions',
      outcome: 'outcomes',
    };
    const queryType = kinds[key];
    return queryType ? this.metricFindQuery({ refId: 'values', queryType }) : [];
  }

  /** The names of the dashboard's variables, each with its dollar. */
  variableNames = (): string[] => this.templateSrv.getVariables().map((variable) => `$${variable.name}`);

  async getNodes(): Promise<NodeInfo[]> {
    return (await this.getResource<NodeInfo[] | null>('nodes', undefined, quietly)) ?? [];
  }

  /** The satellites of the nodes that are named, or match; without any, of all nodes. */
  async getSatellites(nodes: string[] = []): Promise<SatelliteInfo[]> {
    const params = nodes.length > 0 ? { node: nodes } : undefined;
    return (await this.getResource<SatelliteInfo[] | null>('satellites', params, quietly)) ?? [];
  }

  async metricFindQuery(
    query: StorjVariableQuery | string,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    const { queryType, nodes } = toVariableQuery(query);
    switch (queryType) {
      case 'nodes':
        return (await this.getNodes()).map(({ name }) => ({ text: name, value: name }));
      case 'conditions':
        return valuesOf(CONDITIONS);
      case 'actions':
        return valuesOf(ACTIONS);
      case 'outcomes':
        return valuesOf(OUTCOMES);
      default:
    }
    const satellites = await this.getSatellites(expandList(nodes, this.replace, options?.scopedVars));
    const names = [...new Set(satellites.map(({ id, name }) => name || id))].sort();
    return names.map((name) => ({ text: name, value: name }));
  }

  private known: KnownNames = ALWAYS_KNOWN;
  private learning?: { at: number; done: Promise<void> };

  /** Asks for the names that filters choose from; not for each panel of a dashboard again. */
  private learnNames(): Promise<void> {
    if (!this.learning || Date.now() - this.learning.at > NAMES_STAY_MS) {
      const done = Promise.all([this.getNodes(), this.getSatellites()]).then(
        ([nodes, satellites]) => {
          this.known = {
            ...ALWAYS_KNOWN,
            nodes: nodes.map(({ name }) => [name]),
            satellites: satellites.map(({ id, name }) => (name && name !== id ? [name, id] : [id])),
          };
        },
        // The query itself says why there is no answer.
        () => undefined
      );
      this.learning = { at: Date.now(), done };
    }
    return this.learning.done;
  }

  private readonly replace: TemplateSrv['replace'] = (...args) => this.templateSrv.replace(...args);
}

const NAMES_STAY_MS = 30_000;

/** Their codes are also what a panel shows. */
function valuesOf(choices: Choice[]): MetricFindValue[] {
  return choices.map(({ value }) => ({ text: value, value }));
}

// Grafana shows a resource error as a pop-up by default; here the caller says it in its place.
const quietly = { showErrorAlert: false };
