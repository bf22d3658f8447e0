import { css } from '@emotion/css';
import React from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

import { THRESHOLDS, withKey } from '../../settings';
import { type Thresholds } from '../../types';
import { NumberSetting } from './NumberSetting';
import { SettingsGrid } from './SettingsGrid';

interface Props {
  idPrefix: string;
  value: Thresholds | undefined;
  /** What holds where a field is empty. */
  inherited: Required<Thresholds>;
  disabled?: boolean;
  onChange: (value: Thresholds | undefined) => void;
}

interface Threshold {
  key: keyof Thresholds;
  label: string;
  /** The satellites' own limit, or what the number means. */
  limit: string;
  unit?: string;
}

const GROUPS: Array<{ title: string; limit: string; fields: Threshold[] }> = [
  {
    title: 'Audits',
    limit: 'A satellite disqualifies at an audit score of 96 % or below, at once and for ever.',
    fields: [
      {
        key: 'auditRiskWarning',
        label: 'Audit score: warning below',
        limit: 'Of a full score each failed audit takes 0.1 points; 41 in a row are the end.',
        unit: '%',
      },
      {
        key: 'auditRiskFalling',
        label: 'Audit score: critical while it falls, below',
        limit: 'From 98 % it takes 21 more failed audits in a row.',
        unit: '%',
      },
      {
        key: 'auditRiskCritical',
        label: 'Audit score: critical in any case, below',
        limit: 'From 97 % it takes 11 more; at 96 % the node is disqualified.',
        unit: '%',
      },
      {
        key: 'auditsFailedCritical',
        label: 'Failed audits: critical from',
        limit: 'So many in one hour. A single one is a warning.',
        unit: '/ h',
      },
      {
        key: 'auditSlowSeconds',
        label: 'Slow audit: longer than',
        limit: 'A satellite gives up after some minutes, and asks up to three times more.',
        unit: 's',
      },
      {
        key: 'auditsCanceledPercent',
        label: 'Canceled audits: slow from',
        limit: 'Of those of an hour, at INFO, where a slow audit cannot be seen itself.',
        unit: '%',
      },
      {
        key: 'auditsCanceledTimes',
        label: 'Canceled audits: as many as usual times',
        limit: 'Some are canceled always, about 8 %.',
      },
      {
        key: 'auditsCanceledLeast',
        label: 'Canceled audits: of at least',
        limit: 'So many audits in the hour. Of fewer, the share says little.',
        unit: 'audits',
      },
      {
        key: 'auditWarning',
        label: 'Audit score: low below',
        limit: 'As other monitors have it. A satellite has acted long before: the limit is 96 %.',
        unit: '%',
      },
      {
        key: 'auditCritical',
        label: 'Audit score: very low below',
        limit: 'The same, critical. At most the number before.',
        unit: '%',
      },
    ],
  },
  {
    title: 'Suspension score',
    limit: 'A satellite suspends at 60 % or below, which is 10 unknown audit errors in a row from full.',
    fields: [
      {
        key: 'suspensionRiskWarning',
        label: 'Suspension score: warning below',
        limit: 'Suspended at 60 %. One unknown error takes 5 points of a full score.',
        unit: '%',
      },
      {
        key: 'suspensionRiskCritical',
        label: 'Suspension score: critical below',
        limit: 'Suspended at 60 %. From 80 % it takes 6 more unknown errors in a row.',
        unit: '%',
      },
      {
        key: 'suspensionCritical',
        label: 'Suspension score: suspended below',
        limit: 'The satellites’ limit itself, which is 60 %.',
        unit: '%',
      },
    ],
  },
  {
    title: 'Being online',
    limit: 'A satellite suspends below an online score of 60 %. Each day offline costs 3.3 points, for 30 days.',
    fields: [
      {
        key: 'onlineWarning',
        label: 'Online score: warning below',
        limit: 'Suspended below 60 %. At 95 % the node was offline for a day and a half.',
        unit: '%',
      },
      {
        key: 'onlineRiskCritical',
        label: 'Online score: critical below',
        limit: 'Suspended below 60 %. At 70 % three days are left.',
        unit: '%',
      },
      {
        key: 'downtimeLeftDays',
        label: 'Downtime left: critical below',
        limit: 'A full score leaves 12 days.',
        unit: 'days',
      },
      {
        key: 'unreachableWarningMinutes',
        label: 'Unreachable: warning after',
        limit: 'Neither its API answers nor its log moves.',
        unit: 'min',
      },
      {
        key: 'unreachableCriticalMinutes',
        label: 'Unreachable: critical after',
        limit: 'At most 12 days in 30 until a suspension.',
        unit: 'min',
      },
      {
        key: 'noContactWarningHours',
        label: 'No contact: warning after',
        limit: 'No satellite has reached the node, though it runs.',
        unit: 'h',
      },
      {
        key: 'noContactCriticalHours',
        label: 'No contact: critical after',
        limit: 'After 30 days a satellite gives the node up.',
        unit: 'h',
      },
    ],
  },
  {
    title: 'Running',
    limit: 'A node that stops is offline, and one that is too old gets no new pieces.',
    fields: [
      {
        key: 'nodeStoppedMinutes',
        label: 'Stopped by itself: critical after',
        limit: 'With a FATAL line, and not started since.',
        unit: 'min',
      },
      {
        key: 'restartLoopStarts',
        label: 'Restart loop: critical from',
        limit: 'So many starts within the time beside it.',
        unit: 'starts',
      },
      {
        key: 'restartLoopMinutes',
        label: 'Restart loop: within',
        limit: 'It clears an hour after the last start.',
        unit: 'min',
      },
      {
        key: 'apiSlowInfoMinutes',
        label: 'API does not answer: info after',
        limit: 'The node runs: its log moves.',
        unit: 'min',
      },
      {
        key: 'apiSlowWarningMinutes',
        label: 'API does not answer: warning after',
        limit: 'Scores, contact and disk are not seen meanwhile.',
        unit: 'min',
      },
      {
        key: 'quicHours',
        label: 'QUIC misconfigured: info after',
        limit: 'Customers that use UDP do not reach the node; satellites do.',
        unit: 'h',
      },
      {
        key: 'versionBehindDays',
        label: 'Older than another node: info after',
        limit: 'Below the satellites’ minimum it is critical at once.',
        unit: 'days',
      },
    ],
  },
  {
    title: 'Log, traffic and clock',
    limit: 'What a satellite does not judge, but what is seen there first.',
    fields: [
      {
        key: 'logSilentMinutes',
        label: 'Silent log: after',
        limit: 'Or three times its longest pause of the last week, if that is more.',
        unit: 'min',
      },
      { key: 'noTrafficHours', label: 'No traffic: after', limit: 'Not a single transfer.', unit: 'h' },
      {
        key: 'uploadRejectedPercent',
        label: 'Rejected uploads: info above',
        limit: 'In an hour. The node itself refuses them, because too many are under way.',
        unit: '%',
      },
      {
        key: 'uploadRejectedWarningPercent',
        label: 'Rejected uploads: warning above',
        limit: 'In each of 6 hours in a row.',
        unit: '%',
      },
      {
        key: 'uploadRejectedLeast',
        label: 'Rejected uploads: more than',
        limit: 'In an hour. Up to so many say nothing, whatever their share.',
        unit: 'uploads',
      },
      {
        key: 'ordersWarningHours',
        label: 'Orders not settled: warning after',
        limit: 'They expire after a day or two, and their traffic is then not paid.',
        unit: 'h',
      },
      {
        key: 'ordersCriticalHours',
        label: 'Orders not settled: critical after',
        limit: 'After 48 hours they are lost.',
        unit: 'h',
      },
      {
        key: 'latencyInfoSeconds',
        label: 'Slow transfers: info from',
        limit: 'For the slowest hundredth of 15 minutes. A customer’s has lost its race long before.',
        unit: 's',
      },
      {
        key: 'latencyWarningSeconds',
        label: 'Slow transfers: warning from',
        limit: 'For the slowest hundredth of 15 minutes.',
        unit: 's',
      },
      {
        key: 'clockSkewSeconds',
        label: 'Clock: off by more than',
        limit: 'As the node says at its start, or as the times in its log show.',
        unit: 's',
      },
    ],
  },
  {
    title: 'Disk',
    limit: 'Of the space that is allocated to the node.',
    fields: [
      {
        key: 'diskWarningPercent',
        label: 'Disk in use: warning above',
        limit: 'A full node earns no more.',
        unit: '%',
      },
      {
        key: 'diskCriticalPercent',
        label: 'Disk in use: critical above',
        limit: 'Compactions need room too.',
        unit: '%',
      },
      {
        key: 'diskFreeGB',
        label: 'Free on the disk: critical below',
        limit: 'Where the node may still use more: the disk has less than what is allocated.',
        unit: 'GB',
      },
      {
        key: 'diskFreePercent',
        label: 'Free on the disk: or below',
        limit: 'The larger one counts.',
        unit: '%',
      },
      {
        key: 'diskOverusedHours',
        label: 'More used than allocated: warning after',
        limit: 'It takes no uploads meanwhile.',
        unit: 'h',
      },
      {
        key: 'diskTrashPercent',
        label: 'Trash: warning above',
        limit: 'Of what is used. It takes space and earns nothing.',
        unit: '%',
      },
      {
        key: 'diskTrashDays',
        label: 'Trash: warning after',
        limit: 'It is kept for 7 days: more that is there for longer stays.',
        unit: 'days',
      },
    ],
  },
];

const WORDS = Object.fromEntries(GROUPS.flatMap(({ fields }) => fields.map(({ key, label }) => [key, label])));

/** From where on something is wrong, each with the satellites' own limit beside it. */
export function ThresholdSettings({ idPrefix, value, inherited, disabled, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const inForce = { ...inherited, ...value };
  return (
    <>
      {GROUPS.map(({ title, limit, fields }) => (
        <fieldset key={title} className={styles.group}>
          <legend>{title}</legend>
          <p>{limit}</p>
          <SettingsGrid>
            {fields.map((field) => {
              const bounds = THRESHOLDS[field.key];
              const other = bounds.notAbove;
              const above = other && inForce[field.key] > inForce[other];
              return (
                <NumberSetting
                  key={field.key}
                  id={`${idPrefix}-${field.key}`}
                  label={field.label}
                  description={field.limit}
                  unit={field.unit}
                  value={value?.[field.key]}
                  bounds={{ ...bounds, preset: inherited[field.key] }}
                  disabled={disabled}
                  problem={
                    above ? `This may not be more than “${WORDS[other]}”, which is ${inForce[other]}.` : undefined
                  }
                  onChange={(next) => onChange(withKey(value, field.key, next))}
                />
              );
            })}
          </SettingsGrid>
        </fieldset>
      ))}
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  group: css({
    marginBottom: theme.spacing(2),
    legend: { ...theme.typography.h6, marginBottom: theme.spacing(0.5) },
    p: { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize },
  }),
});
