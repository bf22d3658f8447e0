import React, { useCallback, useEffect, useId, useState } from 'react';
import { CoreApp, type QueryEditorProps } from '@grafana/data';
import { EditorField, EditorRow } from '@grafana/plugin-ui';
import { Alert, Button, Combobox, RadioButtonGroup, Stack, Text } from '@grafana/ui';

import { type StorjDataSource } from '../datasource';
import {
  asksNothing,
  complete,
  DISTRIBUTIONS,
  FORMATS,
  formatOf,
  isAlerting,
  type KnownList,
  listOf,
  QUERY_TYPES,
  type QueryTypeChoice,
  queryTypeOf,
  usesGroups,
  usesMetrics,
  usesNodes,
  withFormat,
  withQueryType,
  worseWhenLow,
} from '../queryModel';
import { type QueryFormat, type StorjOptions, type StorjQuery } from '../types';
import { labelIdOf, LabelledField } from './LabelledField';
import { NamePicker } from './NamePicker';
import { QueryJson } from './QueryJson';

type Props = QueryEditorProps<StorjDataSource, StorjQuery, StorjOptions> & {
  /** Only what can be marked on a time axis is offered. */
  forAnnotations?: boolean;
};

const WIDTHS: Partial<Record<KnownList, number>> = { metrics: 340, kinds: 340 };

/** What an alert rule cannot do with a format, and what to do instead. */
const NOT_FOR_ALERTS: Partial<Record<QueryFormat, { title: string; text: string }>> = {
  table: {
    title: 'An alert rule needs numbers',
    text: 'A table has words and times too. Choose the query type Conditions with the format Severity, or Reputation with the format Instant.',
  },
  heatmap: { title: 'An alert rule needs numbers', text: 'Choose the format Instant.' },
  histogram: { title: 'An alert rule needs numbers', text: 'Choose the format Instant.' },
  annotations: {
    title: 'An alert rule needs numbers',
    text: 'Choose the format Severity, which says how grave each condition is.',
  },
};

export function QueryEditor({ datasource, query: given, onChange, onRunQuery, app, forAnnotations }: Props) {
  const id = useId();
  const query = complete(given, app);
  const type = queryTypeOf(query);
  const format = formatOf(query);
  const [showJson, setShowJson] = useState(false);

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
    // The editor of alert rules may lay a new, empty query over the one that was just completed: so it is done for each.
    // eslint-disable-next-line react-hooks/exhaustive-deps -- nothing else makes a row new
  }, [isNew, given]);

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

  const types = forAnnotations ? QUERY_TYPES.filter(({ formats }) => formats.includes('annotations')) : QUERY_TYPES;
  // Explore has no panel for a distribution, and would draw a line for each of its buckets.
  const isDrawn = (one: QueryFormat) => app !== CoreApp.Explore || one === format || !DISTRIBUTIONS.includes(one);
  const formats = FORMATS.filter(({ value }) => !forAnnotations && type?.formats.includes(value) && isDrawn(value));
  const notForAlerts = isAlerting(app) ? NOT_FOR_ALERTS[format] : undefined;

  return (
    <Stack direction="column" gap={0.5}>
      <EditorRow>
        <LabelledField label="Query type" inputId={`${id}-type`} width={220}>
          <Combobox
            id={`${id}-type`}
            options={types.map(({ value, label, description }) => ({ value, label, description }))}
            value={query.queryType}
            onChange={(option) =>
              change(
                forAnnotations
                  ? { ...withQueryType(query, option.value), format: 'annotations' }
                  : withQueryType(query, option.value, app)
              )
            }
          />
        </LabelledField>
        {lists(type, format, ['metrics', 'kinds']).map((list) => (
          <KnownPicker key={list} {...{ id, list, type, query, change, datasource }} />
        ))}
        {formats.length > 1 && (
          <EditorField label="Format">
            <RadioButtonGroup
              aria-label="Format"
              options={formats}
              value={format}
              onChange={(value) => change(withFormat(query, value))}
            />
          </EditorField>
        )}
      </EditorRow>
      <EditorRow>
        {usesNodes(query) && (
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
        )}
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
        {lists(type, format, ['actions', 'outcomes', 'groupBy']).map((list) => (
          <KnownPicker key={list} {...{ id, list, type, query, change, datasource }} />
        ))}
      </EditorRow>
      {notForAlerts && (
        <Alert severity="info" title={notForAlerts.title}>
          {notForAlerts.text}
        </Alert>
      )}
      {isAlerting(app) && !notForAlerts && <AlertHint query={query} format={format} />}
      {asksNothing(query) && (
        <Text color="secondary" variant="bodySmall">
          Choose a stream: nothing is asked for until then.
        </Text>
      )}
      {!type && (
        <Alert severity="error" title={`This version does not know the query type "${query.queryType}"`}>
          Choose another one, or update the plugin.
        </Alert>
      )}
      <div>
        <Button
          variant="secondary"
          fill="text"
          size="sm"
          icon={showJson ? 'angle-down' : 'angle-right'}
          aria-expanded={showJson}
          aria-controls={`${id}-json`}
          onClick={() => setShowJson(!showJson)}
        >
          Query as JSON
        </Button>
      </div>
      {showJson && <QueryJson id={`${id}-json`} query={query} />}
    </Stack>
  );
}

/** Of these lists those that the type has, in this format. */
function lists(type: QueryTypeChoice | undefined, format: QueryFormat, wanted: KnownList[]): KnownList[] {
  return wanted.filter((list) => {
    if (!type || !listOf(type, list)) {
      return false;
    }
    return list === 'metrics' ? usesMetrics(type, format) : list === 'groupBy' ? usesGroups(type, format) : true;
  });
}

interface KnownPickerProps {
  id: string;
  list: KnownList;
  type: QueryTypeChoice | undefined;
  query: StorjQuery;
  change: (query: StorjQuery) => void;
  datasource: StorjDataSource;
}

/** One of the lists whose entries are known beforehand. */
function KnownPicker({ id, list, type, query, change, datasource }: KnownPickerProps) {
  const offered = listOf(type, list);
  if (!offered) {
    return null;
  }
  const inputId = `${id}-${list}`;
  const choose = (chosen: string[]) => {
    // The total stands alone: what was chosen last counts.
    const total = chosen.indexOf('total');
    const alone = total === chosen.length - 1 ? ['total'] : chosen.filter((entry) => entry !== 'total');
    change({ ...query, [list]: list === 'groupBy' && total >= 0 ? alone : chosen });
  };
  return (
    <LabelledField label={offered.label} inputId={inputId} width={WIDTHS[list] ?? 260} tooltip={offered.tooltip}>
      <NamePicker
        id={inputId}
        labelId={labelIdOf(inputId)}
        value={query[list]}
        onChange={choose}
        load={offered.choices}
        variables={datasource.variableNames}
        placeholder={offered.all}
      />
    </LabelledField>
  );
}

/** What the rule's condition has to look for. */
function AlertHint({ query, format }: { query: StorjQuery; format: QueryFormat }) {
  let hint: string | undefined;
  if (worseWhenLow(query)) {
    hint = 'This becomes lower as things get worse: let the condition fire when it is below a number.';
  } else if (query.queryType === 'conditions' && format === 'severity') {
    hint = 'A warning is 2, what is critical is 3: let the condition fire when it is above 1, or above 2.';
  }
  return hint ? (
    <Text color="secondary" variant="bodySmall">
      {hint}
    </Text>
  ) : null;
}
