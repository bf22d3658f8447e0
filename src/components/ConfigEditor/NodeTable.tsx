import { css, cx } from '@emotion/css';
import React, { Fragment, useId, useState } from 'react';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { Badge, Button, FilterInput, IconButton, Spinner, useStyles2 } from '@grafana/ui';

import { gravest, sameEntry, shownNode } from '../../settings';
import { type Check, type NodeEntry, type NodeSettings } from '../../types';
import { CheckList, CheckSummary, summaryText } from './Checks';
import { type Health } from './useHealth';

interface Props {
  nodes: NodeEntry[];
  health: Health;
  readOnly: boolean;
  onEdit: (index: number) => void;
  onRemove: (index: number) => void;
}

/** With fewer nodes than this nobody needs to search. */
const MANY = 12;

/** The nodes, each with where its data comes from and what the last check found. */
export function NodeTable({ nodes, health, readOnly, onEdit, onRemove }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [opened, setOpened] = useState<Record<string, boolean>>({});
  const [wanted, setWanted] = useState('');

  const rows = nodes
    .map((entry, index) => ({ entry, index, node: shownNode(entry) }))
    .filter(({ node }) => matches(node, wanted));

  return (
    <>
      {nodes.length >= MANY && (
        <div className={styles.filter}>
          <FilterInput
            placeholder="Find a node"
            aria-label="Find a node"
            value={wanted}
            onChange={setWanted}
            escapeRegex={false}
          />
        </div>
      )}
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Log</th>
            <th scope="col">API</th>
            <th scope="col">Checks</th>
            {!readOnly && (
              <th scope="col">
                <span className={styles.onlySpoken}>Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ entry, index, node }) => {
            const unsaved = !health.nodes.some((saved) => sameEntry(saved, entry));
            const checks = unsaved ? [] : checksOf(node.name, health);
            const grave = ['warning', 'error'].includes(gravest(checks.map((check) => check.status)));
            const open = checks.length > 0 && (opened[node.name] ?? grave);
            const checksId = `${id}-checks-${index}`;
            return (
              <Fragment key={index}>
                <tr className={cx(open && styles.opened)}>
                  <th scope="row" className={styles.name}>
                    <span className={styles.nameText}>{node.name || 'Without a name'}</span>
                    <Marks node={node} />
                  </th>
                  <td data-label="Log" className={styles.address}>
                    {node.log || <span className={styles.quiet}>none, only the API</span>}
                  </td>
                  <td data-label="API" className={styles.address}>
                    {node.api || <span className={styles.quiet}>found by itself</span>}
                  </td>
                  <td data-label="Checks">
                    {checks.length > 0 ? (
                      <Button
                        variant="secondary"
                        fill="text"
                        size="sm"
                        className={styles.toggle}
                        icon={open ? 'angle-down' : 'angle-right'}
                        aria-expanded={open}
                        aria-controls={checksId}
                        aria-label={`Checks of ${node.name}: ${summaryText(checks)}`}
                        onClick={() => setOpened({ ...opened, [node.name]: !open })}
                      >
                        <CheckSummary checks={checks} />
                      </Button>
                    ) : (
                      <Unchecked health={health} unsaved={unsaved} />
                    )}
                  </td>
                  {!readOnly && (
                    <td className={styles.actions}>
                      <IconButton name="pen" tooltip={`Edit ${node.name}`} onClick={() => onEdit(index)} />
                      <IconButton name="trash-alt" tooltip={`Remove ${node.name}`} onClick={() => onRemove(index)} />
                    </td>
                  )}
                </tr>
                {open && (
                  <tr id={checksId} className={styles.checks}>
                    <td colSpan={readOnly ? 4 : 5}>
                      <CheckList checks={checks} label={`Checks of ${node.name}`} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
      {rows.length === 0 && <p className={styles.quiet}>No node’s name, log or API contains “{wanted}”.</p>}
    </>
  );
}

function Unchecked({ health, unsaved }: { health: Health; unsaved: boolean }) {
  const styles = useStyles2(getStyles);
  if (unsaved) {
    return <span className={styles.quiet}>not saved yet</span>;
  }
  if (health.phase === 'asking') {
    return (
      <span className={styles.quiet}>
        <Spinner inline /> checking…
      </span>
    );
  }
  return <span className={styles.quiet}>not checked</span>;
}

function Marks({ node }: { node: NodeSettings }) {
  const styles = useStyles2(getStyles);
  const [now] = useState(Date.now);
  const until = node.maintenanceUntil ?? '';
  const maintenance = Date.parse(until) > now;
  const muted = Object.keys(node.mutedSatellites ?? {});
  if (!node.retired && !maintenance && muted.length === 0 && !node.thresholds) {
    return null;
  }
  return (
    <span className={styles.marks}>
      {node.retired && <Badge color="blue" text="retired" />}
      {maintenance && (
        <Badge color="orange" text={`in maintenance until ${dateTimeFormat(until, { format: 'YYYY-MM-DD HH:mm' })}`} />
      )}
      {muted.length > 0 && <Badge color="purple" text={`muted: ${muted.join(', ')}`} />}
      {node.thresholds && <Badge color="blue" text="own thresholds" />}
    </span>
  );
}

function checksOf(name: string, health: Health): Check[] {
  return health.answer?.details?.checks?.filter((check) => check.node !== '' && check.node === name) ?? [];
}

function matches(node: NodeSettings, wanted: string): boolean {
  const text = wanted.trim().toLowerCase();
  return [node.name, node.log, node.api].some((part) => (part ?? '').toLowerCase().includes(text));
}

const getStyles = (theme: GrafanaTheme2) => ({
  filter: css({ maxWidth: 300, marginBottom: theme.spacing(1) }),
  table: css({
    width: '100%',
    'th, td': { padding: theme.spacing(1), textAlign: 'left', verticalAlign: 'top' },
    thead: {
      borderBottom: `1px solid ${theme.colors.border.medium}`,
      th: { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightMedium, whiteSpace: 'nowrap' },
    },
    'tbody tr': { borderBottom: `1px solid ${theme.colors.border.weak}` },
    // On a phone every row becomes a card, and each cell says what it is.
    [theme.breakpoints.down('md')]: {
      thead: { position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)' },
      '&, tbody, tr, th, td': { display: 'block' },
      'tbody tr': { position: 'relative', padding: theme.spacing(1, 0) },
      'tbody th, tbody td': { padding: theme.spacing(0.5, 0) },
      'td[data-label]': { display: 'flex', gap: theme.spacing(1) },
      'td[data-label]::before': {
        content: 'attr(data-label)',
        flex: `0 0 ${theme.spacing(8)}`,
        color: theme.colors.text.secondary,
      },
    },
  }),
  opened: css({ '&&': { borderBottom: 'none' } }),
  name: css({
    fontWeight: theme.typography.fontWeightMedium,
    [theme.breakpoints.down('md')]: { paddingRight: theme.spacing(8) },
  }),
  nameText: css({ overflowWrap: 'anywhere' }),
  marks: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.5), marginTop: theme.spacing(0.5) }),
  address: css({ overflowWrap: 'anywhere' }),
  onlySpoken: css({ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)' }),
  quiet: css({ color: theme.colors.text.secondary }),
  toggle: css({ marginLeft: theme.spacing(-1), color: theme.colors.text.primary, whiteSpace: 'nowrap' }),
  actions: css({
    whiteSpace: 'nowrap',
    width: 1,
    [theme.breakpoints.down('md')]: { position: 'absolute', top: theme.spacing(1), right: 0, width: 'auto' },
  }),
  checks: css({
    '&& > td': {
      padding: theme.spacing(1.5, 2),
      background: theme.colors.background.secondary,
      borderRadius: theme.shape.radius.default,
    },
  }),
});
