import { css } from '@emotion/css';
import React, { type ReactNode, useState } from 'react';
import { Field, Input, useStyles2 } from '@grafana/ui';

import { type Bounds, outOfBounds } from '../../settings';

interface Props {
  id: string;
  label: string;
  description?: ReactNode;
  unit?: string;
  value: number | undefined;
  bounds: Bounds;
  disabled?: boolean;
  /** A complaint that takes more than this number to see. */
  problem?: string;
  /** Undefined when the field is emptied: then the default holds. */
  onChange: (value: number | undefined) => void;
}

/** A number that has a default: the field is empty until somebody wants another one. */
export function NumberSetting({ id, label, description, unit, value, bounds, disabled, problem, onChange }: Props) {
  const styles = useStyles2(getStyles);
  // What is being typed, as "99." on the way to 99.5.
  const [typed, setTyped] = useState<string>();
  const error = outOfBounds(value, bounds) ?? problem;

  return (
    <Field
      className={styles.field}
      label={label}
      description={description}
      htmlFor={id}
      invalid={Boolean(error)}
      error={error}
      disabled={disabled}
      noMargin
    >
      <Input
        id={id}
        type="number"
        inputMode="decimal"
        min={bounds.min}
        max={bounds.max}
        step={bounds.whole ? 1 : 'any'}
        width={20}
        value={typed ?? value ?? ''}
        placeholder={String(bounds.preset)}
        suffix={unit}
        aria-invalid={Boolean(error)}
        onChange={({ currentTarget }) => {
          const text = currentTarget.value;
          setTyped(text);
          const number = text.trim() === '' ? undefined : Number(text);
          onChange(Number.isNaN(number) ? undefined : number);
        }}
        onBlur={() => setTyped(undefined)}
      />
    </Field>
  );
}

const getStyles = () => ({
  // Label and input sit on the rows of the grid around, so that the inputs of one line are level.
  field: css({
    display: 'grid',
    gridTemplateRows: 'subgrid',
    gridRow: 'span 2',
    rowGap: 0,
  }),
});
