import { type ComponentType } from 'react';
import {
  CustomVariableSupport,
  type DataQueryRequest,
  type DataQueryResponse,
  type QueryEditorProps,
} from '@grafana/data';
import { from, map, type Observable } from 'rxjs';

import { VariableQueryEditor } from './components/VariableQueryEditor';
import { type StorjDataSource } from './datasource';
import { type StorjOptions, type StorjQuery, type StorjVariableQuery } from './types';

/** Dashboard variables: the nodes, the satellites (of some nodes), and what else queries choose by. */
export class StorjVariableSupport extends CustomVariableSupport<
  StorjDataSource,
  StorjVariableQuery,
  StorjQuery,
  StorjOptions
> {
  constructor(private readonly datasource: StorjDataSource) {
    super();
  }

  // Grafana's type for a data source's variables asks for an editor of any data source.
  editor: ComponentType<QueryEditorProps<any, any, StorjOptions, StorjVariableQuery>> = VariableQueryEditor;

  query(request: DataQueryRequest<StorjVariableQuery>): Observable<DataQueryResponse> {
    const [query] = request.targets;
    const values = this.datasource.metricFindQuery(query, { scopedVars: request.scopedVars });
    return from(values).pipe(map((data) => ({ data })));
  }

  getDefaultQuery(): Partial<StorjQuery> {
    return { queryType: 'nodes' };
  }
}
