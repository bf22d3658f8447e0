import React from 'react';

import { withKey } from '../../settings';
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

const FIELDS: Array<{ key: keyof Thresholds; label: string; limit: string }> = [
  {
    key: 'auditWarning',
    label: 'Audit score: warning below',
    limit:
      'A satellite disqualifies at 96 % or below, at once and for ever. To be warned before that, choose more than 96, such as 99.5.',
  },
  {
    key: 'auditCritical',
    label: 'Audit score: critical below',
    limit: 'The satellite’s limit is 96 % or below. 98 leaves about 20 more failed audits in a row.',
  },
  {
    key: 'suspensionCritical',
    label: 'Suspension score: critical below',
    limit: 'A satellite suspends at 60 % or below, which is 10 unknown audit errors in a row from full.',
  },
  {
    key: 'onlineWarning',
    label: 'Online score: warning below',
    limit: 'A satellite suspends below 60 %. Each day offline costs 3.3 points, for 30 days.',
  },
];

/** The score limits, in percent, each with the satellites' own limit beside it. */
export function ThresholdSettings({ idPrefix, value, inherited, disabled, onChange }: Props) {
  const warning = value?.auditWarning ?? inherited.auditWarning;
  const critical = value?.auditCritical ?? inherited.auditCritical;
  return (
    <SettingsGrid wide>
      {FIELDS.map(({ key, label, limit }) => (
        <NumberSetting
          key={key}
          id={`${idPrefix}-${key}`}
          label={label}
          description={limit}
          unit="%"
          value={value?.[key]}
          bounds={{ min: 0, max: 100, preset: inherited[key] }}
          disabled={disabled}
          problem={
            key === 'auditCritical' && critical > warning
              ? `Critical may not be above the warning, which is ${warning}.`
              : undefined
          }
          onChange={(next) => onChange(withKey(value, key, next))}
        />
      ))}
    </SettingsGrid>
  );
}
