import { css } from '@emotion/css';
import React, { type PropsWithChildren } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

/** Settings side by side where there is room, below each other on a phone. */
export function SettingsGrid({ children }: PropsWithChildren) {
  const styles = useStyles2(getStyles);
  return <div className={styles.grid}>{children}</div>;
}

const getStyles = (theme: GrafanaTheme2) => ({
  grid: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 300px), 1fr))',
    columnGap: theme.spacing(4),
    maxWidth: 1000,
    '& > *': { marginBottom: theme.spacing(2.5) },
  }),
});
