import { css } from '@emotion/css';
import React, { type PropsWithChildren } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

/** Settings side by side where there is room, below each other on a phone. */
export function SettingsGrid({ children, wide }: PropsWithChildren<{ wide?: boolean }>) {
  const styles = useStyles2(getStyles, wide);
  return <div className={styles.grid}>{children}</div>;
}

const getStyles = (theme: GrafanaTheme2, wide = false) => ({
  grid: css({
    display: 'grid',
    gridTemplateColumns: `repeat(auto-fill, minmax(min(100%, ${wide ? 400 : 290}px), 1fr))`,
    columnGap: theme.spacing(4),
    maxWidth: 1000,
    // Above the field's own margin.
    '&& > *': { marginBottom: theme.spacing(2.5) },
  }),
});
