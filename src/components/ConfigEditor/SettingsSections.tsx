import React from 'react';
import { ConfigSection, ConfigSubSection } from '@grafana/plugin-ui';
import { Field, Switch } from '@grafana/ui';

import {
  API_PORT,
  BACKFILL_HOURS,
  BACKGROUND_TIMEOUT,
  type Bounds,
  DEFAULT_THRESHOLDS,
  EVENT_DAYS,
  FLUSH,
  HOUR_DAYS,
  IDLE_STOP,
  INTERACTIVE_TIMEOUT,
  MAX_FUTURE,
  MAX_PAST,
  MEMORY_LIMIT,
  MINUTE_HOURS,
  PAYOUTS_INTERVAL,
  RAW_DAYS,
  ROLLUP_DAYS,
  SCORES_INTERVAL,
  SEAL,
  SIZE_DAYS,
  STATUS_INTERVAL,
  TEN_MINUTE_DAYS,
  withKey,
} from '../../settings';
import { type PollIntervals, type Retention, type StoreLimits, type StorjOptions } from '../../types';
import { NumberSetting } from './NumberSetting';
import { SettingsGrid } from './SettingsGrid';
import { ThresholdSettings } from './ThresholdSettings';

/** The sections of numbers and switches: polling, logs, thresholds, retention and memory, security. */

export interface SectionProps {
  id: string;
  jsonData: StorjOptions;
  readOnly: boolean;
  set: (part: Partial<StorjOptions>) => void;
}

interface NumberField<T> {
  key: keyof T;
  label: string;
  description: string;
  unit: string;
  bounds: Bounds;
}

const POLLS: Array<NumberField<PollIntervals>> = [
  {
    key: 'statusSeconds',
    label: 'Status and disk',
    description: 'Whether the node is there, its version, its space.',
    unit: 's',
    bounds: STATUS_INTERVAL,
  },
  {
    key: 'scoresSeconds',
    label: 'Scores',
    description: 'New scores reach a node only every 4 hours.',
    unit: 's',
    bounds: SCORES_INTERVAL,
  },
  {
    key: 'payoutsSeconds',
    label: 'Payouts',
    description: 'The estimated payout of the month.',
    unit: 's',
    bounds: PAYOUTS_INTERVAL,
  },
];

const POLLED: Array<NumberField<Retention>> = [
  {
    key: 'rawDays',
    label: 'Keep values as polled',
    description: 'Scores, disk and the like, every value as the node gave it.',
    unit: 'days',
    bounds: RAW_DAYS,
  },
  {
    key: 'rollupDays',
    label: 'Keep hours and days',
    description: 'The worst and last value of each.',
    unit: 'days',
    bounds: ROLLUP_DAYS,
  },
];

const LOGGED: Array<NumberField<Retention>> = [
  {
    key: 'minuteHours',
    label: 'Keep traffic by the minute',
    description: 'What the log says, in the finest steps.',
    unit: 'hours',
    bounds: MINUTE_HOURS,
  },
  {
    key: 'tenMinuteDays',
    label: 'Keep traffic by ten minutes',
    description: 'The same, coarser and longer.',
    unit: 'days',
    bounds: TEN_MINUTE_DAYS,
  },
  {
    key: 'hourDays',
    label: 'Keep traffic by the hour and day',
    description: 'The same, for long.',
    unit: 'days',
    bounds: HOUR_DAYS,
  },
  {
    key: 'sizeDays',
    label: 'Keep sizes of pieces',
    description: 'How large the transferred pieces were.',
    unit: 'days',
    bounds: SIZE_DAYS,
  },
  {
    key: 'eventDays',
    label: 'Keep events',
    description: 'Errors, failed audits, restarts and the like, each with its time.',
    unit: 'days',
    bounds: EVENT_DAYS,
  },
];

const STORE: Array<NumberField<StoreLimits>> = [
  {
    key: 'maxFutureMinutes',
    label: 'Lines from the future',
    description: 'A log line that is further ahead of the clock is not counted.',
    unit: 'min',
    bounds: MAX_FUTURE,
  },
  {
    key: 'maxPastDays',
    label: 'Lines from the past',
    description: 'What is older is not taken into the history. 0: everything that is still kept.',
    unit: 'days',
    bounds: MAX_PAST,
  },
  {
    key: 'flushMilliseconds',
    label: 'Write to the disk every',
    description: 'A crash costs at most that, and the log is read again from there.',
    unit: 'ms',
    bounds: FLUSH,
  },
  {
    key: 'sealMinutes',
    label: 'Pack what was written after',
    description: 'Shorter saves memory, longer saves disk writes.',
    unit: 'min',
    bounds: SEAL,
  },
];

/** A section in which something is not as by default is open from the start. */
function isSet(...values: unknown[]): boolean {
  return values.some((value) => value !== undefined);
}

interface GroupProps<K extends 'pollIntervals' | 'retention' | 'store'> extends SectionProps {
  group: K;
  fields: Array<NumberField<NonNullable<StorjOptions[K]>>>;
}

function NumberFields<K extends 'pollIntervals' | 'retention' | 'store'>(props: GroupProps<K>) {
  const { id, jsonData, readOnly, set, group, fields } = props;
  const value = jsonData[group] as Record<string, number | undefined> | undefined;
  return (
    <SettingsGrid>
      {fields.map(({ key, bounds, ...words }) => (
        <NumberSetting
          key={String(key)}
          id={`${id}-${group}-${String(key)}`}
          {...words}
          value={value?.[String(key)]}
          bounds={bounds}
          disabled={readOnly}
          onChange={(next) => set({ [group]: withKey(value, String(key), next) })}
        />
      ))}
    </SettingsGrid>
  );
}

/** How the nodes' APIs are found and asked. */
export function PollingSection(props: SectionProps) {
  const { id, jsonData, readOnly, set } = props;
  const interactive = jsonData.interactiveTimeoutSeconds ?? INTERACTIVE_TIMEOUT.preset;
  const background = jsonData.backgroundTimeoutSeconds ?? BACKGROUND_TIMEOUT.preset;
  return (
    <ConfigSection
      title="Polling"
      description="How each node’s API is found, and how often it is asked."
      isCollapsible
      isInitiallyOpen={isSet(
        jsonData.pollIntervals,
        jsonData.apiPort,
        jsonData.interactiveTimeoutSeconds,
        jsonData.backgroundTimeoutSeconds,
        jsonData.idleStopDays
      )}
    >
      <NumberFields {...props} group="pollIntervals" fields={POLLS} />
      <SettingsGrid>
        <NumberSetting
          id={`${id}-api-port`}
          label="API port"
          description="Tried where a node has no API address."
          value={jsonData.apiPort}
          bounds={API_PORT}
          disabled={readOnly}
          onChange={(apiPort) => set({ apiPort })}
        />
        <NumberSetting
          id={`${id}-interactive`}
          label="Time-out while somebody waits"
          description="Save & test, and what a panel asks directly."
          unit="s"
          value={jsonData.interactiveTimeoutSeconds}
          bounds={INTERACTIVE_TIMEOUT}
          disabled={readOnly}
          onChange={(interactiveTimeoutSeconds) => set({ interactiveTimeoutSeconds })}
        />
        <NumberSetting
          id={`${id}-background`}
          label="Time-out in the background"
          description="A busy node answers slowly; it is not dead."
          unit="s"
          value={jsonData.backgroundTimeoutSeconds}
          bounds={BACKGROUND_TIMEOUT}
          disabled={readOnly}
          problem={
            background < interactive
              ? `This may not be less than the time-out while somebody waits, which is ${interactive} s.`
              : undefined
          }
          onChange={(backgroundTimeoutSeconds) => set({ backgroundTimeoutSeconds })}
        />
        <NumberSetting
          id={`${id}-idle`}
          label="Stop when nobody asks for"
          description="Collecting goes on without any dashboard open. After this time without a single query it stops; the data stays."
          unit="days"
          value={jsonData.idleStopDays}
          bounds={IDLE_STOP}
          disabled={readOnly}
          onChange={(idleStopDays) => set({ idleStopDays })}
        />
      </SettingsGrid>
    </ConfigSection>
  );
}

/** How much of a log is read when its node is new. */
export function LogsSection({ id, jsonData, readOnly, set }: SectionProps) {
  return (
    <ConfigSection
      title="Logs"
      description="How much is read of what a log holds from before its node was added."
      isCollapsible
      isInitiallyOpen={isSet(jsonData.backfillHours)}
    >
      <SettingsGrid>
        <NumberSetting
          id={`${id}-backfill`}
          label="Read back"
          description="0 reads only what comes from now on, -1 reads all that is there."
          unit="hours"
          value={jsonData.backfillHours}
          bounds={BACKFILL_HOURS}
          disabled={readOnly}
          onChange={(backfillHours) => set({ backfillHours })}
        />
      </SettingsGrid>
    </ConfigSection>
  );
}

/** From where on something is a warning or critical. */
export function ThresholdsSection({ id, jsonData, readOnly, set }: SectionProps) {
  return (
    <ConfigSection
      title="Thresholds"
      description="From where on something is a warning or critical, for all nodes. A node can have its own."
      isCollapsible
      isInitiallyOpen={isSet(jsonData.thresholds)}
    >
      <ThresholdSettings
        idPrefix={`${id}-threshold`}
        value={jsonData.thresholds}
        inherited={DEFAULT_THRESHOLDS}
        disabled={readOnly}
        onChange={(thresholds) => set({ thresholds })}
      />
    </ConfigSection>
  );
}

/** How long and how much is kept. */
export function RetentionSection(props: SectionProps) {
  const { id, jsonData, readOnly, set } = props;
  return (
    <ConfigSection
      title="Retention and memory"
      description="How long what is collected is kept, and how much memory it may take."
      isCollapsible
      isInitiallyOpen={isSet(jsonData.memoryLimitMiB, jsonData.retention, jsonData.store)}
    >
      <SettingsGrid>
        <NumberSetting
          id={`${id}-memory`}
          label="Memory for the history"
          description="Past it the oldest values as polled are dropped, and the checks say so. Hours and days go last."
          unit="MiB"
          value={jsonData.memoryLimitMiB}
          bounds={MEMORY_LIMIT}
          disabled={readOnly}
          onChange={(memoryLimitMiB) => set({ memoryLimitMiB })}
        />
      </SettingsGrid>
      <ConfigSubSection title="What the API says">
        <NumberFields {...props} group="retention" fields={POLLED} />
      </ConfigSubSection>
      <ConfigSubSection title="What the log says">
        <NumberFields {...props} group="retention" fields={LOGGED} />
      </ConfigSubSection>
      <ConfigSubSection
        title="Advanced"
        description="How the history is written. There is rarely a reason to change it."
        isCollapsible
        isInitiallyOpen={isSet(jsonData.store)}
      >
        <NumberFields {...props} group="store" fields={STORE} />
      </ConfigSubSection>
    </ConfigSection>
  );
}

/** Where this data source may ask. */
export function SecuritySection({ id, jsonData, readOnly, set }: SectionProps) {
  return (
    <ConfigSection
      title="Security"
      description="Where this data source may ask."
      isCollapsible
      isInitiallyOpen={isSet(jsonData.allowRemoteApi)}
    >
      <Field
        label="Allow APIs on other machines"
        description="Off: only APIs and debug ports on Grafana’s own machine are asked, whatever address a node has."
        htmlFor={`${id}-remote`}
        disabled={readOnly}
        noMargin
      >
        <Switch
          id={`${id}-remote`}
          value={jsonData.allowRemoteApi ?? true}
          onChange={({ currentTarget }) => set({ allowRemoteApi: currentTarget.checked })}
        />
      </Field>
    </ConfigSection>
  );
}
