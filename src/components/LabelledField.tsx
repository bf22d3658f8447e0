import { css } from '@emotion/css';
import React, { type ReactElement } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { Field, Icon, Tooltip, useStyles2 } from '@grafana/ui';

interface Props {
  /** Of the input; the label's own id is made from it, see labelIdOf. */
  inputId: string;
  label: string;
  tooltip?: string;
  /** How wide it becomes where there is room, in pixels; it shrinks on a phone. */
  width: number;
  children: ReactElement<Record<string, unknown>>;
}

/**
 * A field of the query editor, in the look of Grafana's own. The label has an id, because the
 * MultiCombobox of Grafana 12.2 drops the input's, so that only aria-labelledby gives it a name.
 */
export function LabelledField({ inputId, label, tooltip, width, children }: Props) {
  const styles = useStyles2(getStyles, width);
  return (
    <div className={styles.field}>
      <Field
        noMargin
        label={
          <div className={styles.label}>
            <label id={labelIdOf(inputId)} htmlFor={inputId}>
              {label}
            </label>
            {tooltip && (
              <Tooltip content={tooltip}>
                <Icon name="info-circle" size="sm" tabIndex={0} />
              </Tooltip>
            )}
          </div>
        }
      >
        {children}
      </Field>
    </div>
  );
}

export function labelIdOf(inputId: string): string {
  return `${inputId}-label`;
}

const getStyles = (theme: GrafanaTheme2, width: number) => ({
  field: css({ flex: `0 1 ${width}px`, minWidth: 'min(100%, 200px)', maxWidth: '100%' }),
  label: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.75),
    marginBottom: theme.spacing(0.5),
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    svg: { color: theme.colors.text.secondary },
    label: { margin: 0 },
  }),
});
