import React, { useCallback, useId } from 'react';
import { type QueryEditorProps } from '@grafana/data';
import { Combobox, Field, Label } from '@grafana/ui';

import { type StorjDataSource } from '../datasource';
import { type StorjOptions, type StorjQuery, type StorjVariableQuery } from '../types';
import { toVariableQuery, VARIABLE_KINDS, variableText } from '../variableQuery';
import { NamePicker } from './NamePicker';

type Props = QueryEditorProps<StorjDataSource, StorjQuery, StorjOptions, StorjVariableQuery>;

export function VariableQueryEditor({ datasource, query: given, onChange }: Props) {
  const id = useId();
  const query = toVariableQuery(given);

  // The second argument is the summary in the list of variables; the type of the props hides it.
  const change = (next: StorjVariableQuery) =>
    (onChange as (query: StorjVariableQuery, definition: string) => void)(next, variableText(next));

  const loadNodes = useCallback(
    async () =>
      (await datasource.getNodes()).map(({ name, state }) => ({ value: name, label: name, description: state })),
    [datasource]
  );

  return (
    <>
      <Field label="Values" htmlFor={`${id}-kind`} description="What the variable lists.">
        <Combobox
          id={`${id}-kind`}
          options={VARIABLE_KINDS}
          value={query.queryType}
          onChange={({ value }) => change({ refId: query.refId, queryType: value })}
          width={40}
        />
      </Field>
      {query.queryType === 'satellites' && (
        <Field
          label={
            <Label
              htmlFor={`${id}-nodes`}
              description="Names, regular expressions or another variable, such as $node. None means all nodes."
            >
              <span id={`${id}-nodes-label`}>Of these nodes</span>
            </Label>
          }
        >
          <NamePicker
            id={`${id}-nodes`}
            labelId={`${id}-nodes-label`}
            value={query.nodes}
            onChange={(nodes) => change({ ...query, nodes })}
            load={loadNodes}
            variables={datasource.variableNames}
            placeholder="All nodes"
            width={40}
          />
        </Field>
      )}
    </>
  );
}
