import React, { useCallback, useEffect, useId } from 'react';
import { CoreApp, type QueryEditorProps } from '@grafana/data';
import { EditorField, EditorRow } from '@grafana/plugin-ui';
import { Alert, Combobox, MultiCombobox, RadioButtonGroup, Stack, Text } from '@grafana/ui';

import { type StorjDataSource } from '../datasource';
import {
  complete,
  FORMATS,
  formatOf,
  METRICS,
  QUERY_TYPES,
  queryTypeOf,
  withQueryType,
  worseWhenLow,
} from '../queryModel';
import { type StorjOptions, type StorjQuery } from '../types';
import { labelIdOf, LabelledField } from './LabelledField';
import { NamePicker } from './NamePicker';

type Props = QueryEditorProps<StorjDataSource, StorjQuery, StorjOptions>;

export function QueryEditor({ datasource, query: given, onChange, onRunQuery, app }: Props) {
  const id = useId();
  const query = complete(given, app);
  const type = queryTypeOf(query);
  const format = formatOf(query);

  const change = (next: StorjQuery) => {
    onChange(next);
    onRunQuery();
  };

  const isNew = !given.queryType;
  useEffect(() => {
    if (isNew) {
      // What is saved has to say what it means: alert rules and shared dashboards are read by Grafana's back end.
      onChange(query);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the row is new
  }, [isNew]);

  const loadNodes = useCallback(
    async () =>
      (await datasource.getNodes()).map(({ name, state }) => ({ value: name, label: name, description: state })),
    [datasource]
  );
  const loadSatellites = useCallback(
    async () =>
      (await datasource.getSatellites()).map((satellite) => ({
        value: satellite.name || satellite.id,
        label: satellite.name || satellite.id,
        description: satellite.name === satellite.id ? undefined : satellite.id,
      })),
    [datasource]
  );

  const formats = FORMATS.filter((choice) => type?.formats.includes(choice.value));
  const alerting = app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;

  return (
    <Stack direction="column" gap={0.5}>
      <EditorRow>
        <LabelledField label="Query type" inputId={`${id}-type`} width={200}>
          <Combobox
            id={`${id}-type`}
            options={QUERY_TYPES.map(({ value, label, description }) => ({ value, label, description }))}
            value={query.queryType}
            onChange={(option) => change(withQueryType(query, option.value))}
          />
        </LabelledField>
        {type?.metrics && format !== 'table' && (
          <LabelledField label="Metrics" inputId={`${id}-metrics`} width={560} tooltip="None chosen means all of them.">
            <MultiCombobox
              id={`${id}-metrics`}
              aria-labelledby={labelIdOf(`${id}-metrics`)}
              options={METRICS}
              value={query.metrics ?? []}
              onChange={(chosen) => change({ ...query, metrics: chosen.map((option) => option.value) })}
              placeholder="All metrics"
              isClearable
            />
          </LabelledField>
        )}
      </EditorRow>
      <EditorRow>
        <LabelledField
          label="Nodes"
          inputId={`${id}-nodes`}
          width={260}
          tooltip="Names, variables, or a regular expression between slashes, such as /^attic-/."
        >
          <NamePicker
            id={`${id}-nodes`}
            labelId={labelIdOf(`${id}-nodes`)}
            value={query.nodes}
            onChange={(nodes) => change({ ...query, nodes })}
            load={loadNodes}
            variables={datasource.variableNames}
            placeholder="All nodes"
          />
        </LabelledField>
        {type?.satellites && (
          <LabelledField
            label="Satellites"
            inputId={`${id}-satellites`}
            width={260}
            tooltip="Short names such as us1, full ids, variables, or a regular expression between slashes."
          >
            <NamePicker
              id={`${id}-satellites`}
              labelId={labelIdOf(`${id}-satellites`)}
              value={query.satellites}
              onChange={(satellites) => change({ ...query, satellites })}
              load={loadSatellites}
              variables={datasource.variableNames}
              placeholder="All satellites"
            />
          </LabelledField>
        )}
        {formats.length > 1 && (
          <EditorField label="Format">
            <RadioButtonGroup
              aria-label="Format"
              options={formats}
              value={format}
              onChange={(value) => change({ ...query, format: value })}
            />
          </EditorField>
        )}
      </EditorRow>
      {alerting && format === 'table' && (
        <Alert severity="info" title="An alert rule needs numbers">
          A table has words and times too. Choose the query type Reputation with the format Instant.
        </Alert>
      )}
      {alerting && format !== 'table' && worseWhenLow(query) && (
        <Text color="secondary" variant="bodySmall">
          This becomes lower as things get worse: let the condition fire when it is below a number.
        </Text>
      )}
      {!type && (
        <Alert severity="error" title={`This version does not know the query type "${query.queryType}"`}>
          Choose another one, or update the plugin.
        </Alert>
      )}
    </Stack>
  );
}
