import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { QueryEditorHelp } from './components/QueryEditorHelp';
import { StorjDataSource } from './datasource';
import { type StorjOptions, type StorjQuery } from './types';

export const plugin = new DataSourcePlugin<StorjDataSource, StorjQuery, StorjOptions>(StorjDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryEditorHelp);
