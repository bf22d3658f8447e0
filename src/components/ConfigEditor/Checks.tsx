import { css, cx } from '@emotion/css';
import React from 'react';
import { type GrafanaTheme2, type IconName } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';

import { gravest } from '../../settings';
import { type Check, type CheckStatus } from '../../types';

const ICONS: Record<CheckStatus, IconName> = {
  ok: 'check-circle',
  info: 'info-circle',
  warning: 'exclamation-triangle',
  error: 'times-circle',
};

const STATUS_WORDS: Record<CheckStatus, string> = { ok: 'OK', info: 'Note', warning: 'Warning', error: 'Error' };

const CHECK_WORDS: Record<string, string> = {
  alert_rules: 'Alert rules',
  api: 'API',
  clock: 'Clock',
  data_folder: 'Data folder',
  log_age: 'Age of the last line',
  log_level: 'Log level',
  log_lines: 'Log lines',
  log_path: 'Log path',
  log_readable: 'Log readable',
  same_node: 'Same node',
  settings: 'Settings',
  store: 'Store',
};

/** What was checked, what came of it, and what to do about it. */
export function CheckList({ checks, label }: { checks: Check[]; label: string }) {
  const styles = useStyles2(getStyles);
  return (
    <ul className={styles.list} aria-label={label}>
      {checks.map((check, index) => (
        <li key={index} className={styles.item}>
          <StatusIcon status={check.status} />
          <div className={styles.text}>
            <strong className={styles.name}>{checkWords(check.check)}</strong>
            <span>{check.message}</span>
            {check.mend && <span className={styles.mend}>What to do: {check.mend}</span>}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** All checks of a node in a few words. */
export function CheckSummary({ checks }: { checks: Check[] }) {
  const styles = useStyles2(getStyles);
  return (
    <span className={styles.summary}>
      <StatusIcon status={gravest(checks.map((check) => check.status))} hidden />
      {summaryText(checks)}
    </span>
  );
}

export function summaryText(checks: Check[]): string {
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  const parts = [plural(count('error'), 'error'), plural(count('warning'), 'warning')].filter(Boolean);
  if (parts.length > 0) {
    return parts.join(', ');
  }
  const notes = plural(count('info'), 'note');
  return notes ? `Checks passed, ${notes}` : 'Checks passed';
}

function plural(count: number, word: string): string {
  return count === 0 ? '' : `${count} ${word}${count === 1 ? '' : 's'}`;
}

function checkWords(check: string): string {
  const words = check.replace(/_/g, ' ');
  return CHECK_WORDS[check] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

export function StatusIcon({ status, hidden }: { status: CheckStatus; hidden?: boolean }) {
  const styles = useStyles2(getStyles);
  const known = status in ICONS ? status : 'info';
  // Where the words beside it say the same, the icon is only for the eye.
  return (
    <span
      className={cx(styles.icon, styles[known])}
      {...(hidden ? { 'aria-hidden': true } : { role: 'img', 'aria-label': STATUS_WORDS[known] })}
    >
      <Icon name={ICONS[known]} />
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    listStyle: 'none',
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    margin: 0,
  }),
  item: css({ display: 'flex', gap: theme.spacing(1), alignItems: 'flex-start' }),
  text: css({ display: 'flex', flexWrap: 'wrap', columnGap: theme.spacing(1), minWidth: 0, overflowWrap: 'anywhere' }),
  name: css({ fontWeight: theme.typography.fontWeightMedium }),
  mend: css({ flexBasis: '100%', color: theme.colors.text.secondary }),
  summary: css({ display: 'inline-flex', alignItems: 'center', gap: theme.spacing(0.75) }),
  icon: css({ display: 'inline-flex', flexShrink: 0, height: '1.5em', alignItems: 'center' }),
  ok: css({ color: theme.colors.success.text }),
  info: css({ color: theme.colors.info.text }),
  warning: css({ color: theme.colors.warning.text }),
  error: css({ color: theme.colors.error.text }),
});
