import {
  CoreApp,
  type DataSourceInstanceSettings,
  type LegacyMetricFindQueryOptions,
  type MetricFindValue,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';

import { expandList } from './interpolation';
import { complete, defaultQuery, queryText } from './queryModel';
import {
  type NodeInfo,
  type SatelliteInfo,
  type StorjOptions,
  type StorjQuery,
  type StorjVariableQuery,
} from './types';
import { toVariableQuery } from './variableQuery';
import { StorjVariableSupport } from './variables';

/** The front end's side of the data source. The queries themselves are answered by the back end. */
export class StorjDataSource extends DataSourceWithBackend<StorjQuery, StorjOptions> {
  constructor(
    instanceSettings: DataSourceInstanceSettings<StorjOptions>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(instanceSettings);
    this.annotations = {};
    this.variables = new StorjVariableSupport(this);
  }

  /**
   * Grafana lays this under every query of a panel or of Explore that it runs, not only under new ones, and would put a
   * format and metrics on a query that is complete without them. So there it is empty, and complete() fills new queries.
   */
  getDefaultQuery(app: CoreApp): Partial<StorjQuery> {
    return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting ? defaultQuery(app) : {};
  }

  filterQuery(query: StorjQuery): boolean {
    return !query.hide;
  }

  getQueryDisplayText(query: StorjQuery): string {
    return queryText(complete(query));
  }

  applyTemplateVariables(given: StorjQuery, scopedVars: ScopedVars): StorjQuery {
    const query = complete(given);
    const expand = (list?: string[]) => expandList(list, this.replace, scopedVars);
    return {
      ...query,
      nodes: expand(query.nodes),
      satellites: expand(query.satellites),
      metrics: expand(query.metrics),
      groupBy: expand(query.groupBy),
    };
  }

  interpolateVariablesInQueries(queries: StorjQuery[], scopedVars: ScopedVars): StorjQuery[] {
    return queries.map((query) => ({
      ...this.applyTemplateVariables(query, scopedVars),
      datasource: this.getRef(),
    }));
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
    if (queryType === 'nodes') {
      return (await this.getNodes()).map(({ name }) => ({ text: name, value: name }));
    }
    const satellites = await this.getSatellites(expandList(nodes, this.replace, options?.scopedVars));
    const names = [...new Set(satellites.map(({ id, name }) => name || id))].sort();
    return names.map((name) => ({ text: name, value: name }));
  }

  private readonly replace: TemplateSrv['replace'] = (...args) => this.templateSrv.replace(...args);
}

// Grafana shows a resource error as a pop-up by default; here the caller says it in its place.
const quietly = { showErrorAlert: false };
