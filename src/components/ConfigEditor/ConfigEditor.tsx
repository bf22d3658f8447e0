import { css } from '@emotion/css';
import React, { useId, useMemo, useState } from 'react';
import { type DataSourcePluginOptionsEditorProps, type GrafanaTheme2 } from '@grafana/data';
import { ConfigSection, DataSourceDescription } from '@grafana/plugin-ui';
import { Alert, Button, ConfirmModal, Divider, Icon, Spinner, useStyles2 } from '@grafana/ui';

import { fetchNodes, parseSpecs, problemText } from '../../backend';
import { API_PORT, DEFAULT_THRESHOLDS, shownNode, tidyNode } from '../../settings';
import { type Check, type NodeEntry, type NodeSettings, type StorjOptions } from '../../types';
import { AlertsSection, NOBODY_IS_TOLD } from './AlertsSection';
import { CheckList } from './Checks';
import { FindNodes } from './FindNodes';
import { NodeForm } from './NodeForm';
import { NodeTable } from './NodeTable';
import { PasteSpecs } from './PasteSpecs';
import {
  LogsSection,
  PollingSection,
  RetentionSection,
  type SectionProps,
  SecuritySection,
  ThresholdsSection,
} from './SettingsSections';
import { type Alerting, useAlerting } from './useAlerting';
import { type Health, useHealth } from './useHealth';

type Props = DataSourcePluginOptionsEditorProps<StorjOptions>;

const DOCS = 'https://github.com/storagenode-monitor/storagenode-monitor-datasource#readme';

type Dialog =
  | { kind: 'add' }
  | { kind: 'edit'; index: number; node: NodeSettings; notice?: string }
  | { kind: 'paste' }
  | { kind: 'find' }
  | { kind: 'remove'; index: number };

export function ConfigEditor({ options, onOptionsChange }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const { jsonData, uid, version } = options;
  const readOnly = Boolean(options.readOnly);
  const nodes = useMemo(() => jsonData.nodes ?? [], [jsonData.nodes]);
  const names = useMemo(() => nodes.map((entry) => shownNode(entry).name), [nodes]);
  const [dialog, setDialog] = useState<Dialog>();
  const health = useHealth(uid, version, nodes);
  const alerting = useAlerting(uid, version);
  const savedNames = useMemo(() => health.nodes.map((entry) => shownNode(entry).name), [health.nodes]);

  const set = (part: Partial<StorjOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...part } });
  const setNodes = (next: NodeEntry[]) => set({ nodes: next });
  const close = () => setDialog(undefined);

  const edit = async (index: number) => {
    const entry = nodes[index];
    if (typeof entry !== 'string') {
      setDialog({ kind: 'edit', index, node: entry });
      return;
    }
    // A provisioned spec string becomes an object when it is edited.
    const rough = shownNode(entry);
    try {
      const { nodes: read, problems } = await parseSpecs(uid, entry, []);
      const notice = problems.length > 0 ? `The spec cannot be read. ${problemText(problems[0])}` : undefined;
      setDialog({ kind: 'edit', index, node: read[0] ? tidyNode(read[0]) : rough, notice });
    } catch {
      setDialog({ kind: 'edit', index, node: rough });
    }
  };

  const replace = async (index: number, node: NodeSettings) => {
    close();
    const before = shownNode(nodes[index]).name;
    let next = node;
    if (before !== node.name && !node.key) {
      // The key that the back end made of the old name keeps the node's streams and files together.
      const known = await fetchNodes(uid).catch(() => []);
      const key = known.find(({ name }) => name === before)?.key;
      next = key ? { ...node, key } : node;
    }
    setNodes(nodes.map((entry, at) => (at === index ? next : entry)));
  };

  const thresholds = { ...DEFAULT_THRESHOLDS, ...jsonData.thresholds };
  const apiPort = jsonData.apiPort ?? API_PORT.preset;
  const section: SectionProps = { id, jsonData, readOnly, set };

  return (
    <div className={styles.editor}>
      <DataSourceDescription dataSourceName="Storj Node Monitor" docsLink={DOCS} hasRequiredFields={false} />
      <Divider />

      <ConfigSection
        title="Nodes"
        description="The storage nodes to watch. Save & test checks each of them and says what to do where something is wrong."
      >
        {nodes.length === 0 ? (
          <p className={styles.empty}>
            {readOnly
              ? 'No node is provisioned.'
              : 'No node yet. Find those near this Grafana, add one by hand, or paste the specs that you already have.'}
          </p>
        ) : (
          <NodeTable
            nodes={nodes}
            health={health}
            readOnly={readOnly}
            onEdit={edit}
            onRemove={(index) => setDialog({ kind: 'remove', index })}
          />
        )}
        <div className={styles.buttons}>
          {!readOnly && (
            <>
              <Button icon="plus" onClick={() => setDialog({ kind: 'add' })}>
                Add node
              </Button>
              <Button variant="secondary" icon="clipboard-alt" onClick={() => setDialog({ kind: 'paste' })}>
                Paste nodes
              </Button>
              <Button variant="secondary" icon="search" onClick={() => setDialog({ kind: 'find' })}>
                Find nodes
              </Button>
            </>
          )}
          {health.phase !== 'none' && (
            <Button
              variant="secondary"
              fill="outline"
              // Two elements: an icon whose name changes while it loads may keep the first picture.
              icon={health.phase === 'asking' ? <Spinner inline /> : <Icon name="sync" />}
              disabled={health.phase === 'asking'}
              onClick={health.ask}
            >
              Check again
            </Button>
          )}
        </div>
        <GeneralChecks health={health} alerting={alerting} />
      </ConfigSection>
      <Divider />

      <AlertsSection {...section} uid={uid} dataSource={options.name} names={savedNames} alerting={alerting} />
      <Divider />
      <ThresholdsSection {...section} />
      <Divider />
      <PollingSection {...section} />
      <Divider />
      <LogsSection {...section} />
      <Divider />
      <RetentionSection {...section} />
      <Divider />
      <SecuritySection {...section} />

      {dialog?.kind === 'add' && (
        <NodeForm
          uid={uid}
          otherNames={names}
          apiPort={apiPort}
          thresholds={thresholds}
          onDismiss={close}
          onSave={(node) => {
            close();
            setNodes([...nodes, node]);
          }}
        />
      )}
      {dialog?.kind === 'edit' && (
        <NodeForm
          uid={uid}
          node={dialog.node}
          notice={dialog.notice}
          otherNames={names.filter((_, at) => at !== dialog.index)}
          apiPort={apiPort}
          thresholds={thresholds}
          onDismiss={close}
          onSave={(node) => replace(dialog.index, node)}
        />
      )}
      {dialog?.kind === 'paste' && (
        <PasteSpecs
          uid={uid}
          existingNames={names}
          onDismiss={close}
          onAdd={(added) => setNodes([...nodes, ...added.map(tidyNode)])}
        />
      )}
      {dialog?.kind === 'find' && (
        <FindNodes
          uid={uid}
          known={nodes.map(shownNode)}
          onDismiss={close}
          onAdd={(added) => setNodes([...nodes, ...added])}
        />
      )}
      {/* The confirmation has a form of its own, whose submit must not reach the data source's. */}
      <div onSubmit={(event) => event.stopPropagation()}>
        <ConfirmModal
          isOpen={dialog?.kind === 'remove'}
          title="Remove node"
          body={`Remove ${dialog?.kind === 'remove' ? names[dialog.index] || 'this node' : ''} from this data source?`}
          description="Nothing changes on the node itself. It is watched until you save."
          confirmText="Remove"
          onConfirm={() => {
            if (dialog?.kind === 'remove') {
              setNodes(nodes.filter((_, at) => at !== dialog.index));
            }
            close();
          }}
          onDismiss={close}
        />
      </div>
    </div>
  );
}

/** What the checks found that belongs to no node. */
function GeneralChecks({ health, alerting }: { health: Health; alerting: Alerting }) {
  const styles = useStyles2(getStyles);
  if (health.phase === 'failed') {
    return (
      <Alert severity="error" title="The nodes could not be checked" className={styles.alert}>
        {health.error}
      </Alert>
    );
  }
  const details = health.answer?.details;
  if (!details) {
    return null;
  }
  const names = health.nodes.map((entry) => shownNode(entry).name);
  const checks = (details.checks ?? [])
    .filter((check) => check.node === '' || !names.includes(check.node))
    .map((check): Check => (check.node === '' ? check : { ...check, message: `${check.node}: ${check.message}` }));
  const said = (text: string) => (details.checks ?? []).some(({ message }) => message.includes(text));
  for (const problem of details.problems ?? []) {
    if (!said(problem.reason)) {
      const about = [problem.spec, problem.field].filter(Boolean).join(', ');
      checks.push({
        node: '',
        check: 'settings',
        status: 'error',
        message: about ? `${about}: ${problem.reason}` : problem.reason,
        mend: problem.mend,
      });
    }
  }
  for (const warning of details.warnings ?? []) {
    if (!said(warning)) {
      checks.push({ node: '', check: 'settings', status: 'warning', message: warning });
    }
  }
  const rules = alerting.status?.rules;
  if (rules && 'value' in rules && !rules.value.used) {
    checks.push({
      node: '',
      check: 'alert_rules',
      status: 'warning',
      message: NOBODY_IS_TOLD,
      mend: 'press Install or update alert rules below, and set a contact point in Grafana’s Alerting.',
    });
  }
  if (checks.length === 0) {
    return null;
  }
  return (
    <div className={styles.general}>
      <h4 className={styles.heading}>This data source</h4>
      <CheckList checks={checks} label="Checks of this data source" />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ maxWidth: 1200 }),
  empty: css({ color: theme.colors.text.secondary }),
  buttons: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), marginTop: theme.spacing(2) }),
  alert: css({ marginTop: theme.spacing(2), marginBottom: 0 }),
  heading: css({ ...theme.typography.h6, marginBottom: theme.spacing(1) }),
  general: css({ marginTop: theme.spacing(3) }),
});
