import { css } from '@emotion/css';
import React, { type ReactNode, useState } from 'react';
import { dateTimeFormat, type GrafanaTheme2, locationUtil } from '@grafana/data';
import { ConfigSection } from '@grafana/plugin-ui';
import { Alert, Button, Combobox, ConfirmModal, Field, Icon, Input, Spinner, Switch, useStyles2 } from '@grafana/ui';

import { type AlertingStatus, importDashboards, installRules, sendTestAlert, type Told } from '../../alerting';
import { errorText } from '../../backend';
import { FLAPPING, withKey } from '../../settings';
import { type CheckStatus } from '../../types';
import { StatusIcon } from './Checks';
import { NumberSetting } from './NumberSetting';
import { SettingsGrid } from './SettingsGrid';
import { type SectionProps } from './SettingsSections';
import { type Alerting } from './useAlerting';

interface Props extends SectionProps {
  uid: string;
  dataSource: string;
  /** The names of the saved nodes: only those can send a test alert. */
  names: string[];
  alerting: Alerting;
}

type Doing = 'rules' | 'dashboards' | 'test';

interface Outcome {
  of: Doing;
  severity: 'success' | 'error';
  title: string;
  text?: ReactNode;
}

/** Who is told when something is wrong: alert rules, contact points, a test, and the heartbeat. */
export function AlertsSection({ id, jsonData, readOnly, set, uid, dataSource, names, alerting }: Props) {
  const styles = useStyles2(getStyles);
  const [doing, setDoing] = useState<Doing>();
  const [outcome, setOutcome] = useState<Outcome>();
  const [confirm, setConfirm] = useState<'rules' | 'dashboards'>();
  const [node, setNode] = useState<string>();
  const { status } = alerting;

  const rules = valueOf(status?.rules);
  const dashboards = valueOf(status?.dashboards);
  const missing = dashboards?.dashboards.filter(({ imported }) => !imported) ?? [];
  const testNode = node !== undefined && names.includes(node) ? node : names[0];

  const run = async (of: Doing, act: () => Promise<Omit<Outcome, 'of' | 'severity'>>, failed: string) => {
    setDoing(of);
    setOutcome(undefined);
    try {
      setOutcome({ of, severity: 'success', ...(await act()) });
    } catch (error) {
      setOutcome({ of, severity: 'error', title: failed, text: errorText(error) });
    }
    setDoing(undefined);
    await alerting.ask();
  };

  const install = () =>
    run(
      'rules',
      async () => {
        const count = await installRules(uid);
        return {
          title: `${count} alert rules are installed`,
          text: 'They are evaluated every minute, and can be edited under Alerting, Alert rules.',
        };
      },
      'The alert rules could not be installed'
    );

  const importAll = () => {
    const wanted = missing.length > 0 ? missing : (dashboards?.dashboards ?? []);
    return run(
      'dashboards',
      async () => {
        await importDashboards(wanted, dataSource);
        return { title: `Imported: ${wanted.map(({ title }) => title).join(', ')}` };
      },
      'Not every dashboard could be imported'
    );
  };

  const test = () =>
    run(
      'test',
      async () => {
        const until = await sendTestAlert(uid, testNode);
        return {
          title: `A test alert of ${testNode} is raised`,
          text: [
            rules && rules.installed === 0
              ? 'No alert rule is installed yet, so nobody is told of it.'
              : 'Your contact point should have it within two minutes.',
            until && `It ends by itself at ${dateTimeFormat(until, { format: 'HH:mm:ss' })}.`,
          ]
            .filter(Boolean)
            .join(' '),
        };
      },
      'The test alert could not be sent'
    );

  const said = (of: Doing) =>
    outcome?.of === of && (
      <Alert severity={outcome.severity} title={outcome.title} className={styles.outcome}>
        {outcome.text}
      </Alert>
    );
  const icon = (of: Doing, name: 'bell' | 'apps' | 'message') =>
    doing === of ? <Spinner inline /> : <Icon name={name} />;

  return (
    <ConfigSection
      title="Alerts"
      description="Grafana tells you what is wrong: its alert rules ask this data source, and its contact points reach you."
      isCollapsible
    >
      <ul className={styles.status} aria-label="State of alerting">
        {statusLines(status).map(({ name, state, text, link }) => (
          <li key={name}>
            {state ? <StatusIcon status={state} /> : <Spinner inline />}
            <span>
              <strong>{name}:</strong> {text}
              {link && (
                <>
                  {' '}
                  <a
                    className="external-link"
                    href={locationUtil.assureBaseUrl(link.href)}
                    target="_blank"
                    rel="noreferrer"
                  >
                    {link.text}
                  </a>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>

      <div className={styles.buttons}>
        <Button
          icon={icon('rules', 'bell')}
          disabled={doing !== undefined || rules?.fromFile}
          onClick={() => (rules && rules.installed > 0 ? setConfirm('rules') : install())}
        >
          Install or update alert rules
        </Button>
        <Button
          variant="secondary"
          icon={icon('dashboards', 'apps')}
          disabled={doing !== undefined || !dashboards?.dashboards.length}
          onClick={() => (missing.length === 0 ? setConfirm('dashboards') : importAll())}
        >
          Import dashboards
        </Button>
      </div>
      <div aria-live="polite">
        {said('rules')}
        {said('dashboards')}
      </div>

      <div className={styles.test}>
        <Field
          label="Test alert of"
          description="The condition “test” holds for 5 minutes. It shows the whole way to you."
          htmlFor={`${id}-test`}
          noMargin
        >
          <Combobox
            id={`${id}-test`}
            options={names.map((name) => ({ value: name, label: name }))}
            value={testNode ?? null}
            placeholder="No node is saved"
            disabled={names.length === 0}
            width={30}
            onChange={({ value }) => setNode(value)}
          />
        </Field>
        <Button
          variant="secondary"
          icon={icon('test', 'message')}
          disabled={doing !== undefined || names.length === 0}
          onClick={test}
        >
          Send test alert
        </Button>
      </div>
      <div aria-live="polite">{said('test')}</div>

      <Field
        className={styles.heartbeat}
        label="Heartbeat URL"
        description="Asked every minute while all works, as healthchecks.io and Uptime Kuma take it: they tell you when Grafana itself is gone. Whoever may see these settings can read it."
        htmlFor={`${id}-heartbeat`}
        disabled={readOnly}
        invalid={Boolean(heartbeatProblem(jsonData.alerts?.heartbeatUrl))}
        error={heartbeatProblem(jsonData.alerts?.heartbeatUrl)}
      >
        <Input
          id={`${id}-heartbeat`}
          type="url"
          placeholder="https://hc-ping.com/…"
          value={jsonData.alerts?.heartbeatUrl ?? ''}
          aria-invalid={Boolean(heartbeatProblem(jsonData.alerts?.heartbeatUrl))}
          onChange={({ currentTarget }) =>
            set({ alerts: withKey(jsonData.alerts, 'heartbeatUrl', currentTarget.value.trim() || undefined) })
          }
        />
      </Field>
      <SettingsGrid>
        <NumberSetting
          id={`${id}-flapping`}
          label="A condition is over after"
          description="One that comes back before has not ended, and is not told of again."
          unit="min"
          value={jsonData.alerts?.flappingMinutes}
          bounds={FLAPPING}
          disabled={readOnly}
          onChange={(next) => set({ alerts: withKey(jsonData.alerts, 'flappingMinutes', next) })}
        />
      </SettingsGrid>
      <Field
        label="A full disk is a problem"
        description="A full node is what most operators want, so that a disk which fills up is told of as info, which nobody is notified of. On: as warning, and as critical where it is nearly full, or will be within a week."
        htmlFor={`${id}-full-disk`}
        disabled={readOnly}
      >
        <Switch
          id={`${id}-full-disk`}
          value={jsonData.alerts?.fullDiskIsAProblem ?? false}
          onChange={({ currentTarget }) =>
            set({ alerts: withKey(jsonData.alerts, 'fullDiskIsAProblem', currentTarget.checked || undefined) })
          }
        />
      </Field>

      {/* The confirmation has a form of its own, whose submit must not reach the data source's. */}
      <div onSubmit={(event) => event.stopPropagation()}>
        <ConfirmModal
          isOpen={confirm === 'rules'}
          title="Update alert rules"
          body="Put the newest form of the rules into the place of those that are installed?"
          description="What you have changed in their queries, times and texts is replaced. Rules that are paused stay so, whom they notify stays, and so do rules of your own."
          confirmText="Update"
          confirmVariant="primary"
          onConfirm={() => {
            setConfirm(undefined);
            install();
          }}
          onDismiss={() => setConfirm(undefined)}
        />
        <ConfirmModal
          isOpen={confirm === 'dashboards'}
          title="Import dashboards again"
          body="All of them are there. Put the plugin’s own into their place?"
          description="What you have changed in them is replaced."
          confirmText="Import"
          onConfirm={() => {
            setConfirm(undefined);
            importAll();
          }}
          onDismiss={() => setConfirm(undefined)}
        />
      </div>
    </ConfigSection>
  );
}

interface StatusLine {
  name: string;
  /** Undefined until it is known. */
  state?: CheckStatus;
  text: string;
  link?: { href: string; text: string };
}

/** What nobody may overlook, and what the checks say too. */
export const NOBODY_IS_TOLD = 'No alert rule uses this data source: nobody will be told.';

function statusLines(status: AlertingStatus | undefined): StatusLine[] {
  if (!status) {
    return ['Alert rules', 'Contact point', 'Dashboards'].map((name) => ({ name, text: 'asking Grafana…' }));
  }
  return [rulesLine(status), contactLine(status), dashboardsLine(status)];
}

function rulesLine({ rules }: AlertingStatus): StatusLine {
  const name = 'Alert rules';
  if ('why' in rules) {
    return { name, state: 'info', text: `cannot be seen: ${rules.why}.` };
  }
  const { wanted, installed, used, fromFile } = rules.value;
  const link = { href: '/alerting/list', text: 'Alert rules' };
  if (installed === 0) {
    return used
      ? {
          name,
          state: 'info',
          text: `none of the ${wanted} is installed; rules of your own ask this data source.`,
          link,
        }
      : { name, state: 'warning', text: NOBODY_IS_TOLD };
  }
  const from = fromFile ? ', from a provisioned file, which alone can change them' : '';
  return {
    name,
    state: installed < wanted ? 'warning' : 'ok',
    text: `${installed} of ${wanted} installed${from}.`,
    link,
  };
}

function contactLine({ contactPoints }: AlertingStatus): StatusLine {
  const name = 'Contact point';
  if ('why' in contactPoints) {
    return { name, state: 'info', text: `cannot be seen: ${contactPoints.why}.` };
  }
  const link = { href: '/alerting/notifications', text: 'Contact points' };
  const { told, unused } = contactPoints.value;
  if (told.length > 0) {
    return { name, state: 'ok', text: `set: ${told.join(', ')}.`, link };
  }
  return unused.length > 0
    ? {
        name,
        state: 'warning',
        text: `no notification policy leads to ${unused.join(', ')}: nobody will be told. Choose one in the default policy:`,
        link: { href: '/alerting/routes', text: 'Notification policies' },
      }
    : {
        name,
        state: 'warning',
        text: 'there is only Grafana’s empty default e-mail, which reaches nobody. Set one of your own:',
        link,
      };
}

function dashboardsLine({ dashboards }: AlertingStatus): StatusLine {
  const name = 'Dashboards';
  if ('why' in dashboards) {
    return { name, state: 'info', text: `cannot be seen: ${dashboards.why}.` };
  }
  const { there, dashboards: all } = dashboards.value;
  return { name, state: there < all.length ? 'info' : 'ok', text: `${there} of ${all.length} imported.` };
}

function valueOf<T>(told: Told<T> | undefined): T | undefined {
  return told && 'value' in told ? told.value : undefined;
}

function heartbeatProblem(url: string | undefined): string | undefined {
  return url && !/^https?:\/\/\S+$/i.test(url)
    ? 'Begin the address with http:// or https://, as in https://hc-ping.com/….'
    : undefined;
}

const getStyles = (theme: GrafanaTheme2) => ({
  status: css({
    listStyle: 'none',
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(2),
    li: { display: 'flex', gap: theme.spacing(1), alignItems: 'flex-start', overflowWrap: 'anywhere' },
    // Else a link in a text is told from it by its colour alone.
    a: { textDecoration: 'underline' },
  }),
  buttons: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), marginBottom: theme.spacing(2) }),
  test: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'flex-end',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(2),
    // The description must not push the button away from its field.
    '& > :first-child': { maxWidth: 260 },
  }),
  heartbeat: css({ maxWidth: 620 }),
  outcome: css({ maxWidth: 800 }),
});
