import { css } from '@emotion/css';
import React, { useId, useMemo, useState } from 'react';
import { type DataSourcePluginOptionsEditorProps, type GrafanaTheme2 } from '@grafana/data';
import { ConfigSection, ConfigSubSection, DataSourceDescription } from '@grafana/plugin-ui';
import { Alert, Button, ConfirmModal, Divider, Field, Icon, Spinner, Switch, useStyles2 } from '@grafana/ui';

import { fetchNodes, parseSpecs, problemText } from '../../backend';
import {
  API_PORT,
  BACKGROUND_TIMEOUT,
  DEFAULT_THRESHOLDS,
  IDLE_STOP,
  INTERACTIVE_TIMEOUT,
  MEMORY_LIMIT,
  PAYOUTS_INTERVAL,
  RAW_DAYS,
  ROLLUP_DAYS,
  SCORES_INTERVAL,
  shownNode,
  STATUS_INTERVAL,
  tidyNode,
  withKey,
} from '../../settings';
import { type Check, type NodeEntry, type NodeSettings, type PollIntervals, type Retention, type StorjOptions } from '../../types';
import { CheckList } from './Checks';
import { NodeForm } from './NodeForm';
import { NodeTable } from './NodeTable';
import { NumberSetting } from './NumberSetting';
import { PasteSpecs } from './PasteSpecs';
import { SettingsGrid } from './SettingsGrid';
import { ThresholdSettings } from './ThresholdSettings';
import { type Health, useHealth } from './useHealth';

type Props = DataSourcePluginOptionsEditorProps<StorjOptions>;

const DOCS = 'https://github.com/storagenode-monitor/storagenode-monitor-datasource#readme';

type Dialog =
  | { kind: 'add' }
  | { kind: 'edit'; index: number; node: NodeSettings; notice?: string }
  | { kind: 'paste' }
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

  const set = (part: Partial<StorjOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...part } });
  const setNodes = (next: NodeEntry[]) => set({ nodes: next });
  const setPoll = (key: keyof PollIntervals) => (value: number | undefined) =>
    set({ pollIntervals: withKey(jsonData.pollIntervals, key, value) });
  const setRetention = (key: keyof Retention) => (value: number | undefined) =>
    set({ retention: withKey(jsonData.retention, key, value) });
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
  const interactive = jsonData.interactiveTimeoutSeconds ?? INTERACTIVE_TIMEOUT.preset;
  const background = jsonData.backgroundTimeoutSeconds ?? BACKGROUND_TIMEOUT.preset;

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
              : 'No node yet. Add the first one, or paste the specs that you already have.'}
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
        <GeneralChecks health={health} />
      </ConfigSection>
      <Divider />

      <ConfigSection title="Connection" description="How the nodes’ APIs are found and asked." isCollapsible>
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
        </SettingsGrid>
        <Field
          label="Allow APIs on other machines"
          description="Off: only APIs on Grafana’s own machine are asked, whatever address a node has."
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
      <Divider />

      <ConfigSection title="Polling" description="How often each node’s API is asked." isCollapsible>
        <SettingsGrid>
          <NumberSetting
            id={`${id}-status`}
            label="Status and disk"
            description="Whether the node is there, its version, its space."
            unit="s"
            value={jsonData.pollIntervals?.statusSeconds}
            bounds={STATUS_INTERVAL}
            disabled={readOnly}
            onChange={setPoll('statusSeconds')}
          />
          <NumberSetting
            id={`${id}-scores`}
            label="Scores"
            description="New scores reach a node only every 4 hours."
            unit="s"
            value={jsonData.pollIntervals?.scoresSeconds}
            bounds={SCORES_INTERVAL}
            disabled={readOnly}
            onChange={setPoll('scoresSeconds')}
          />
          <NumberSetting
            id={`${id}-payouts`}
            label="Payouts"
            description="The estimated payout of the month."
            unit="s"
            value={jsonData.pollIntervals?.payoutsSeconds}
            bounds={PAYOUTS_INTERVAL}
            disabled={readOnly}
            onChange={setPoll('payoutsSeconds')}
          />
        </SettingsGrid>
      </ConfigSection>
      <Divider />

      <ConfigSection
        title="Thresholds"
        description="From which score on something is called a warning or critical, for all nodes. A node can have its own."
        isCollapsible
      >
        <ThresholdSettings
          idPrefix={`${id}-threshold`}
          value={jsonData.thresholds}
          inherited={DEFAULT_THRESHOLDS}
          disabled={readOnly}
          onChange={(thresholds) => set({ thresholds })}
        />
      </ConfigSection>
      <Divider />

      <ConfigSection
        title="Advanced"
        isCollapsible
        isInitiallyOpen={[jsonData.idleStopDays, jsonData.memoryLimitMiB, jsonData.retention].some(
          (value) => value !== undefined
        )}
      >
        <ConfigSubSection title="Collecting">
          <SettingsGrid>
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
        </ConfigSubSection>
        <ConfigSubSection title="Storing">
          <SettingsGrid>
            <NumberSetting
              id={`${id}-memory`}
              label="Memory for the history"
              description="Past it the oldest values as polled are dropped, and the checks say so. Hours and days stay."
              unit="MiB"
              value={jsonData.memoryLimitMiB}
              bounds={MEMORY_LIMIT}
              disabled={readOnly}
              onChange={(memoryLimitMiB) => set({ memoryLimitMiB })}
            />
            <NumberSetting
              id={`${id}-raw`}
              label="Keep values as polled"
              description="Every value, as the node gave it."
              unit="days"
              value={jsonData.retention?.rawDays}
              bounds={RAW_DAYS}
              disabled={readOnly}
              onChange={setRetention('rawDays')}
            />
            <NumberSetting
              id={`${id}-rollup`}
              label="Keep hours and days"
              description="The worst and last value of each."
              unit="days"
              value={jsonData.retention?.rollupDays}
              bounds={ROLLUP_DAYS}
              disabled={readOnly}
              onChange={setRetention('rollupDays')}
            />
          </SettingsGrid>
        </ConfigSubSection>
      </ConfigSection>

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
function GeneralChecks({ health }: { health: Health }) {
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
